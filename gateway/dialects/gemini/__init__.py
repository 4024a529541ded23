"""Gemini's generateContent and streamGenerateContent, as a provider speaks them (https://ai.google.dev/api)."""
