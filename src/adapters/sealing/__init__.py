"""Envelopes that clients carry for us, and the keys they are sealed with."""
