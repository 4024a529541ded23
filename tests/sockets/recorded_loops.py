"""Conversations with tools, of recorded turns: what real models have called, and how they have ended such a one."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.calls.recorded import Said, is_response, recorded_answers, said
from tests.shared_material import Recording
from tests.sockets.test_translated_recordings import ASKS

HOSTS = {"azure": "openai", "vertex": "google"}
"""Whom the recordings of those hosts are played by here: they speak the same."""


@dataclass(frozen=True)
class Loop:
    """What models of one family have really said: turns that call tools, and one that ends a conversation with them."""

    family: str
    streamed: bool
    dialects: Sequence[str]
    """Of the clients for whom the family is asked in the dialect of these recordings."""
    turns: Sequence[Recording]

    @property
    def told(self) -> list[Said]:
        return [said(turn) for turn in self.turns]

    @property
    def calls(self) -> list[tuple[str, Any]]:
        """Each with its arguments, of all turns."""
        return [call for told in self.told for call in told.calls]


def recorded_loops() -> list[Any]:
    """Of each family, whole and streamed; of each host two turns, those first in which something is signed."""
    calling: dict[tuple[str, bool, Sequence[str]], dict[str, list[Recording]]] = {}
    ending: dict[tuple[str, bool, Sequence[str]], Recording] = {}
    for each in recorded_answers():
        recording = each.values[0]
        if recording is None:
            return []
        if is_response(recording) and not (recording.provider == "openai" and recording.has_request):
            continue  # others have no loop in it, or are asked in chat completions; one recording is four answers
        kind = HOSTS.get(recording.provider, recording.provider), recording.streamed, asked_by(recording)
        if not (CALLS.search(recording.response) or RESULT.search(request_of(recording))):
            continue
        told = said(recording)
        if told.calls and told.finish == "tool_calls":
            calling.setdefault(kind, {}).setdefault(recording.provider, []).append(recording)
        elif told.text and told.finish == "stop" and RESULT.search(request_of(recording)):
            ending.setdefault(kind, recording)
    return [
        Loop(*kind, [turn for turns in hosts.values() for turn in signed_first(turns)[:2]] + [ending[kind]])
        for kind, hosts in calling.items()
    ]


def asked_by(recording: Recording) -> Sequence[str]:
    if is_response(recording):
        return ("responses",)
    return ("chat", "messages") if recording.provider in ("openai", "azure", "openrouter") else tuple(ASKS)


def last_event(recording: Recording) -> Any:
    *_, data = (line for line in recording.response.split(b"\n") if line.startswith(b"data: {"))
    return json.loads(data[6:])


def proofs_in(turn: Recording) -> list[bytes]:
    """What is signed in it, as JSON; a stream of Responses signs again what it has begun to say."""
    is_told_again = turn.streamed and is_response(turn)
    return SIGNED.findall(json.dumps(last_event(turn)).encode() if is_told_again else turn.response)


def request_of(recording: Recording) -> bytes:
    return recording.request if recording.has_request else b""


def signed_first(turns: Sequence[Recording]) -> list[Recording]:
    return sorted(turns, key=lambda each: not SIGNED.search(each.response))


CALLS = re.compile(rb'"(?:tool_calls|tool_use|functionCall|function_call)"')
RESULT = re.compile(rb'"(?:tool_result|functionResponse|function_call_output)"|"role": ?"tool"')
SIGNED = re.compile(rb'"(?:thoughtSignature|signature|encrypted_content)": ?("[^"]{16,}")')
LOOPS = recorded_loops()
RECORDED_TOOLS = sorted({name for loop in LOOPS for name, _ in loop.calls})
