"""OpenAI's chat completions as a dialect of the pivot: for its clients, and for the providers that speak it.

`client.ChatClient` serves clients whose model stands behind another dialect, `provider.ChatProvider` asks providers on
behalf of clients of another dialect. Where both ends speak it, nothing here is used (`gateway.dialects.openai_chat`).
"""
