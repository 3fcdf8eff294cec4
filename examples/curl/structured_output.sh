#!/bin/sh
# An answer in the form of a JSON schema; the content is JSON text.
set -eu
curl --silent --show-error --fail-with-body \
  "${MODELMUX_URL:-http://127.0.0.1:3000/v1}/chat/completions" \
  -H "Authorization: Bearer ${MODELMUX_API_KEY:-none-on-loopback}" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "'"${MODELMUX_MODEL:-demo}"'",
    "messages": [{"role": "user", "content": "Invent a city."}],
    "response_format": {
      "type": "json_schema",
      "json_schema": {
        "name": "city",
        "strict": true,
        "schema": {
          "type": "object",
          "properties": {"name": {"type": "string"}, "inhabitants": {"type": "integer"}},
          "required": ["name", "inhabitants"],
          "additionalProperties": false
        }
      }
    }
  }'
