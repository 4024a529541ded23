"""Everywhere that bytes from outside are read, as functions of bytes, for fuzzing: whatever comes, it is understood or
refused in the way that its caller expects; any other exception is a bug.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from gateway.config import ConfigError, load
from gateway.dialects.chat.tool_turns import ChatToolTurns
from gateway.dialects.codec import ClientCodec, ProviderCodec, finish_steps
from gateway.dialects.embeddings import gemini as gemini_embeddings
from gateway.dialects.embeddings.answer_notes import read_reply
from gateway.dialects.embeddings.batches import inputs_of, join, split
from gateway.dialects.embeddings.request import decode_request, estimate_tokens, rewrite_request
from gateway.dialects.led_request import ODD
from gateway.dialects.messages.passed_stream import MessagesStream
from gateway.dialects.messages.tool_turns import MessagesToolTurns
from gateway.dialects.openai_stream import ChatStream
from gateway.dialects.responses.answer_stream import ResponsesStream
from gateway.dialects.responses.tool_turns import ResponsesToolTurns
from gateway.dialects.sse import SseSplitter
from gateway.dialects.tool_turns import Definition, ToolTurns
from gateway.edge.limits import ServerLimits
from gateway.edge.request_parser import RequestParser
from gateway.edge.response_parser import ResponseParser
from gateway.errors import GatewayError, InvalidRequest
from gateway.providers.model_lists import read_page
from gateway.providers.retry_after import retry_after
from tests.dialects.golden.cases import CLIENTS, PROVIDERS
from tests.sim.answers import Answer, Bill, Question
from tests.sim.turns import Call
from tests.sim.voices import Voice
from tests.sim.voices_openai import ChatVoice, ResponsesVoice
from tests.sim.voices_others import ClaudeVoice, GeminiVoice

Read = Callable[[bytes], object]
LIMITS: Final = ServerLimits()
TRANSLATED_TO: Final = frozenset({"openai_chat", "anthropic_messages", "gemini"})


class Opening(NamedTuple):
    """One place that reads bytes, and what it usually gets."""

    read: Read
    examples: tuple[bytes, ...]


def _sse(data: bytes) -> None:
    splitter = SseSplitter()
    with suppress(GatewayError):
        for piece in _pieces(data):
            splitter.feed(piece)


def _request(data: bytes) -> None:
    parser = RequestParser(LIMITS)
    for piece in _pieces(data):
        if piece and parser.rejection is None:
            parser.feed(piece)


def _response(data: bytes) -> None:
    parser = ResponseParser(has_no_body=False, max_header_bytes=65536)
    with suppress(GatewayError):
        for piece in _pieces(data):
            if piece and not parser.complete:
                parser.feed(piece)
        parser.end()


def _client(codec: ClientCodec, data: bytes) -> None:
    for target in TRANSLATED_TO - {codec.name}:
        with suppress(InvalidRequest):
            finish_steps(codec.decode(data, target))


def _whole(codec: ProviderCodec, data: bytes) -> None:
    codec.read_error(data)
    with suppress(ValueError):
        codec.decode(data)


def _stream(make: Callable[[], Any], data: bytes) -> None:
    stream = make()
    with suppress(GatewayError):
        for piece in _pieces(data):
            if not stream.done:
                stream.feed(piece)
        stream.end()


def _led(make: Callable[[], ToolTurns], data: bytes) -> None:
    """A turn of a conversation in which the gateway runs tools; its end may be none."""
    turns = make()
    turns.body(last=False)
    with suppress(GatewayError):
        for piece in _pieces(data):
            turns.feed(piece)
        with suppress(*ODD):
            turns.finish() if not turns.end_turn() else turns.body(last=True)


def _embeddings_request(data: bytes) -> None:
    """Passed on, in parts and to Gemini."""
    with suppress(InvalidRequest):
        request = decode_request(data)
        assert estimate_tokens(request) > 0
        rewrite_request(data, request, model="other")
        if inputs_of(request) > 1:
            split(data, request, 1)
        gemini_embeddings.encode_request(data, request, "m")


def _embeddings_answer(data: bytes) -> None:
    with suppress(ValueError):
        read_reply(data, 2)
        join([data, data])


def _gemini_embeddings_answer(data: bytes) -> None:
    for encoding in (b"float", b"base64"):
        asked = decode_request(b'{"model": "m", "input": ["a", "b"], "encoding_format": "%b"}' % encoding)
        with suppress(ValueError):
            finish_steps(gemini_embeddings.decode_answer(data, asked, "m"))


def _list(kind: str, data: bytes) -> None:
    with suppress(ValueError):
        read_page(kind, data)


def _configuration(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, suppress(ConfigError):
        file = Path(folder, "gateway.toml")
        file.write_bytes(data)
        load(file, {"OPENAI_API_KEY": "sk"})


def _retry_after(data: bytes) -> None:
    for name in (b"retry-after", b"retry-after-ms"):
        seconds = retry_after([(name, data)], 1_700_000_000.0)
        assert seconds is None or 0.0 <= seconds <= 3600.0


def _pieces(data: bytes) -> list[bytes]:
    """As it may come: cut somewhere, the place of which hangs on the data alone."""
    cut = sum(data[:16]) % (len(data) + 1)
    return [data[:cut], data[cut:]]


QUESTION: Final = Question("m", True)
ANSWER: Final = Answer("Well.", "c2ln", "Hello world.", (Call("call_1", "look", '{"at": "it"}'),))
BILL: Final = Bill(7, 3)


def streamed(voice: Voice) -> bytes:
    """A whole stream of a provider's."""
    return b"".join(said.wire for said in voice.events(QUESTION, ANSWER, BILL, repeat(6)))


GET: Final = b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n"
POST: Final = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
HTTP_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
VOICES: Final[Mapping[str, Voice]] = {
    "openai_chat": ChatVoice(),
    "openai_responses": ResponsesVoice(),
    "anthropic_messages": ClaudeVoice(),
    "gemini": GeminiVoice(),
}
CLIENT_BODIES: Final[Mapping[str, bytes]] = {
    "openai_chat": b'{"model": "m", "n": 2, "messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}',
    "anthropic_messages": b'{"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}',
    "openai_responses": b'{"model": "m", "input": [{"role": "user", "content": "a"}], "reasoning": {"effort": "low"}}',
}


EMBEDDINGS: Final = b'{"model": "m", "input": ["a", "b"], "dimensions": 2, "encoding_format": "base64"}'
EMBEDDED: Final = (
    b'{"data": [{"embedding": [0.5, -1]}, {"index": 1, "embedding": "AAAAPw=="}], "usage": {"prompt_tokens": 2}}'
)
GEMINI_EMBEDDED: Final = (
    b'{"embeddings": [{"values": [0.5, -1]}, {"values": [1e99]}], "usageMetadata": {"promptTokenCount": 2}}'
)
LISTS: Final[Mapping[str, bytes]] = {
    "openai": b'{"data": [{"id": "m", "created": 1, "context_length": 9, "pricing": {"prompt": 1, "completion": 1}}]}',
    "anthropic": b'{"data": [{"id": "m", "created_at": "2025-01-01T00:00:00Z"}], "has_more": true, "last_id": "m"}',
    "gemini": b'{"models": [{"name": "models/m", "inputTokenLimit": 9, "supportedGenerationMethods": ["embed"]}]}',
}
ODD_EVENTS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "openai_chat": (
        b'{"choices": 7}',
        b'{"choices": ["x"]}',
        b'{"choices": [{"delta": {"tool_calls": 7}}]}',
        b'{"choices": [{"delta": {"tool_calls": [{"index": [], "function": {"name": 7}}]}}]}',
    ),
    "anthropic_messages": (
        b'{"type": "message_start", "message": 7}',
        b'{"type": "content_block_start", "index": [], "content_block": {"type": "tool_use"}}',
        b'{"type": "message_delta", "delta": 7}',
    ),
    "openai_responses": (
        b'{"type": "response.created", "response": 7}',
        b'{"type": "response.output_item.added", "output_index": [], "item": 7}',
        b'{"type": "response.completed", "response": {"status": "completed", "output": 7}}',
    ),
}
"""What has come once, or might, and is no event of the kind."""


def _openings() -> dict[str, Opening]:
    streams = tuple(streamed(voice) for voice in VOICES.values())
    found = {
        "sse": Opening(_sse, streams),
        "requests": Opening(_request, (GET, POST, GET + POST)),
        "responses": Opening(_response, (HTTP_ANSWER, POST.replace(b"POST /v1/messages HTTP/1.1", b"HTTP/1.1 200 OK"))),
        "configuration": Opening(_configuration, ((Path(__file__).parents[2] / "gateway.toml").read_bytes(),)),
        "embeddings from clients": Opening(_embeddings_request, (EMBEDDINGS,)),
        "embeddings from providers": Opening(_embeddings_answer, (EMBEDDED,)),
        "embeddings from gemini": Opening(_gemini_embeddings_answer, (GEMINI_EMBEDDED,)),
        "retry-after": Opening(_retry_after, (b"5", b"1e3", b"Fri, 31 Dec 2027 23:59:59 GMT")),
    }
    for name, client in CLIENTS.items():
        found[f"{name} from clients"] = Opening(partial(_client, client), (CLIENT_BODIES[name],))
    for name, provider in PROVIDERS.items():
        voice = VOICES.get(name) or VOICES["anthropic_messages"]
        whole = msgspec.json.encode(voice.whole(QUESTION, ANSWER, BILL))
        error = msgspec.json.encode(voice.error(429, "no"))
        found[f"{name} from providers"] = Opening(partial(_whole, provider), (whole, error))
        found[f"{name} streamed by providers"] = Opening(partial(_stream, provider.stream), (streamed(voice),))
    for kind, example in LISTS.items():
        found[f"models listed in the form of {kind}"] = Opening(partial(_list, kind), (example,))
    passed: Mapping[str, Callable[[], Any]] = {
        "openai_chat": ChatStream,
        "anthropic_messages": MessagesStream,
        "openai_responses": ResponsesStream,
    }
    led = {
        "openai_chat": ChatToolTurns,
        "anthropic_messages": MessagesToolTurns,
        "openai_responses": ResponsesToolTurns,
    }
    for name, lead in led.items():
        body = CLIENT_BODIES[name].replace(b'"n": 2, ', b"")[:-1] + b', "tools": [{"type": "gateway", "name": "look"}]}'
        odd = tuple(b"data: %b\n\n" % each for each in ODD_EVENTS[name])
        turns = partial(lead, body, {"look": Definition("look", "Looks.", {})})
        found[f"{name} with tools that are run"] = Opening(partial(_led, turns), (streamed(VOICES[name]), *odd))
    for name, make in passed.items():
        found[f"{name} passed on"] = Opening(partial(_stream, make), (streamed(VOICES[name]),))
    return found


OPENINGS: Final = _openings()
