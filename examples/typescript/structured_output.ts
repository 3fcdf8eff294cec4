// An answer in the form of a JSON schema.
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: process.env.MODELMUX_URL ?? "http://127.0.0.1:3000/v1",
  apiKey: process.env.MODELMUX_API_KEY ?? "none-on-loopback",
});

const answer = await client.chat.completions.create({
  model: process.env.MODELMUX_MODEL ?? "demo",
  messages: [{ role: "user", content: "Invent a city." }],
  response_format: {
    type: "json_schema",
    json_schema: {
      name: "city",
      strict: true,
      schema: {
        type: "object",
        properties: {
          name: { type: "string" },
          inhabitants: { type: "integer" },
          coastal: { type: "boolean" },
        },
        required: ["name", "inhabitants", "coastal"],
        additionalProperties: false,
      },
    },
  },
});
const city = JSON.parse(answer.choices[0]?.message.content ?? "") as {
  name: string;
  inhabitants: number;
  coastal: boolean;
};
console.log(`${city.name}: ${city.inhabitants} inhabitants, by the sea: ${city.coastal}`);
