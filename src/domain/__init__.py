"""The values modelmux reasons about: conversations, requests, events. Standard library only."""
