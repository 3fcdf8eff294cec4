#!/bin/sh
# Offers a tool; the answer holds the model's call of it, under `tool_calls`.
set -eu
curl --silent --show-error --fail-with-body \
  "${MODELMUX_URL:-http://127.0.0.1:3000/v1}/chat/completions" \
  -H "Authorization: Bearer ${MODELMUX_API_KEY:-none-on-loopback}" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "'"${MODELMUX_MODEL:-demo}"'",
    "messages": [{"role": "user", "content": "What is the weather in Paris?"}],
    "tools": [{
      "type": "function",
      "function": {
        "name": "get_weather",
        "description": "The weather in a city, now",
        "parameters": {
          "type": "object",
          "properties": {"city": {"type": "string"}},
          "required": ["city"],
          "additionalProperties": false
        }
      }
    }]
  }'
