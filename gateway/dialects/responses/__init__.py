"""OpenAI's Responses: what clients of it send, what they get, and how a provider's own answers are passed on.

https://platform.openai.com/docs/api-reference/responses
"""
