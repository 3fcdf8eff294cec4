"""An answer that is printed while it is written, and what it cost."""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("MODELMUX_URL", "http://127.0.0.1:3000/v1"),
    api_key=os.environ.get("MODELMUX_API_KEY", "none-on-loopback"),
)
chunks = client.chat.completions.create(
    model=os.environ.get("MODELMUX_MODEL", "demo"),
    messages=[{"role": "user", "content": "Tell me a short story."}],
    stream=True,
    stream_options={"include_usage": True},
)
for chunk in chunks:
    if chunk.choices and chunk.choices[0].delta.content:
        print(chunk.choices[0].delta.content, end="", flush=True)
    if chunk.usage:
        print(f"\n[{chunk.usage.prompt_tokens} tokens in, {chunk.usage.completion_tokens} out]")
