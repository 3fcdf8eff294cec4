#!/bin/sh
# An answer that is printed while it is written, event by event.
set -eu
curl --silent --show-error --fail-with-body --no-buffer \
  "${MODELMUX_URL:-http://127.0.0.1:3000/v1}/chat/completions" \
  -H "Authorization: Bearer ${MODELMUX_API_KEY:-none-on-loopback}" \
  -H "Content-Type: application/json" \
  -d '{
    "model": "'"${MODELMUX_MODEL:-demo}"'",
    "stream": true,
    "stream_options": {"include_usage": true},
    "messages": [{"role": "user", "content": "Tell me a short story."}]
  }'
