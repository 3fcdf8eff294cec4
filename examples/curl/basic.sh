#!/bin/sh
# One question, one answer.
set -eu
curl --silent --show-error --fail-with-body \
  "${MODELMUX_URL:-http://127.0.0.1:3000/v1}/chat/completions" \
  -H "Authorization: Bearer ${MODELMUX_API_KEY:-none-on-loopback}" \
  -H "Content-Type: application/json" \
  -d '{"model": "'"${MODELMUX_MODEL:-demo}"'", "messages": [{"role": "user", "content": "Say hello."}]}'
