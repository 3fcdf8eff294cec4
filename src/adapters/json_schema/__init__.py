"""Checks answers against JSON Schemas."""
