"""The wire language of Anthropic's Messages, as spoken to upstreams."""
