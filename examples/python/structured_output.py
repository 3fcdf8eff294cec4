"""An answer in the form of a JSON schema."""

import json
import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("MODELMUX_URL", "http://127.0.0.1:3000/v1"),
    api_key=os.environ.get("MODELMUX_API_KEY", "none-on-loopback"),
)
answer = client.chat.completions.create(
    model=os.environ.get("MODELMUX_MODEL", "demo"),
    messages=[{"role": "user", "content": "Invent a city."}],
    response_format={
        "type": "json_schema",
        "json_schema": {
            "name": "city",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "inhabitants": {"type": "integer"},
                    "coastal": {"type": "boolean"},
                },
                "required": ["name", "inhabitants", "coastal"],
                "additionalProperties": False,
            },
        },
    },
)
city = json.loads(answer.choices[0].message.content or "")
print(f"{city['name']}: {city['inhabitants']} inhabitants, by the sea: {city['coastal']}")
