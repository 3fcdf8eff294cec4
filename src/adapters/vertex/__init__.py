"""Claude and Gemini on Vertex AI."""
