"""Azure OpenAI and Foundry."""
