// Asks a gateway through Anthropic's SDK for Node and prints what it saw as JSON.
import Anthropic from "@anthropic-ai/sdk";

const baseURL = process.env.MODELMUX_URL;
const client = new Anthropic({ baseURL, apiKey: process.env.MODELMUX_API_KEY, maxRetries: 0 });
const weather = {
  name: "get_weather",
  description: "The weather in a city",
  input_schema: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
};
const time = { ...weather, name: "get_time" };
const textOf = (message) =>
  message.content.map((block) => (block.type === "text" ? block.text : "")).join("");

function body(model, messages, more) {
  return { model, max_tokens: 3000, messages, ...more };
}

async function answer(stream, model, messages, more) {
  if (!stream) return client.messages.create(body(model, messages, more));
  return client.messages.stream(body(model, messages, more)).finalMessage();
}

async function text(stream, model) {
  const told = await answer(stream, model, [{ role: "user", content: "one two three" }]);
  return { text: textOf(told), reason: told.stop_reason, output: told.usage.output_tokens };
}

async function pieces(model) {
  const said = [{ role: "user", content: "one two three" }];
  const seen = [];
  const stream = client.messages.stream(body(model, said));
  stream.on("text", (piece) => seen.push(piece));
  await stream.finalMessage();
  return seen;
}

async function tools(stream, model, thinking) {
  const more = { tools: [weather, time], ...thinking };
  const messages = [{ role: "user", content: "think, parallel" }];
  const called = await answer(stream, model, messages, more);
  const calls = called.content.filter((block) => block.type === "tool_use");
  messages.push({ role: "assistant", content: called.content });
  messages.push({
    role: "user",
    content: calls.map((call) => ({
      type: "tool_result",
      tool_use_id: call.id,
      content: `sunny in ${call.input.city}`,
    })),
  });
  const final = await answer(stream, model, messages, more);
  return {
    names: calls.map((call) => call.name),
    reason: called.stop_reason,
    kinds: called.content.map((block) => block.type),
    text: textOf(final),
  };
}

async function failure(call) {
  try {
    await call();
  } catch (error) {
    return { kind: error.constructor.name, status: error.status, type: error.error?.error?.type };
  }
  return null;
}

const models = JSON.parse(process.env.MODELS);
const families = {};
for (const [name, { model, thinking }] of Object.entries(models)) {
  families[name] = {
    whole: await text(false, model),
    streamed: await text(true, model),
    pieces: await pieces(model),
    tools: await tools(false, model, thinking),
    streamedTools: await tools(true, model, thinking),
  };
}
const nobody = [{ role: "user", content: "Hello" }];
const wrongKey = new Anthropic({ baseURL, apiKey: "not-it", maxRetries: 0 });
console.log(
  JSON.stringify({
    families,
    noModel: await failure(() => answer(false, "nobody-has-it", nobody)),
    wrongKey: await failure(() => wrongKey.messages.create(body("demo", nobody))),
    cut: await failure(() =>
      answer(true, models.gemini.model, [{ role: "user", content: "cut this here please" }]),
    ),
  }),
);
