"""Real servers and clients that tests start."""
