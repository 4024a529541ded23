"""Embeddings, the request side: what the gateway needs of a request, and the little it changes in one.

https://platform.openai.com/docs/api-reference/embeddings/create. Members nobody reads here travel on as the client
wrote them.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from gateway.dialects.mistakes import unreadable
from gateway.errors import InvalidRequest

_CHARACTERS_PER_TOKEN: Final = 4
ITEM_BYTES: Final = 80
"""What a text or a token takes in memory beside its bytes in the body, measured; at most."""
MOST_INPUTS: Final = 100_000
MOST_TOKENS: Final = 1_000_000
"""Far beyond what providers take; each costs time and memory before anybody can say no."""


class EmbeddingsRequest(msgspec.Struct):
    """What the gateway reads of a request; made by `decode_request`, which has checked it."""

    model: str
    input: str | list[Any]
    """A text, texts, the tokens of a text, or those of several."""
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] | None = None
    user: str | None = None

    @property
    def texts(self) -> list[str] | None:
        """What is to be embedded; None where it came as tokens."""
        if isinstance(self.input, str):
            return [self.input]
        return self.input if isinstance(self.input[0], str) else None

    @property
    def count(self) -> int:
        """How many embeddings are asked for."""
        several = isinstance(self.input, list) and not isinstance(self.input[0], int)
        return len(self.input) if several else 1


_request_decoder = msgspec.json.Decoder(EmbeddingsRequest)
_members_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.Encoder().encode


def decode_request(body: bytes) -> EmbeddingsRequest:
    """Reads and checks a request. Raises InvalidRequest whose `param` names the field, like `input[2]`."""
    try:
        request = _request_decoder.decode(body)
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem, EmbeddingsRequest, body=body) from problem
    if not request.model:
        raise InvalidRequest("Invalid 'model': an empty string names no model.", param="model")
    if request.dimensions is not None and request.dimensions < 1:
        raise InvalidRequest("Invalid 'dimensions': expected at least 1.", param="dimensions")
    _check_input(request.input)
    return request


def estimate_tokens(request: EmbeddingsRequest) -> int:
    """Tokens that the input takes: counted where it came as tokens, else guessed from its length."""
    given = request.input
    if isinstance(given, str):
        return -(-len(given) // _CHARACTERS_PER_TOKEN)
    if isinstance(given[0], int):
        return len(given)
    characters_per_token = _CHARACTERS_PER_TOKEN if isinstance(given[0], str) else 1
    return sum(-(-len(each) // characters_per_token) for each in given)


def decoded_bytes(request: EmbeddingsRequest) -> int:
    """What a request takes in memory beside its body."""
    given = request.input
    if isinstance(given, str):
        return 0
    return ITEM_BYTES * (sum(map(len, given)) + len(given) if isinstance(given[0], list) else len(given))


def rewrite_request(body: bytes, request: EmbeddingsRequest, *, model: str) -> bytes:
    """The body with the provider's own name for the model; every other member keeps its value byte for byte.

    Raises InvalidRequest for what only a second reading finds too deep.
    """
    if model == request.model:
        return body
    try:
        return _encode(_members_decoder.decode(body) | {"model": msgspec.Raw(_encode(model))})
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem


def members_of(body: bytes) -> dict[str, Any]:
    """All members by name, for the fidelity table. Raises InvalidRequest as `decode_request` does."""
    try:
        members: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
    except (ValueError, RecursionError) as problem:
        raise unreadable(problem) from problem
    return members


def _check_input(given: str | list[Any]) -> None:
    if not given:
        raise InvalidRequest("Invalid 'input': there is nothing to embed.", param="input")
    if isinstance(given, str):
        return
    kinds = set(map(type, given))
    _check_count(given, kinds)
    if kinds == {int} or (kinds == {str} and "" not in given):
        return  # the usual ones, at the speed of C: there may be very many
    if kinds == {list} and all(set(map(type, each)) == {int} for each in given):
        return
    kind = _kind(given[0], "input[0]")
    for index, each in enumerate(given):
        field = f"input[{index}]"
        if _kind(each, field) is not kind:
            raise InvalidRequest(f"Invalid '{field}': expected the same type as of the first item.", param=field)
        if kind is list:
            for place, token in enumerate(each):
                if _kind(token, f"{field}[{place}]") is not int:
                    raise InvalidRequest(f"Invalid '{field}': expected an array of integers.", param=field)


def _check_count(given: list[Any], kinds: set[type]) -> None:
    most = MOST_TOKENS if isinstance(given[0], int) else MOST_INPUTS
    if len(given) > most:
        raise InvalidRequest(f"Invalid 'input': expected at most {most} items.", param="input")
    if list in kinds and sum(len(each) for each in given if isinstance(each, list)) > MOST_TOKENS:
        raise InvalidRequest(f"Invalid 'input': expected at most {MOST_TOKENS} tokens.", param="input")


def _kind(value: Any, field: str) -> type:
    """What an item of the input is: a text, a token or a text in tokens."""
    for kind in (str, int, list):
        if isinstance(value, kind) and not isinstance(value, bool):
            if value in ("", []):
                raise InvalidRequest(f"Invalid '{field}': there is nothing to embed.", param=field)
            return kind
    raise InvalidRequest(f"Invalid '{field}': expected a string, an integer or an array of integers.", param=field)
