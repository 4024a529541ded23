"""What becomes of each property of an embeddings request on its way to another dialect."""

from __future__ import annotations

from typing import Final

from gateway.dialects.chat.provider_fidelity import at_each
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES, AS_IT_IS, GEMINI, Dropped, Fate, Kept, Mapped, Refused, Table

_NO_EMBEDDINGS: Final = Refused("it makes no embeddings.")


def _row(gemini: Fate) -> dict[str, Fate]:
    return {**at_each(AS_IT_IS), ANTHROPIC_MESSAGES: _NO_EMBEDDINGS, GEMINI: gemini}


TABLE: Final[Table] = {
    "dimensions": _row(Mapped("outputDimensionality")),
    "encoding_format": _row(Kept("the gateway writes the base64")),
    "input": _row(Mapped("texts; tokens are OpenAI's own, and refused")),
    "model": _row(Mapped()),
    "user": _row(Dropped("it takes no end user's name")),
}
