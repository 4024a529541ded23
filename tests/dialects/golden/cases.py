"""The golden cases: what they say, and the codecs that they are about.

A case file holds one idea: `requests` that clients ask in their dialects, with what each provider must be sent or the
field for which the client is refused; `answers` that providers give in their dialects, with what each client must
hear; `streams` of such answers, event by event (a text is a line as it is); `errors`, with status, headers and how long
to wait; `embeddings`, which one pair of dialects has. All of it is written by hand from the APIs' documentation, which
`see` names.

`targets` are those that a file is about, where it is not about all. What a file leaves out: the model, and a bound of
1000 tokens on the answer; null takes the bound out. `asked_with` and `sent_with` are common to all requests of a file.
`"<target> from <client>"` is what a target is sent for one client, where that is not the same for all. What is heard
may have more members than the case names; null stands for a member that is null or absent, and
{"$stamp": [maker, signature]} for a signature as it looks in a field of another maker's; a third member is the name
that the maker gave a summary.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.dialects.anthropic.provider_codec import AnthropicProvider
from gateway.dialects.chat.client import ChatClient
from gateway.dialects.chat.flavour import DEEPSEEK, OPENAI, OPENROUTER
from gateway.dialects.chat.provider import ChatProvider
from gateway.dialects.codec import ClientCodec, Frame, ProviderCodec
from gateway.dialects.gemini.codec import GeminiProvider
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.responses.codec import ResponsesClient
from gateway.dialects.responses.provider import ResponsesProvider
from gateway.dialects.stamps import stamp

FOLDER = Path(__file__).parent
FRAME = Frame(id="answer", created=7)
CLIENTS: Mapping[str, ClientCodec] = {
    codec.name: codec for codec in (ChatClient(), MessagesClient(), ResponsesClient())
}
PROVIDERS: Mapping[str, ProviderCodec] = {
    codec.name: codec
    for codec in (
        ChatProvider(OPENAI),
        ChatProvider(DEEPSEEK),
        ChatProvider(OPENROUTER),
        ResponsesProvider(),
        AnthropicProvider(lambda model: 64_000),
        GeminiProvider(),
    )
}
MODELS = {
    "openai_chat": "gpt-5.1",
    "deepseek_chat": "deepseek-chat",
    "openrouter_chat": "anthropic/claude-sonnet-4.5",
    "openai_responses": "gpt-5.1",
    "anthropic_messages": "claude-sonnet-4-5",
    "gemini": "gemini-2.5-flash",
}
ALWAYS = ("openai_chat", "anthropic_messages", "gemini")
"""The targets of a file that does not say for which ones it is."""

Body = dict[str, Any]

_ASKED_ALWAYS: Mapping[str, Body] = {
    "openai_chat": {"model": "asked-for", "max_completion_tokens": 1000},
    "anthropic_messages": {"model": "asked-for", "max_tokens": 1000},
    "openai_responses": {"model": "asked-for", "max_output_tokens": 1000},
}
_SENT_ALWAYS: Mapping[str, Body] = {
    "openai_chat": {"max_completion_tokens": 1000},
    "deepseek_chat": {"max_tokens": 1000},
    "openrouter_chat": {"max_tokens": 1000},
    "openai_responses": {"max_output_tokens": 1000, "store": False, "include": ["reasoning.encrypted_content"]},
    "anthropic_messages": {"max_tokens": 1000},
    "gemini": {"generationConfig": {"maxOutputTokens": 1000}},
}
CHATS = ("openai_chat", "deepseek_chat", "openrouter_chat")
"""Those who speak chat completions."""
_PASSED_ON: Mapping[str, tuple[str, ...]] = {"openai_chat": (*CHATS, "openai_responses")}
"""By client, who has that client's dialect, whatever else it speaks."""
_NO_SETTINGS = ("generationConfig", {})
"""As good as none."""


@dataclass(frozen=True)
class Request:
    """One client's request to one target: it becomes `sent`, or it is refused for the field `refused`."""

    name: str
    client: str
    target: str
    model: str
    asked: Body
    sent: Body | None
    refused: str | None


@dataclass(frozen=True)
class Answer:
    """What one provider said, and what one client must hear of it."""

    name: str
    client: str
    target: str
    said: Body
    heard: Body
    asked: Body
    """The client's request."""


@dataclass(frozen=True)
class Stream:
    """The events of one provider's answer, and those that one client must hear of it."""

    name: str
    client: str
    target: str
    said: list[Any]
    heard: list[Any]


@dataclass(frozen=True)
class Error:
    """An error answer of one provider, and what it is to one client."""

    name: str
    client: str
    target: str
    said: Body
    heard: Body


@dataclass(frozen=True)
class Embeddings:
    """One request for embeddings with what Gemini is sent and says, or the field for which it is refused."""

    name: str
    asked: Body
    refused: str | None
    sent: Body
    said: Body
    heard: Body


def requests() -> Iterator[Request]:
    """Every pair of client and target of every case."""
    for idea, document in _documents():
        for case in document.get("requests", []):
            for client, members in case["asked"].items():
                asked = _laid_over(_ASKED_ALWAYS[client], document.get("asked_with", {}).get(client, {}), members)
                for target in document.get("targets", ALWAYS):
                    sent, refused = _expected(document, case, client, target)
                    if (sent is None) != (refused is None):
                        name = f"{idea}: {case['case']} ({client} to {target})"
                        model = case.get("models", {}).get(target, MODELS[target])
                        yield Request(name, client, target, model, asked, sent, refused)


def answers() -> Iterator[Answer]:
    """Every pair of provider and client of every case."""
    for name, client, target, said, heard, case in _pairs("answers"):
        yield Answer(name, client, target, said, heard, question(client, case.get("asked", {}).get(client, {})))


def streams() -> Iterator[Stream]:
    """The same of what is streamed."""
    for name, client, target, said, heard, _ in _pairs("streams"):
        yield Stream(name, client, target, said, heard)


def errors() -> Iterator[Error]:
    """The same of what goes wrong."""
    for name, client, target, said, heard, _ in _pairs("errors"):
        yield Error(name, client, target, said, heard)


def embeddings() -> Iterator[Embeddings]:
    """Every request for embeddings."""
    for idea, document in _documents():
        for case in document.get("embeddings", []):
            asked = {"model": "asked-for", **case["asked"]}
            rest = [case.get(name, {}) for name in ("sent", "said", "heard")]
            yield Embeddings(f"{idea}: {case['case']}", asked, case.get("refused"), *rest)


def question(client: str, members: Body) -> Body:
    """A short one in the client's dialect."""
    said = {"input": "Hello"} if client == "openai_responses" else {"messages": [{"role": "user", "content": "Hello"}]}
    return _laid_over(_ASKED_ALWAYS[client], said, members)


def _pairs(kind: str) -> Iterator[tuple[str, str, str, Any, Any, Body]]:
    """Of every case, who says it to whom; whoever has the client's dialect needs no codec."""
    for idea, document in _documents():
        for case in document.get(kind, []):
            for target, said in case["said"].items():
                for client, heard in case["heard"].items():
                    if client != target and target not in _PASSED_ON.get(client, ()):
                        name = f"{idea}: {case['case']} ({target} to {client})"
                        yield name, client, target, said, heard, case


def _expected(document: Body, case: Body, client: str, target: str) -> tuple[Body | None, str | None]:
    """What the target is sent, and for which field the client is refused; neither for a pair that needs no codec."""
    refused = case.get("refused", {}).get(target, {}).get(client)
    if client == target or refused is not None:
        return None, refused
    sent = case.get("sent", {})
    members = sent.get(f"{target} from {client}", sent.get(target))
    if members is None:
        raise AssertionError(f"{case['case']}: nothing is said of {client} to {target}")
    return _laid_over(_SENT_ALWAYS[target], document.get("sent_with", {}).get(target, {}), members), None


def _laid_over(*layers: Body) -> Body:
    """The members of all layers, later ones over earlier ones; of Gemini's settings each is a member of its own."""
    whole: Body = {}
    for layer in layers:
        for name, value in layer.items():
            if name == "generationConfig" and name in whole:
                value = _laid_over(whole[name], value)
            whole[name] = value
    return {name: value for name, value in whole.items() if value is not None and (name, value) != _NO_SETTINGS}


def _documents() -> Iterator[tuple[str, Body]]:
    for path in sorted(FOLDER.glob("*.json")):
        yield path.stem, json.loads(path.read_text(), object_hook=_stamped)


def _stamped(members: Body) -> Any:
    if "$stamp" not in members:
        return members
    maker, signature, *named = members["$stamp"]
    return stamp(maker, signature, id=named[0], summary=True) if named else stamp(maker, signature)
