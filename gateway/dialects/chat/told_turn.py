"""Chat completions: one streamed turn, put together again as the message that it was."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

_JOINED = ("text", "summary", "data", "signature")
"""Members of a reasoning's detail that come in pieces."""


class ToldTurn:
    """What the chunks of one turn have said so far."""

    def __init__(self) -> None:
        self.last: Object | None = None
        """The last chunk that had a choice."""
        self.finish_reason: str | None = None
        self.usage: Object | None = None
        """Of a chunk of its own, or of one with a choice, as DeepSeek and OpenRouter have it."""
        self.usage_chunk: Object | None = None
        """The one that comes after the answer where the client asked for usage."""
        self._texts: dict[str, list[str]] = {}
        self._details: dict[object, Object] = {}
        self._calls: dict[int, Object] = {}

    @property
    def calls(self) -> list[Object]:
        """The calls, in the order in which they began."""
        return list(self._calls.values())

    @property
    def has_text(self) -> bool:
        return bool(self._texts.get("content"))

    def see(self, chunk: Object) -> Object | None:
        """Takes a chunk; what of its delta the client may see at once, None where that is nothing.

        Calls, the finish and usage are taken out of it.
        """
        usage = chunk.pop("usage", None)
        if usage is not None:
            self.usage = usage
        choices = chunk.get("choices")
        if not choices:
            if usage is not None:
                self.usage_chunk = chunk
            return None
        choice, self.last = choices[0], chunk
        if (finish := choice.get("finish_reason")) is not None:
            self.finish_reason = finish
            choice["finish_reason"] = None
        delta: Object = choice.get("delta") or {}
        for call in delta.pop("tool_calls", None) or ():
            self._call(call)
        for detail in delta.get("reasoning_details") or ():
            self._detail(detail)
        for name in ("content", "refusal", "reasoning_content", "reasoning"):
            if isinstance(text := delta.get(name), str) and text:
                self._texts.setdefault(name, []).append(text)
        return delta or None

    def message(self) -> Object:
        """The assistant's message, as a whole answer would have had it."""
        message: Object = {"content": None, **{name: "".join(pieces) for name, pieces in self._texts.items()}}
        if self._details:
            message["reasoning_details"] = list(self._details.values())
        return {**message, "tool_calls": self.calls}

    def _call(self, piece: Object) -> None:
        index = piece.get("index", len(self._calls))
        call = self._calls.setdefault(
            index, {"id": None, "type": "function", "function": {"name": "", "arguments": ""}}
        )
        function = piece.get("function") or {}
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""
        known = {
            name: value for name, value in piece.items() if name not in ("index", "function") and value is not None
        }
        call.update(known)

    def _detail(self, piece: Object) -> None:
        key = piece.get("index", piece.get("id", len(self._details)))
        detail = self._details.setdefault(key, {})
        for name, value in piece.items():
            if name in _JOINED and isinstance(value, str) and isinstance(detail.get(name), str):
                detail[name] += value
            elif value is not None:
                detail[name] = value
