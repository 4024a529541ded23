"""What becomes of each property of an embeddings request on its way to another dialect."""

from __future__ import annotations

from typing import Final

from gateway.dialects.fidelity import ANTHROPIC_MESSAGES, GEMINI, OPENAI_CHAT, Dropped, Fate, Mapped, Refused, Table

_AS_IT_IS: Final = Mapped("travels as the client wrote it")
_NO_EMBEDDINGS: Final = Refused("it makes no embeddings.")


def _row(gemini: Fate) -> dict[str, Fate]:
    return {OPENAI_CHAT: _AS_IT_IS, ANTHROPIC_MESSAGES: _NO_EMBEDDINGS, GEMINI: gemini}


TABLE: Final[Table] = {
    "dimensions": _row(Mapped("outputDimensionality")),
    "encoding_format": _row(Mapped("the gateway writes the base64")),
    "input": _row(Mapped("texts; tokens are OpenAI's own, and refused")),
    "model": _row(Mapped()),
    "user": _row(Dropped("it takes no end user's name")),
}
