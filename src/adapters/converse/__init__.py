"""Bedrock's Converse API, as a language."""
