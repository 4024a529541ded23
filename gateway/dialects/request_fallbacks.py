"""The models that a request names to be asked when its own fails: `fallbacks`, a list of names.

It is the gateway's own member, for all its endpoints that ask models, and taken out before anybody is asked. Anthropic
has a member of the same name, whose list is of objects (or the word "default"): that one travels on.
https://platform.claude.com/docs/en/build-with-claude/refusals-and-fallback
"""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.fidelity import ANTHROPIC_MESSAGES
from gateway.errors import InvalidRequest

MOST: Final = 8
MARK: Final = b'"fallbacks"'
"""A body without this has none: most need no more than this look."""

_NULL: Final = msgspec.Raw(b"null")
_members_of: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_names_of: Final = msgspec.json.Decoder(list[str]).decode
_encode: Final = msgspec.json.Encoder().encode


def take_fallbacks(dialect: str, body: bytes, *, allowed: bool) -> tuple[bytes, tuple[str, ...] | None]:
    """The body without them, and their names; None where the request says nothing of them.

    Where the operator has not `allowed` them they are refused: who names some and gets none should know. A body that
    cannot be read comes back as it is: its dialect says what is wrong with it. Raises InvalidRequest.
    """
    try:
        members = _members_of(body)
    except (ValueError, RecursionError):
        return body, None
    given = members.pop("fallbacks", None)
    if given is None:
        return body, None
    if given == _NULL and dialect != ANTHROPIC_MESSAGES:
        return _encode(members), None  # as if it were not there, like every member that may be left out
    names = _names(dialect, given)
    if names is not None and not allowed:
        raise InvalidRequest(
            "'fallbacks' may not be named by requests here: the gateway's operator allows it by "
            "[retry] request_fallbacks.",
            param="fallbacks",
        )
    return (body, None) if names is None else (_encode(members), names)


def _names(dialect: str, given: msgspec.Raw) -> tuple[str, ...] | None:
    """None where they are not the gateway's."""
    try:
        names = _names_of(given)
    except (ValueError, RecursionError):
        names = None
    if names is not None and len(names) <= MOST:
        return tuple(names)
    if dialect == ANTHROPIC_MESSAGES and names is None:
        return None
    raise InvalidRequest(f"Invalid 'fallbacks': expected a list of at most {MOST} names of models.", param="fallbacks")
