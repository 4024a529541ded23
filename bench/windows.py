"""What it costs to say how full a context window is: the weight of the prompt, the tier, and the headers.

Conversations of every shape, in all client dialects, each beside what it takes to decode it. python -m bench.windows
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, Final, NamedTuple

from actors.letters import Candidate
from gateway.context.filling import filling_of
from gateway.dialects import openai_chat
from gateway.dialects.messages import request_notes as messages
from gateway.dialects.openai_chat import decode_request as decode_chat
from gateway.dialects.prompt_parts import Prompt
from gateway.dialects.prompt_weight import weigh
from gateway.dialects.responses import request_notes as responses

SMALL_BYTES: Final = 2 * 1024
LARGE_BYTES: Final = 1024 * 1024
LIMITS_US: Final = {SMALL_BYTES: 15.0, LARGE_BYTES: 1000.0}
"""What is promised, by the size of the conversation."""
ROUNDS: Final = 15
FEW_ROUNDS: Final = 2
EIGHTHS: Final = (8, 6, 5, 4, 3)
"""Of a size, which are tried."""
TEXT: Final = 'The quick brown fox said "jump",\nand the lazy dog did not mind. '
FOREIGN: Final = "Быстрая бурая лиса прыгает через ленивую собаку, 速い茶色の狐が怠け者の犬を飛び越える。"
PICTURE: Final = "data:image/png;base64," + "A" * 200
UNREAD: Final[dict[Callable[[bytes], Prompt], Callable[[bytes], Prompt]]] = {
    decode_chat: openai_chat.decode_unread,
    messages.decode_count: messages.decode_unread,
    responses.decode_request: responses.decode_unread,
}
"""How what is said stays as it was written."""
CANDIDATE: Final = Candidate(provider="openai", model="gpt-4.1", window=1_047_576)

Json = dict[str, Any]
Turns = Sequence[Json]


class Shape(NamedTuple):
    """A kind of conversation."""

    decode: Callable[[bytes], Prompt]
    member: str
    """That holds what is said."""
    turns: Turns
    """That it repeats."""
    ascii_only: bool = False
    beside: str = ""
    """Other members, as they are written."""


def _chat(turns: Turns, *, ascii_only: bool = False) -> Shape:
    return Shape(decode_chat, "messages", turns, ascii_only)


def _messages(*parts: Json) -> Shape:
    return Shape(messages.decode_count, "messages", _parts(*parts))


def _responses(turns: Turns) -> Shape:
    return Shape(responses.decode_request, "input", turns)


def _said(content: Any) -> Turns:
    return [{"role": role, "content": content} for role in ("user", "assistant")]


def _parts(*parts: Json) -> Turns:
    return _said([*parts])


def _text(length: int, kind: str = "text", **more: Any) -> Json:
    return {"type": kind, "text": (TEXT * 8)[:length], **more}


def _picture(kind: str = "image_url", **more: Any) -> Json:
    return {"type": kind, kind: {"url": PICTURE}, **more}


def _called(arguments: str) -> Json:
    call = {"id": "call_0123456789abcdef", "type": "function", "function": {"name": "look", "arguments": arguments}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _used(kind: str = "tool_use", at: str = TEXT * 3) -> Json:
    return {"type": kind, "id": "toolu_0123456789abcdef", "name": "look", "input": {"at": at}}


def _returned(content: Any = TEXT * 3, kind: str = "tool_result") -> Json:
    return {"type": kind, "tool_use_id": "toolu_0123456789abcdef", "content": content}


_TOOL: Final = {"type": "function", "function": {"name": "look", "description": FOREIGN, "parameters": {}}}
_RESULT: Final = {"role": "tool", "tool_call_id": "call_0123456789abcdef", "content": TEXT * 3}
_THOUGHT: Final = {"type": "thinking", "thinking": TEXT * 3, "signature": "c2ln" * 20}
_SHOWN: Final = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 200}}
_PAGE: Final = {"type": "text", "media_type": "text/plain", "data": TEXT * 3}
_CITED: Final = [{"type": "char_location", "cited_text": TEXT, "document_index": 0, "start_char_index": 0}]
_HIT: Final = {"type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": "QUJD" * 30}
_FOUND: Final = {"type": "search_result", "source": "https://a.example", "title": "A", "content": [_text(200)]}
_CALL_ITEM: Final = {"type": "function_call", "call_id": "call_0123456789", "name": "look", "arguments": TEXT}
_RESULT_ITEM: Final = {"type": "function_call_output", "call_id": "call_0123456789", "output": TEXT * 3}
_THOUGHT_ITEM: Final = {"type": "reasoning", "id": "rs_0123456789", "summary": [_text(200, "summary_text")]}
_SHELL_ITEM: Final = {"type": "shell_call_output", "call_id": "call_0123456789", "output": [{"stdout": TEXT * 3}]}

SHAPES: Final = {
    "chat, messages": _chat(_said(TEXT * 3)),
    "chat, short messages": _chat(_said(TEXT[:60])),
    "chat, messages of two letters": _chat(_said("hi")),
    "chat, other alphabets": _chat(_said(FOREIGN)),
    "chat, other alphabets, escaped": _chat(_said(FOREIGN), ascii_only=True),
    "chat, parts": _chat(_parts(_text(200))),
    "chat, several parts": _chat(_parts(*[_text(200)] * 8)),
    "chat, parts of two letters": _chat(_parts(*[_text(2)] * 8)),
    "chat, pictures": _chat(_parts(_text(60), _picture())),
    "chat, videos": _chat(_parts(_text(60), _picture("video_url"))),
    "chat, unknown members": _chat(_parts(_text(200, note="new"))),
    "chat, pictures, unknown members": _chat(_parts(_text(60, note="new"), _picture())),
    "chat, unknown kinds": _chat(_parts(_text(60), {"type": "smell", "smell": TEXT * 3})),
    "chat, calls and results": _chat([_called(TEXT), _RESULT]),
    "chat, calls in other alphabets": _chat([_called(FOREIGN), _RESULT]),
    "chat, tools in other alphabets": Shape(
        decode_chat, "tools", [_TOOL], beside='"messages": [{"role": "user", "content": "hi"}], '
    ),
    "Messages, parts": _messages(_text(200)),
    "Messages, citations": _messages(_text(200, citations=_CITED)),
    "Messages, calls": _messages(_THOUGHT, _used()),
    "Messages, short calls": _messages(_used(at="it")),
    "Messages, calls in other alphabets": _messages(_used(at=FOREIGN)),
    "Messages, results": _messages(_returned()),
    "Messages, results in parts": _messages(_returned([_text(200), _SHOWN])),
    "Messages, documents": _messages({"type": "document", "source": _PAGE}, _text(60)),
    "Messages, search results": _messages(_FOUND),
    "Messages, the provider's tools": _messages(
        _used("server_tool_use"), _returned([_HIT], "web_search_tool_result"), _text(200)
    ),
    "Messages, unknown members": _messages(_THOUGHT, {**_used(), "note": "new"}, _text(60)),
    "Messages, results, unknown members": _messages(_returned([_text(200, note="new"), _SHOWN])),
    "Responses, messages": _responses(_said(TEXT * 3)),
    "Responses, parts": _responses(_parts(_text(200, "input_text"))),
    "Responses, annotations": _responses(_parts(_text(200, "output_text", annotations=_CITED))),
    "Responses, calls and results": _responses([_CALL_ITEM, _RESULT_ITEM]),
    "Responses, reasoning": _responses([_THOUGHT_ITEM, _CALL_ITEM]),
    "Responses, shell": _responses([_SHELL_ITEM]),
}


def conversation(shape: Shape, size_bytes: int) -> bytes:
    """A request of about that size."""

    def written(value: object) -> bytes:
        return json.dumps(value, ensure_ascii=shape.ascii_only).encode()

    turns: list[bytes] = []
    left = size_bytes
    for turn in cycle(map(written, shape.turns)):
        left -= len(turn) + 2
        if left < 0 and turns:
            break
        turns.append(turn)
    frame = (shape.beside.encode(), shape.member.encode(), b", ".join(turns))
    return b'{"model": "gpt-4.1", %b"%b": [%b]}' % frame


def cost_us(shape: Shape, size_bytes: int, *, rounds: int = ROUNDS) -> float:
    """Microseconds of CPU a request, beside decoding it: the least of so many rounds, as timeit has it, since it is
    others on the same cores that make a round longer.
    """
    body = conversation(shape, size_bytes)
    prompt = shape.decode(body)
    times = max(1, 250_000 // size_bytes)

    def once() -> None:
        assert filling_of(CANDIDATE, weigh(prompt, body), 128_000).headers

    return min(_cpu_us(once, times) for _ in range(rounds))


def dearest_us(shape: Shape, size_bytes: int, *, rounds: int = ROUNDS) -> float:
    """The same of the dearest conversation that is no larger: one of too many pieces to look at costs less."""
    if size_bytes < LARGE_BYTES:
        return cost_us(shape, size_bytes, rounds=rounds)
    sizes = [size_bytes * eighths // 8 for eighths in EIGHTHS]
    return cost_us(shape, max(sizes, key=lambda size: cost_us(shape, size, rounds=FEW_ROUNDS)), rounds=rounds)


def decoding_us(shape: Shape, size_bytes: int) -> tuple[float, float]:
    """The same of decoding it: as it is done, which reads what is said as well, and without that."""
    body, times = conversation(shape, size_bytes), max(1, 250_000 // size_bytes)
    read, unread = (
        min(_cpu_us(lambda: decode(body), times) for _ in range(ROUNDS))  # noqa: B023  # called at once
        for decode in (shape.decode, UNREAD[shape.decode])
    )
    return read, unread


def _cpu_us(work: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times * 1e6


def _table() -> str:
    heads = "".join(f"{size // 1024:>10} KiB: tier {'decoding (unread)':>18}" for size in LIMITS_US)
    lines = [f"{'':36}{heads}  µs of CPU"]
    for name, shape in SHAPES.items():
        line = f"{name:36}"
        for size in LIMITS_US:
            read, unread = decoding_us(shape, size)
            line += f"{dearest_us(shape, size):20.1f}{read:10.1f} ({unread:6.1f})"
        lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(_table())
