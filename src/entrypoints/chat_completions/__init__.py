"""The chat completions dialect, as clients speak it to us."""
