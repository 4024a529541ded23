"""OpenRouter's `reasoning_details` in a stream: what each delta says of the reasoning that is being told.

Of one index, `type`, `format` and `id` are said once, the text in pieces, the signature whole.
"""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.dialects.chat.details import describe, tie
from gateway.dialects.conversation import Reasoning

Delta = dict[str, Any]


class DetailStream:
    """The details of one message. `hidden` where only what is signed may be seen, and no plain thoughts beside it."""

    __slots__ = ("_count", "_draft", "_hidden", "_run", "_told")

    def __init__(self, *, hidden: bool) -> None:
        self._hidden = hidden
        self._count = 0
        self._draft: Reasoning | None = None
        """The open reasoning, as far as it has been told; all of it, where it is hidden."""
        self._told = False
        self._run: list[tuple[int, Reasoning]] = []
        """The reasoning since the last part of another kind."""

    def open(self, reasoning: Reasoning) -> None:
        """A reasoning begins; what kind of detail it is shows with its first words."""
        self._draft = msgspec.structs.replace(reasoning)
        self._told = False

    def add(self, text: str) -> Delta | None:
        """More of its text."""
        draft = self._draft
        if draft is None or not text:
            return None
        if self._hidden:
            draft.text += text
            return None
        if self._told:
            name = "summary" if draft.summary else "text"
            return {"reasoning_content": text, "reasoning_details": [{"index": self._count - 1, name: text}]}
        draft.text = text
        return {"reasoning_content": text, **self._tell(draft)}

    def sign(self, signature: str) -> Delta | None:
        """Its signature."""
        draft = self._draft
        if draft is None:
            return None
        if self._told:
            return {"reasoning_details": [{"index": self._count - 1, "signature": signature}]}
        draft.signature = signature
        return None if self._hidden else self._tell(draft)

    def close(self) -> Delta | None:
        """It is whole."""
        draft, self._draft = self._draft, None
        if draft is not None and self._hidden and draft.signature is not None:
            return self._tell(draft)
        return None

    def tie(self, call_id: str) -> list[dict[str, Any]]:
        """A call begins: the reasoning directly before it gets its id."""
        ties = [{"index": index, **tie(reasoning, call_id)} for index, reasoning in self._run]
        self._run.clear()
        return ties

    def interrupt(self) -> None:
        """A part of another kind begins."""
        self._run.clear()

    def _tell(self, reasoning: Reasoning) -> Delta:
        self._told = True
        self._count += 1
        self._run.append((self._count - 1, reasoning))
        return {"reasoning_details": [{**(describe(reasoning) or {}), "index": self._count - 1}]}
