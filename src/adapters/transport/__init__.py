"""The HTTP client for upstreams: pool, framing, deadlines."""
