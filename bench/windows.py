"""What it costs to say how full a context window is: the weight of the prompt, the tier, and the headers.

python -m bench.windows
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median
from typing import Final

from actors.letters import Candidate
from gateway.context.tiers import gauge_of, read
from gateway.dialects.openai_chat import decode_request
from gateway.dialects.prompt_weight import weigh

SMALL_BYTES: Final = 2 * 1024
LARGE_BYTES: Final = 1024 * 1024
MESSAGE_BYTES: Final = 256
"""Of each message; a megabyte of them are four thousand."""
LIMITS_US: Final = {SMALL_BYTES: 15.0, LARGE_BYTES: 1000.0}
"""What is promised, by the size of the conversation."""
ROUNDS: Final = 7
TEXT: Final = 'The quick brown fox said "jump",\nand the lazy dog did not mind. '


def conversation(size_bytes: int) -> bytes:
    """A chat of about that size, with line ends and quotes as people write them."""
    count = max(1, size_bytes // MESSAGE_BYTES)
    text = (TEXT * 4)[: MESSAGE_BYTES - 48]
    messages = [{"role": "user" if place % 2 == 0 else "assistant", "content": text} for place in range(count)]
    return json.dumps({"model": "gpt-4.1", "messages": messages}).encode()


def cost_us(size_bytes: int, *, rounds: int = ROUNDS) -> float:
    """Microseconds of CPU a request, beside decoding it: the median of so many rounds."""
    body = conversation(size_bytes)
    request = decode_request(body)
    candidate = Candidate(provider="openai", model="gpt-4.1", window=1_047_576)
    times = max(1, 1_000_000 // size_bytes)

    def once() -> None:
        assert candidate.window is not None
        read(gauge_of(candidate.model, candidate.window), weigh(request, body)).headers()

    figures = []
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(times):
            once()
        figures.append((time.process_time() - began) / times * 1e6)
    return median(figures)


if __name__ == "__main__":
    sys.stdout.write(json.dumps({size: cost_us(size) for size in LIMITS_US}))
