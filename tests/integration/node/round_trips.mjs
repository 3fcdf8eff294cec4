// Asks a gateway through the official SDK for Node and prints what it saw as JSON.
import OpenAI from "openai";

const baseURL = process.env.MODELMUX_URL;
const client = new OpenAI({ baseURL, apiKey: process.env.MODELMUX_API_KEY, maxRetries: 0 });
const city = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};
const say = (content) => [{ role: "user", content }];

async function whole(model) {
  const { data, response } = await client.chat.completions
    .create({ model, messages: say("Hello") })
    .withResponse();
  const { message, finish_reason } = data.choices[0];
  const provider = response.headers.get("x-modelmux-provider");
  return { text: message.content, reason: finish_reason, provider, id: data._request_id };
}

async function streamed(model) {
  const stream = await client.chat.completions.create({
    model,
    messages: say("one two three"),
    stream: true,
    stream_options: { include_usage: true },
  });
  const seen = { text: "", pieces: 0, ids: [], usage: null };
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta.content;
    if (piece) {
      seen.text += piece;
      seen.pieces += 1;
    }
    if (!seen.ids.includes(chunk.id)) seen.ids.push(chunk.id);
    seen.usage = chunk.usage ?? seen.usage;
  }
  return seen;
}

async function tools(model, stream) {
  const asked = [];
  const weather = {
    type: "function",
    function: {
      name: "get_weather",
      description: "The weather in a city",
      parameters: city,
      parse: JSON.parse,
      function: (given) => {
        asked.push(given);
        return "sunny";
      },
    },
  };
  const messages = say("call get_weather, think");
  const runner = client.chat.completions.runTools({ model, messages, tools: [weather], stream });
  return { text: await runner.finalContent(), asked };
}

async function structured(model) {
  const completion = await client.chat.completions.parse({
    model,
    messages: say("Name a city."),
    response_format: {
      type: "json_schema",
      json_schema: { name: "city", schema: city, strict: true },
    },
  });
  return JSON.parse(completion.choices[0].message.content);
}

async function failure(call) {
  try {
    await call();
  } catch (error) {
    const { status, code, requestID } = error;
    return { kind: error.constructor.name, status, code, id: requestID };
  }
  return "no error";
}

async function aborted(model) {
  const stream = await client.chat.completions.create({
    model,
    messages: say("Hello"),
    stream: true,
  });
  let seen = 0;
  for await (const chunk of stream) {
    seen += chunk.choices.length;
    if (seen === 3) stream.controller.abort();
  }
  return seen;
}

const found = { families: {} };
for (const [family, model] of Object.entries(JSON.parse(process.env.MODELS))) {
  found.families[family] = {
    whole: await whole(model),
    streamed: await streamed(model),
    tools: [await tools(model, false), await tools(model, true)],
    structured: await structured(model),
  };
}
const stranger = new OpenAI({ baseURL, apiKey: "test-wrong-key-not-secret", maxRetries: 0 });
found.errors = {
  key: await failure(() => stranger.models.list()),
  model: await failure(() => whole("unknown")),
  rate: await failure(() => whole("vllm/rate-limited")),
  request: await failure(() => client.chat.completions.create({ model: "demo", messages: [] })),
  cut: await failure(() => streamed("vllm/cut")),
};
found.models = [];
for await (const model of client.models.list()) found.models.push(model.id);
found.aborted = await aborted("vllm/endless");
console.log(JSON.stringify(found));
