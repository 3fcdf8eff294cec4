// One question, one answer.
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.MODELMUX_URL ?? "http://127.0.0.1:3000/v1",
  apiKey: process.env.MODELMUX_API_KEY ?? "none-on-loopback",
});

const answer = await client.chat.completions.create({
  model: process.env.MODELMUX_MODEL ?? "demo",
  messages: [{ role: "user", content: "Say hello." }],
});
console.log(answer.choices[0]?.message.content);
