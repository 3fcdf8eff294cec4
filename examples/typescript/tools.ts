// A tool the model may call: ask, run what it calls, hand back the result, read the answer.
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.MODELMUX_URL ?? "http://127.0.0.1:3000/v1",
  apiKey: process.env.MODELMUX_API_KEY ?? "none-on-loopback",
});
const model = process.env.MODELMUX_MODEL ?? "demo";

function getWeather(city: string): string {
  return `18 degrees and sunny in ${city}`;
}

const tools: OpenAI.Chat.ChatCompletionTool[] = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The weather in a city, now",
      parameters: {
        type: "object",
        properties: { city: { type: "string" } },
        required: ["city"],
        additionalProperties: false,
      },
    },
  },
];
const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [
  { role: "user", content: "What is the weather in Paris?" },
];

for (let turn = 0; turn < 5; turn++) {
  const answer = await client.chat.completions.create({ model, messages, tools });
  const message = answer.choices[0]?.message;
  if (!message?.tool_calls?.length) {
    console.log(message?.content);
    break;
  }
  messages.push(message);
  for (const call of message.tool_calls) {
    if (call.type !== "function") continue;
    const { city } = JSON.parse(call.function.arguments) as { city: string };
    console.log(`[the model calls ${call.function.name}(${call.function.arguments})]`);
    messages.push({ role: "tool", tool_call_id: call.id, content: getWeather(city) });
  }
}
