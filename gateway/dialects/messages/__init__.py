"""Anthropic's Messages as clients speak it (https://platform.claude.com/docs/en/api/messages), whoever answers.

`client.MessagesClient` serves clients whose model stands behind another dialect. `request_notes`, `answer_notes` and
`passed_stream` read what is only passed on, between such a client and a provider that speaks Messages too.
"""
