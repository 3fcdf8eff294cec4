"""The wire language of OpenAI's Responses API, as spoken to upstreams."""
