"""The wire language of OpenAI's chat completions, as spoken to upstreams."""
