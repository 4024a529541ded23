"""What the generations of Claude accept, as far as a request has to be written differently for them.

https://platform.claude.com/docs/en/build-with-claude/thinking says it of thinking, .../effort of effort, .../api/errors
of prefill and the pages "What's new in ..." of the rest. A model that has no number yet is taken for the newest of its
family; a name that is not Claude's (others serve this API too) for one that accepts whatever the API has long had.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final


class Off(enum.Enum):
    """How a model is told not to think."""

    UNSAID = ""
    """It does not unless told to."""
    DISABLED = "disabled"
    BETWEEN_TOOLS = "between_tools"
    """No thinking ahead of the answer is the least there is."""
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Abilities:
    """What may stand in a request."""

    thinks: bool = True
    takes_budget: bool = True
    """`thinking: enabled` with `budget_tokens`."""
    adapts: bool = False
    """`thinking: adaptive`, with `output_config.effort`."""
    has_xhigh: bool = False
    off: Off = Off.UNSAID
    samples: bool = True
    """Values of temperature, top_p and top_k other than their defaults."""
    samples_both_ways: bool = True
    """temperature and top_p together."""
    prefills: bool = True
    """A last message of the assistant, to be continued."""
    forces_tools: bool = True
    """tool_choice any and tool."""
    writes: int = 4096
    """How long an answer may get, in tokens, where neither the client nor a catalogue says: no more than it can."""


_UNKNOWN = Abilities()
_EARLY = replace(_UNKNOWN, thinks=False, takes_budget=False)
_MANUAL = replace(_UNKNOWN, writes=16_384)
_MANUAL_4_1 = replace(_MANUAL, samples_both_ways=False, writes=32_000)
_BOTH = replace(_MANUAL_4_1, adapts=True, prefills=False, writes=64_000)
_ADAPTIVE = replace(_BOTH, takes_budget=False, has_xhigh=True, samples=False)
_UNASKED = replace(_ADAPTIVE, off=Off.DISABLED)
_UNFORCED = replace(_ADAPTIVE, off=Off.BETWEEN_TOOLS, forces_tools=False)
_ALWAYS = replace(_ADAPTIVE, off=Off.NEVER)
_ALWAYS_UNFORCED = replace(_ALWAYS, forces_tools=False)

_Version = tuple[int, int]
_NEWEST: Final[_Version] = (99, 0)
_SINCE: Final[dict[str, tuple[tuple[_Version, Abilities], ...]]] = {
    "fable": (((5, 1), _ALWAYS_UNFORCED), ((0, 0), _ALWAYS)),
    "mythos": (((5, 1), _ALWAYS_UNFORCED), ((0, 0), _ALWAYS)),
    "opus": (
        ((5, 5), _ALWAYS_UNFORCED),
        ((5, 0), _UNASKED),
        ((4, 7), _ADAPTIVE),
        ((4, 6), _BOTH),
        ((4, 1), _MANUAL_4_1),
        ((4, 0), _MANUAL),
        ((0, 0), _EARLY),
    ),
    "sonnet": (
        ((5, 5), _UNFORCED),
        ((5, 0), _UNASKED),
        ((4, 6), _BOTH),
        ((4, 5), _MANUAL_4_1),
        ((3, 7), _MANUAL),
        ((0, 0), _EARLY),
    ),
    "haiku": (((5, 0), _UNASKED), ((4, 5), _MANUAL_4_1), ((0, 0), _EARLY)),
}
"""By family, the newest first: since which version."""

_NAME: Final = re.compile(
    r"claude-(?:(?P<family>[a-z]+)(?:-(?P<major>\d{1,2})(?:[.-](?P<minor>\d{1,2}))?)?(?!\d)"
    r"|(?P<old_major>\d)(?:[.-](?P<old_minor>\d))?-(?P<old_family>[a-z]+))"
)
"""claude-opus-4-6, claude-sonnet-4-20250514, claude-mythos-preview; claude-3-5-haiku-latest, claude-3-opus-20240229."""
_BEFORE_FAMILIES: Final = re.compile(r"claude-(?:\d|v\d|instant)")


@lru_cache(maxsize=256)
def abilities(model: str) -> Abilities:
    """What `model` accepts, by its name."""
    name = _NAME.search(model.lower())
    if name is not None and (rows := _SINCE.get(name["family"] or name["old_family"])):
        version = _version(name)
        return next(accepted for since, accepted in rows if version >= since)
    return _EARLY if _BEFORE_FAMILIES.search(model.lower()) else _UNKNOWN


def _version(name: re.Match[str]) -> _Version:
    major = name["major"] or name["old_major"]
    if major is None:
        # The one preview came before numbers; "claude-opus-latest" means the newest.
        return (0, 0) if name["family"] == "mythos" else _NEWEST
    return int(major), int(name["minor"] or name["old_minor"] or 0)
