"""Supervised actors on Trio, and the two that an LLM gateway is made of."""
