"""What it costs to say how full a context window is: the weight of the prompt, the tier, and the headers.

Conversations of every shape, in all client dialects, each beside what it takes to decode it. python -m bench.windows
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Any, Final, NamedTuple

from actors.letters import Candidate
from gateway.context.filling import filling_of
from gateway.dialects.messages import request_notes as messages
from gateway.dialects.openai_chat import decode_request
from gateway.dialects.prompt_parts import Prompt
from gateway.dialects.prompt_weight import weigh
from gateway.dialects.responses import request_notes as responses

SMALL_BYTES: Final = 2 * 1024
LARGE_BYTES: Final = 1024 * 1024
LIMITS_US: Final = {SMALL_BYTES: 15.0, LARGE_BYTES: 1000.0}
"""What is promised, by the size of the conversation."""
ROUNDS: Final = 15
TEXT: Final = 'The quick brown fox said "jump",\nand the lazy dog did not mind. '
FOREIGN: Final = "Быстрая бурая лиса прыгает через ленивую собаку, 速い茶色の狐が怠け者の犬を飛び越える。"
PICTURE: Final = "data:image/png;base64," + "A" * 200
CANDIDATE: Final = Candidate(provider="openai", model="gpt-4.1", window=1_047_576)

Json = dict[str, Any]


class Shape(NamedTuple):
    """A kind of conversation."""

    decode: Callable[[bytes], Prompt]
    member: str
    """That holds what is said."""
    turn: Callable[[int], Json]
    ascii_only: bool = False


def _said(content: Any) -> Callable[[int], Json]:
    return lambda place: {"role": "assistant" if place % 2 else "user", "content": content}


def _parts(*parts: Json) -> Callable[[int], Json]:
    return _said([*parts])


def _text(length: int, kind: str = "text") -> Json:
    return {"type": kind, "text": (TEXT * 8)[:length]}


_CALL: Final = {"id": "call_0123456789abcdef", "type": "function", "function": {"name": "look", "arguments": TEXT}}
_USE: Final = {"type": "tool_use", "id": "toolu_0123456789abcdef", "name": "look", "input": {"at": (TEXT * 4)[:200]}}
_RESULT: Final = {"type": "tool_result", "tool_use_id": "toolu_0123456789abcdef", "content": (TEXT * 4)[:200]}
_THOUGHT: Final = {"type": "thinking", "thinking": (TEXT * 4)[:200], "signature": "c2ln" * 20}
_SHOWN: Final = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "A" * 200}}

SHAPES: Final = {
    "chat, messages": Shape(decode_request, "messages", _said((TEXT * 4)[:208])),
    "chat, short messages": Shape(decode_request, "messages", _said(TEXT[:60])),
    "chat, other alphabets": Shape(decode_request, "messages", _said(FOREIGN)),
    "chat, other alphabets, escaped": Shape(decode_request, "messages", _said(FOREIGN), ascii_only=True),
    "chat, parts": Shape(decode_request, "messages", _parts(_text(200))),
    "chat, several parts": Shape(decode_request, "messages", _parts(*[_text(200)] * 8)),
    "chat, pictures": Shape(
        decode_request, "messages", _parts(_text(60), {"type": "image_url", "image_url": {"url": PICTURE}})
    ),
    "chat, calls and results": Shape(
        decode_request,
        "messages",
        lambda place: (
            {"role": "tool", "tool_call_id": "call_0123456789abcdef", "content": (TEXT * 4)[:200]}
            if place % 2
            else {"role": "assistant", "content": None, "tool_calls": [_CALL]}
        ),
    ),
    "Messages, parts": Shape(messages.decode_count, "messages", _parts(_text(200))),
    "Messages, calls": Shape(messages.decode_count, "messages", _parts(_THOUGHT, _USE)),
    "Messages, results": Shape(messages.decode_count, "messages", _parts(_RESULT)),
    "Messages, results in parts": Shape(
        messages.decode_count, "messages", _parts({**_RESULT, "content": [_text(200), _SHOWN]})
    ),
    "Responses, messages": Shape(responses.read_request, "input", _said((TEXT * 4)[:208])),
    "Responses, parts": Shape(responses.read_request, "input", _parts(_text(200, "input_text"))),
    "Responses, calls and results": Shape(
        responses.read_request,
        "input",
        lambda place: (
            {"type": "function_call_output", "call_id": "call_0123456789abcdef", "output": (TEXT * 4)[:200]}
            if place % 2
            else {"type": "function_call", "call_id": "call_0123456789abcdef", "name": "look", "arguments": TEXT}
        ),
    ),
}


def conversation(shape: Shape, size_bytes: int) -> bytes:
    """A request of about that size."""

    def written(value: object) -> bytes:
        return json.dumps(value, ensure_ascii=shape.ascii_only).encode()

    turns: list[bytes] = []
    left = size_bytes
    for place in count():
        turn = written(shape.turn(place))
        left -= len(turn) + 2
        if left < 0 and turns:
            break
        turns.append(turn)
    return b'{"model": "gpt-4.1", "%b": [%b]}' % (shape.member.encode(), b", ".join(turns))


def cost_us(shape: Shape, size_bytes: int, *, rounds: int = ROUNDS) -> float:
    """Microseconds of CPU a request, beside decoding it: the least of so many rounds, as timeit has it, since it is
    others on the same cores that make a round longer.
    """
    body = conversation(shape, size_bytes)
    prompt = shape.decode(body)
    times = max(1, 1_000_000 // size_bytes)

    def once() -> None:
        assert filling_of(CANDIDATE, weigh(prompt, body), 128_000).headers

    return min(_cpu_us(once, times) for _ in range(rounds))


def decoding_us(shape: Shape, size_bytes: int, *, rounds: int = ROUNDS) -> float:
    """The same of decoding it, which reads what is said as well."""
    body = conversation(shape, size_bytes)
    return min(_cpu_us(lambda: shape.decode(body), max(1, 1_000_000 // size_bytes)) for _ in range(rounds))


def _cpu_us(work: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times * 1e6


def _table() -> str:
    lines = [f"{'':32}{'2 KiB: tier':>14}{'decoding':>11}{'1 MiB: tier':>14}{'decoding':>11}  µs of CPU"]
    for name, shape in SHAPES.items():
        figures = [cost(shape, size) for size in LIMITS_US for cost in (cost_us, decoding_us)]
        lines.append(f"{name:32}{figures[0]:14.1f}{figures[1]:11.1f}{figures[2]:14.0f}{figures[3]:11.0f}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(_table())
