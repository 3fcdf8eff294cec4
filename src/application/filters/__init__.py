"""Filters: LlmProviders that wrap an LlmProvider."""
