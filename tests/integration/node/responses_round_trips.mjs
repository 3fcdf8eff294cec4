// Asks a gateway's Responses API through the official SDK for Node and prints what it saw as JSON.
import OpenAI from "openai";

const baseURL = process.env.MODELMUX_URL;
const client = new OpenAI({ baseURL, apiKey: process.env.MODELMUX_API_KEY, maxRetries: 0 });
const parameters = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const weather = {
  type: "function",
  name: "get_weather",
  description: "The weather in a city",
  parameters,
  strict: false,
};

async function whole(model) {
  const { data, response } = await client.responses
    .create({ model, input: "Hello", instructions: "Be kind." })
    .withResponse();
  const kept = await client.responses.retrieve(data.id);
  const provider = response.headers.get("x-modelmux-provider");
  return { text: data.output_text, kept: kept.output_text, status: data.status, provider };
}

async function streamed(model) {
  const stream = await client.responses.create({ model, input: "one two three", stream: true });
  const seen = { text: "", types: [], numbers: [] };
  for await (const event of stream) {
    if (event.type === "response.output_text.delta") seen.text += event.delta;
    seen.types.push(event.type);
    seen.numbers.push(event.sequence_number);
    if (event.type === "response.completed") seen.usage = event.response.usage;
  }
  return seen;
}

async function helper(model) {
  const stream = client.responses.stream({ model, input: "one two" });
  let deltas = 0;
  stream.on("response.output_text.delta", () => (deltas += 1));
  const final = await stream.finalResponse();
  return { text: final.output_text, deltas };
}

// The loop an agent runs: kept here, or all of it carried along.
async function tools(model, store) {
  const more = { model, tools: [weather], store, reasoning: { effort: "low" } };
  if (!store) more.include = ["reasoning.encrypted_content"];
  let input = [{ role: "user", content: "call get_weather, think" }];
  let previous;
  const calls = [];
  for (let turn = 0; turn < 3; turn += 1) {
    const said = { ...more, input, ...(previous && { previous_response_id: previous }) };
    const stream = client.responses.stream(said);
    const response = await stream.finalResponse();
    const asked = response.output.filter((item) => item.type === "function_call");
    if (asked.length === 0) return { text: response.output_text, calls };
    const results = asked.map(({ call_id }) => ({
      type: "function_call_output",
      call_id,
      output: "sunny",
    }));
    calls.push(...asked.map((call) => JSON.parse(call.arguments)));
    input = store ? results : [...input, ...response.output, ...results];
    if (store) previous = response.id;
  }
  return "no end";
}

async function structured(model) {
  const response = await client.responses.parse({
    model,
    input: "Name a city.",
    text: { format: { type: "json_schema", name: "city", schema: parameters, strict: true } },
  });
  return response.output_parsed;
}

async function background(model) {
  const queued = await client.responses.create({ model, input: "Hello", background: true });
  let last = queued;
  for (let round = 0; round < 100 && !["completed", "failed"].includes(last.status); round += 1) {
    await new Promise((done) => setTimeout(done, 20));
    last = await client.responses.retrieve(queued.id);
  }
  return { first: queued.status, last: last.status, text: last.output_text };
}

async function conversation(model) {
  const { id } = await client.conversations.create();
  await client.responses.create({ model, input: "first", conversation: id });
  await client.responses.create({ model, input: "second", conversation: id });
  const roles = [];
  for await (const item of client.conversations.items.list(id, { order: "asc" })) {
    if (item.type === "message") roles.push(item.role);
  }
  return roles;
}

async function failure(call) {
  try {
    await call();
  } catch (error) {
    const { status, code, param } = error;
    return { kind: error.constructor.name, status, code, param };
  }
  return "no error";
}

const found = { families: {} };
for (const [family, model] of Object.entries(JSON.parse(process.env.MODELS))) {
  found.families[family] = {
    whole: await whole(model),
    streamed: await streamed(model),
    helper: await helper(model),
    kept: await tools(model, true),
    carried: await tools(model, false),
    structured: await structured(model),
    background: await background(model),
    conversation: await conversation(model),
  };
}
found.errors = {
  unknown: await failure(() => client.responses.retrieve("resp_none")),
  previous: await failure(() =>
    client.responses.create({ model: "demo", input: "Hi", previous_response_id: "resp_none" }),
  ),
  item: await failure(() =>
    client.responses.create({ model: "demo", input: [{ type: "quantum_call" }] }),
  ),
};
console.log(JSON.stringify(found));
