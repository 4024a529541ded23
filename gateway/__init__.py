"""An OpenAI-compatible LLM gateway whose providers are supervised actors."""

__version__ = "0.1.0"
