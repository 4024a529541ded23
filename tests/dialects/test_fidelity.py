"""Every cell of the fidelity tables, by asking for it: what is mapped reaches the provider, what is dropped does not.

Each row is asked twice, with the property and without it, on the way that the gateway itself takes to a provider.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from gateway.calls.passage import Passage, Way
from gateway.calls.ways import CHAT, EMBEDDINGS, MESSAGES, RESPONSES, ways_of
from gateway.dialects.chat.fidelity import TABLE as CHAT_TABLE
from gateway.dialects.codec import Frame
from gateway.dialects.embeddings.fidelity import TABLE as EMBEDDINGS_TABLE
from gateway.dialects.embeddings.request import decode_request as decode_embeddings
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.fidelity import (
    ANTHROPIC_MESSAGES,
    AS_IT_IS,
    DEEPSEEK_CHAT,
    GEMINI,
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    OPENROUTER_CHAT,
    OTHER_CHAT,
    SANDBOX,
    TARGET_NAMES,
    Dropped,
    Fate,
    Kept,
    Refused,
    Table,
)
from gateway.dialects.messages.fidelity import TABLE as MESSAGES_TABLE
from gateway.dialects.messages.request_notes import decode_request as decode_messages
from gateway.dialects.openai_chat import decode_request as decode_chat
from gateway.dialects.responses.fidelity import TABLE as RESPONSES_TABLE
from gateway.dialects.responses.request_notes import decode_request as decode_responses
from gateway.errors import GatewayError, InvalidRequest
from gateway.providers.directory import profile_of
from tests.dialects.chat.fidelity_samples import SAMPLES as CHAT_SAMPLES
from tests.dialects.fidelity_samples import EMBEDDINGS as EMBEDDINGS_SAMPLES
from tests.dialects.fidelity_samples import HI, Body, Sample
from tests.dialects.messages.fidelity_samples import SAMPLES as MESSAGES_SAMPLES
from tests.dialects.responses.fidelity_samples import SAMPLES as RESPONSES_SAMPLES


class Client(NamedTuple):
    table: Table
    samples: Mapping[str, Sample]
    plain: Body
    """A short question."""
    decode: Callable[[bytes], Any]
    """What the face reads of it."""


class Provider(NamedTuple):
    kind: str
    name: str
    model: str
    responses: bool = False
    """Whether it is OpenAI's Responses that it is asked in, where it has them."""


CLIENTS = {
    CHAT: Client(CHAT_TABLE, CHAT_SAMPLES, {"messages": [HI]}, decode_chat),
    RESPONSES: Client(RESPONSES_TABLE, RESPONSES_SAMPLES, {"input": "hi"}, decode_responses),
    MESSAGES: Client(MESSAGES_TABLE, MESSAGES_SAMPLES, {"max_tokens": 4096, "messages": [HI]}, decode_messages),
    EMBEDDINGS: Client(EMBEDDINGS_TABLE, EMBEDDINGS_SAMPLES, {"input": "hi"}, decode_embeddings),
}
PROVIDERS = {
    OPENAI_CHAT: Provider("openai", "openai", "gpt-4.1"),
    OPENAI_RESPONSES: Provider("openai", "openai", "gpt-5.1", responses=True),
    DEEPSEEK_CHAT: Provider("openai", "deepseek", "deepseek-chat"),
    OPENROUTER_CHAT: Provider("openai", "openrouter", "anthropic/claude-sonnet-4.5"),
    OTHER_CHAT: Provider("openai", "vllm", "llama"),
    SANDBOX: Provider("sandbox", "sandbox", "lorem"),
    ANTHROPIC_MESSAGES: Provider("anthropic", "anthropic", "claude-sonnet-4-5"),
    GEMINI: Provider("gemini", "google", "gemini-2.5-flash"),
}
WHO = {
    OPENAI_CHAT: "OpenAI",
    OPENAI_RESPONSES: "OpenAI",
    DEEPSEEK_CHAT: "DeepSeek",
    OPENROUTER_CHAT: "OpenRouter",
    OTHER_CHAT: "this provider",
    SANDBOX: "the sandbox",
    ANTHROPIC_MESSAGES: "Anthropic",
    GEMINI: "Gemini",
}
"""Whom a refusal names."""
FRAME = Frame(id="answer", created=7)
COMPLETION: Body = {
    "model": "m",
    "choices": [{"message": {"role": "assistant", "content": "ho", "reasoning_content": "Hm."}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
ANSWERS: Mapping[str, Body] = {
    "openai": COMPLETION,
    "sandbox": COMPLETION,
    "anthropic": {"model": "m", "content": [{"type": "text", "text": "ho"}], "stop_reason": "end_turn", "usage": {}},
    "gemini": {
        "modelVersion": "m",
        "candidates": [
            {
                "content": {"parts": [{"text": "ho"}, *[{"functionCall": {"name": "f", "args": {}}}] * 2]},
                "finishReason": "STOP",
            }
        ],
        "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 2},
    },
}
BEFORE_THE_WAY = {
    "background",
    "previous_response_id",
    "include",
    "include[].reasoning.encrypted_content",
    "encoding_format",
}
"""Kept by what stands around the way, or always so; other tests see to those."""


def cells() -> Iterator[Any]:
    """Every table with every target of it."""
    for dialect, client in CLIENTS.items():
        for target in dict.fromkeys(target for row in client.table.values() for target in row):
            yield pytest.param(dialect, target, id=f"{dialect} to {target}")


@pytest.mark.parametrize("dialect", CLIENTS)
def test_every_row_has_a_sample_and_says_it_for_every_target(dialect: str) -> None:
    client = CLIENTS[dialect]
    assert set(client.table) == set(client.samples)
    targets = set(TARGET_NAMES) - ({OPENAI_RESPONSES} if dialect in (CHAT, EMBEDDINGS) else set())
    assert all(set(row) == targets for row in client.table.values())


@pytest.mark.parametrize(("dialect", "target"), list(cells()))
async def test_the_way_does_what_the_table_says(dialect: str, target: str) -> None:
    table = CLIENTS[dialect].table
    wrong = {name: said for name, row in table.items() if (said := await untrue(dialect, target, name, row[target]))}
    assert wrong == {}


def ways_to(target: str) -> Mapping[str, Way]:
    """The gateway's own, by client dialect."""
    its = PROVIDERS[target]
    profile = profile_of(its.kind, its.name, "https://provider.test/v1", responses=its.responses)
    return ways_of(its.kind, profile, lambda model: 64_000)


async def passage(dialect: str, target: str, sample: Sample, members: Mapping[str, Any]) -> Passage:
    """A request with these members, and those beside them, on its way. Raises InvalidRequest."""
    client, its = CLIENTS[dialect], PROVIDERS[target]
    asked = {"model": sample.models.get(target, its.model), **client.plain, **sample.beside, **members}
    body = json.dumps(asked).encode()
    request = ModelRequest(dialect, body, client.decode(body), "req-1")
    return await ways_to(target)[dialect].prepare(request, asked["model"], streamed="stream" in asked, frame=FRAME)


def sent(asked: Passage) -> tuple[bytes, Any]:
    """What reaches the provider."""
    return asked.path, json.loads(asked.body)


def answered(asked: Passage, target: str) -> tuple[bytes, bytes]:
    """What the client hears, at once and streamed."""
    said = json.dumps(ANSWERS[PROVIDERS[target].kind]).encode()
    return asked.read(said).body, asked.as_stream(said)


async def untrue(dialect: str, target: str, name: str, fate: Fate) -> str:
    """What is found in place of the fate; nothing where that is true."""
    sample = CLIENTS[dialect].samples[name]
    if isinstance(fate, Refused):
        return await not_refused(dialect, target, name, fate)
    try:
        plain = await passage(dialect, target, sample, {})
        if name in BEFORE_THE_WAY:
            return ""
        asked = await passage(dialect, target, sample, sample.members)
    except GatewayError as refusal:
        return f"refused: {refusal.message}"
    changed = sent(asked) != sent(plain)
    if fate is AS_IT_IS:
        body = json.loads(asked.body)
        same = all(body[member] == value for member, value in sample.members.items())
        return "" if same else "it does not travel as it is"
    if isinstance(fate, Kept):
        return "" if not changed and answered(asked, target) != answered(plain, target) else "the gateway does nothing"
    return "" if changed is not isinstance(fate, Dropped) else ("it reaches the provider" if changed else "it is lost")


async def not_refused(dialect: str, target: str, name: str, fate: Refused) -> str:
    """The same for what must be refused by the names of its field and of who cannot do it.

    Values that ask for nothing must not.
    """
    sample = CLIENTS[dialect].samples[name]
    if dialect not in ways_to(target):
        return ""  # nothing of it is served
    field = sample.field or name.replace("[]", "[0]")
    try:
        await passage(dialect, target, sample, sample.members)
        return "it is not refused"
    except InvalidRequest as refusal:
        if refusal.param != field and refusal.param != await refused_for(dialect, target, sample):
            return f"refused for {refusal.param}: {refusal.message}"
        if WHO[target] not in refusal.message and name != "input[].item_reference":  # which nobody has kept
            return f"it does not say who cannot: {refusal.message}"
    if fate.idle and await refused_for(dialect, target, sample) is None and "." not in name:
        plain = await passage(dialect, target, sample, {})
        for idle in fate.idle:
            if sent(await passage(dialect, target, sample, {name: idle})) != sent(plain):
                return f"{idle!r} is not idle"
    return ""


async def refused_for(dialect: str, target: str, sample: Sample) -> str | None:
    """The field for which what the property stands in is refused already."""
    try:
        await passage(dialect, target, sample, {})
    except InvalidRequest as refusal:
        return refusal.param
    return None
