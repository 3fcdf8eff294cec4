"""Cohere: where it is, how one signs in."""
