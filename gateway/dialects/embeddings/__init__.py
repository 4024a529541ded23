"""Embeddings: OpenAI's `POST /v1/embeddings` as clients speak it, and Gemini's batchEmbedContents behind it.

What is passed on as it is needs no reading here beyond `request`; of its answer `openai_reply` reads the usage.
"""
