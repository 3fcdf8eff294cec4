"""Cohere's API v2, as a language."""
