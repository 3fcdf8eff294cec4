"""The built-in provider: in-process, deterministic, no network."""
