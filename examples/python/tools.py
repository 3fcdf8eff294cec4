"""A tool the model may call: ask, run what it calls, hand back the result, read the answer."""

import json
import os

from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

client = OpenAI(
    base_url=os.environ.get("MODELMUX_URL", "http://127.0.0.1:3000/v1"),
    api_key=os.environ.get("MODELMUX_API_KEY", "none-on-loopback"),
)
model = os.environ.get("MODELMUX_MODEL", "demo")


def get_weather(city: str) -> str:
    """Stand in for a weather service."""
    return f"18 degrees and sunny in {city}"


tools: list[ChatCompletionToolParam] = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city, now",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
]
messages: list[ChatCompletionMessageParam] = [
    {"role": "user", "content": "What is the weather in Paris?"}
]

for _turn in range(5):
    answer = client.chat.completions.create(model=model, messages=messages, tools=tools)
    message = answer.choices[0].message
    calls = [call for call in message.tool_calls or [] if call.type == "function"]
    if not calls:
        print(message.content)
        break
    messages.append(
        {
            "role": "assistant",
            "content": message.content,
            "tool_calls": [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {
                        "name": call.function.name,
                        "arguments": call.function.arguments,
                    },
                }
                for call in calls
            ],
        }
    )
    for call in calls:
        arguments = json.loads(call.function.arguments)
        print(f"[the model calls {call.function.name}({arguments})]")
        result = get_weather(**arguments)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
