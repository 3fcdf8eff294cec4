"""The wire language of Gemini's generateContent."""
