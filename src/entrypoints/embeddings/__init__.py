"""OpenAI's embeddings, as callers ask for them."""
