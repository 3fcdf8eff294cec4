"""Claude at Anthropic: where it is, how one signs in."""
