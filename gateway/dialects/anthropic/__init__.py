"""Anthropic's Messages API (https://platform.claude.com/docs/en/api/messages), asked on behalf of other clients."""
