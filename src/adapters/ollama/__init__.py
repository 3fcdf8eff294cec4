"""Ollama in its own language."""
