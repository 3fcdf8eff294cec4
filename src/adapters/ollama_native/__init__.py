"""Ollama's own API, as a language."""
