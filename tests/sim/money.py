"""What things cost in a simulated run, reckoned apart from the gateway: plain prices, sums as whole nano-USD."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tests.sim.answers import Bill

Sums = Counter[tuple[str, str, str]]
"""Nano-USD by client key, provider and model."""


class Tag(NamedTuple):
    """Pico-USD a token; the same figures as USD a million tokens times a million."""

    input: int
    output: int
    cached: int
    reasoning: int

    def settings(self) -> str:
        """As the configuration has it."""
        names = ("input", "output", "cached_input", "reasoning_output")
        return ", ".join(f"{name} = {rate / 1_000_000}" for name, rate in zip(names, self, strict=True))

    def nano_usd(self, bill: Bill) -> int:
        """What an answer costs, rounded once."""
        plain = (bill.prompt - bill.cached) * self.input + (bill.completion - bill.reasoning) * self.output
        return (plain + bill.cached * self.cached + bill.reasoning * self.reasoning + 500) // 1000


TAGS: Final = {
    ("openai", "gpt-4o"): Tag(2_500_000, 10_000_000, 1_250_000, 10_000_000),
    ("openai", "text-embedding-3-small"): Tag(20_123, 0, 20_123, 0),
    ("anthropic", "claude-sonnet-4-5"): Tag(3_000_000, 15_000_000, 300_000, 15_000_000),
    ("google", "gemini-2.0-flash"): Tag(99_999, 400_001, 25_005, 700_003),
    ("google", "gemini-embedding-001"): Tag(150_007, 0, 150_007, 0),
    ("deepseek", "deepseek-chat"): Tag(27_903, 1_101_777, 7_001, 2_201_333),
}
"""Rates that do not come out even, so that it shows where something is rounded twice."""


def nano_of_header(value: str) -> int:
    """An exact decimal number of USD."""
    whole, _, rest = value.partition(".")
    return int(whole) * 1_000_000_000 + int(rest.ljust(9, "0"))


def sums_in_store(values: Mapping[str, tuple[Any, float | None]]) -> tuple[Sums, Counter[str]]:
    """What the store's rows say, and its sums of the day by client key."""
    rows, days = Sums(), Counter[str]()
    for place, (value, _) in values.items():
        if ":spend:{client/" not in place:
            continue
        client = place.partition("{client/")[2].partition("}")[0]
        if "}:rows:" in place:
            for field, amount in value.items():
                provider, model, figure = field.split("\t")
                if figure == "nano_usd":
                    rows[client, provider, model] += int(amount)
        elif "}:day:" in place:
            days[client] += int(value)
    return rows, days


def held_in_store(values: Mapping[str, tuple[Any, float | None]]) -> Counter[str]:
    """What calls may cost that are not over, by client key."""
    held = Counter[str]()
    for place, (holds, _) in values.items():
        if ":spend:{client/" in place and place.endswith("}:holds"):
            held[place.partition("{client/")[2].partition("}")[0]] += sum(amount for amount, _ in holds.values())
    return held
