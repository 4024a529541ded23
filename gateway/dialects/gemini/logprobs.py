"""Log probabilities of an answer's tokens: Gemini's logprobsResult in OpenAI's chat shape."""

from __future__ import annotations

from typing import Any

import msgspec


class _Token(msgspec.Struct, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class _Alternatives(msgspec.Struct):
    candidates: list[_Token] | None = None


class _Result(msgspec.Struct, rename="camel"):
    chosen_candidates: list[_Token] | None = None
    top_candidates: list[_Alternatives] | None = None


_decode = msgspec.json.Decoder(_Result).decode


def read_logprobs(raw: msgspec.Raw) -> dict[str, Any] | None:
    """None where there are none, or none that can be understood."""
    try:
        result = _decode(raw)
    except (ValueError, RecursionError):
        return None
    chosen, top = result.chosen_candidates or [], result.top_candidates or []
    content = []
    for position, token in enumerate(chosen):
        alternatives = top[position].candidates if position < len(top) else None
        content.append({**_scored(token), "top_logprobs": [_scored(each) for each in alternatives or ()]})
    return {"content": content} if content else None


def _scored(token: _Token) -> dict[str, Any]:
    return {"token": token.token, "logprob": token.log_probability, "bytes": list(token.token.encode())}
