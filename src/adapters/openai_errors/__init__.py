"""Errors of servers that speak one of OpenAI's languages: the same in both."""
