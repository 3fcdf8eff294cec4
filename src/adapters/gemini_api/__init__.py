"""Google's Gemini API, by key."""
