"""What becomes of a conversation's parts at each of the providers that speak chat completions, for clients' tables.

Each row is made of the flavours' own data, which the encoder goes by too: what is said of a provider here is what it
is sent. A client's own chat completions travel to all of them as they were written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.dialects.chat.flavour import FLAVOURS, Flavour
from gateway.dialects.fidelity import AS_IT_IS, Dropped, Fate, Mapped, Refused

Row = dict[str, Fate]

NO_USER: Final = Dropped("it takes no end user's name")
OWN_CACHE: Final = Dropped("it finds cached prompts by itself")
NO_VERBOSITY: Final = Dropped("a hint of how wordy to be; what the prompt says of that weighs more")
NO_TOOL: Final = Refused("it has no such tool.")
NO_SUCH_SETTING: Final = Refused("its web search has no such setting.")


def at_each(fate: Fate | Callable[[Flavour], Fate]) -> Row:
    """A row's cells for all of them: the same, or what a rule makes of each one's flavour."""
    return {its.target: fate(its) if callable(fate) else fate for its in FLAVOURS}


def user(its: Flavour) -> Fate:
    """Of the end user's name."""
    return NO_USER if its.user == "none" else Mapped(its.user)


def tier(its: Flavour) -> Fate:
    """Of the service tier."""
    return Mapped("its own word for it") if its.service_tier else Dropped("it has no tiers")


def cache_key(its: Flavour) -> Fate:
    """Of OpenAI's prompt_cache_key."""
    return Mapped() if its.cache_key else OWN_CACHE


def cache_mark(its: Flavour) -> Fate:
    """Of Anthropic's marks up to which a prompt may be cached."""
    return Mapped("cache_control") if its.cache_control else OWN_CACHE


def verbosity(its: Flavour) -> Fate:
    """Of how wordy the answer shall be."""
    return Mapped() if its.verbosity else NO_VERBOSITY


def schema(its: Flavour) -> Fate:
    """Of a schema that the answer must follow."""
    if its.json_schema:
        return Mapped("response_format")
    return Refused("it follows no JSON schema; it can answer with JSON of any form.")


def top_k(its: Flavour) -> Fate:
    """Of top_k."""
    return Mapped() if its.top_k else Refused("it has no such setting.")


def media(its: Flavour) -> Fate:
    """Of images, sounds and files with their bytes."""
    return Mapped() if its.media else Refused("it takes text alone.")


def with_media(fate: Fate) -> Callable[[Flavour], Fate]:
    """Of what is said about them, for those that take any."""
    return lambda its: fate if its.media else media(its)


def file_url(its: Flavour) -> Fate:
    """Of a file by its address."""
    if not its.media:
        return media(its)
    return Mapped() if its.file_urls else Refused("a file must come with its bytes, not as a URL.")


def drawn(its: Flavour) -> Fate:
    """Of an image that a model made in an earlier turn."""
    return Mapped("images") if its.echo == "reasoning_details" else Refused("what its models said is text alone.")


def effort(its: Flavour) -> Fate:
    """Of how much the model shall think."""
    if not its.forced_calls_while_thinking:
        return Mapped("thinking, reasoning_effort; an effort alone gives way to a forced call, which excludes thinking")
    return Mapped("reasoning" if its.wish == "reasoning" else "reasoning_effort, also for a budget")


def shown(its: Flavour) -> Fate:
    """Of whether the client sees what the model thought."""
    if its.wish == "reasoning":
        return Mapped("reasoning.exclude")
    return Dropped("what it tells of its thoughts is shown, asked for or not")


def forced_call(its: Flavour) -> Fate:
    """Of a function that must be called."""
    return Mapped() if its.forced_calls_while_thinking else Mapped("never together with thinking, which is turned off")


def thoughts(its: Flavour) -> Fate:
    """Of what a model thought in an earlier turn."""
    if its.echo == "none":
        return Dropped("it reads no earlier reasoning")
    return Mapped(f"{its.echo}: what the target's maker signed; the rest is left out")


def passed_thoughts(member: str) -> Callable[[Flavour], Fate]:
    """Of a member with earlier reasoning in a message that is passed on."""
    return lambda its: Dropped("it refuses messages that have it") if member in its.unread else AS_IT_IS


def web_search(its: Flavour) -> Fate:
    """Of a search that the provider runs."""
    return NO_TOOL if its.web_search == "none" else Mapped(its.web_search)


def searching(fate: Fate) -> Callable[[Flavour], Fate]:
    """Of a setting of that search, for those that have one."""
    return lambda its: NO_TOOL if its.web_search == "none" else fate
