// An answer that is printed while it is written, and what it cost.
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.MODELMUX_URL ?? "http://127.0.0.1:3000/v1",
  apiKey: process.env.MODELMUX_API_KEY ?? "none-on-loopback",
});

const chunks = await client.chat.completions.create({
  model: process.env.MODELMUX_MODEL ?? "demo",
  messages: [{ role: "user", content: "Tell me a short story." }],
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of chunks) {
  process.stdout.write(chunk.choices[0]?.delta.content ?? "");
  if (chunk.usage) {
    const { prompt_tokens, completion_tokens } = chunk.usage;
    console.log(`\n[${prompt_tokens} tokens in, ${completion_tokens} out]`);
  }
}
