"""A dialogue with tools: every move of the model is thought, signed and told. `voices.py` says it as providers do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class ToolUse:
    id: str
    name: str
    arguments: Json

    @property
    def written(self) -> str:
        return json.dumps(self.arguments, separators=(",", ":"))


@dataclass(frozen=True)
class Move:
    """One answer of the model."""

    thought: str
    proof: str
    """What the provider signed of it: base64, as all of them write it."""
    text: str
    calls: tuple[ToolUse, ...] = ()

    @property
    def other_proof(self) -> str:
        """What it signs of something else beside it."""
        return self.proof[::-1].lstrip("=") + "=" * (len(self.proof) - len(self.proof.rstrip("=")))


ROMA = ToolUse("call_one", "tell_weather", {"city": "Roma"})
OSTIA = ToolUse("call_two", "tell_weather", {"city": "Ostia"})
TIME = ToolUse("call_three", "tell_time", {})
MOVES = (
    Move("Two towns: two calls.", "c2lnbmVkLW9uZQ==", "Let me look.", (ROMA, OSTIA)),
    Move("Now the time.", "c2lnbmVkLXR3bw==", "", (TIME,)),
    Move("That is all.", "c2lnbmVkLXRocmVl", "Clear in both, and it is noon."),
)
FAMILIES = {
    "openai": "gpt",
    "anthropic": "claude",
    "google": "gemini",
    "deepseek": "deepseek",
    "openrouter": "anthropic/claude",
}
"""How the names of each provider's models begin."""
RESULTS = {"call_one": "clear", "call_two": "clear, windy", "call_three": "noon"}


def name_for(model: str) -> str:
    """What a client calls a model of `FAMILIES`: a vendor's goes to OpenRouter where that is said."""
    return f"openrouter/{model}" if "/" in model else model
