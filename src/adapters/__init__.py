"""Adapters: each implements ports with one outside library, service or wire language."""
