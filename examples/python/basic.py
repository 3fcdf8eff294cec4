"""One question, one answer."""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("MODELMUX_URL", "http://127.0.0.1:3000/v1"),
    api_key=os.environ.get("MODELMUX_API_KEY", "none-on-loopback"),
)
answer = client.chat.completions.create(
    model=os.environ.get("MODELMUX_MODEL", "demo"),
    messages=[{"role": "user", "content": "Say hello."}],
)
print(answer.choices[0].message.content)
