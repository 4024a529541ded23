"""Parameters of the configuration on a conversation that is translated."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import asdict

from gateway.config.settings import Parameters
from gateway.dialects.conversation import Conversation, ReasoningWish, Tool, Turn
from gateway.dialects.conversation_parameters import add_parameters, withdraw

SIMPLE: dict[str, Any] = {
    "temperature": 0.2,
    "top_p": 0.9,
    "top_k": 40,
    "frequency_penalty": 0.1,
    "presence_penalty": -0.1,
    "seed": 7,
    "verbosity": "high",
    "service_tier": "flex",
}
EVERY = {**SIMPLE, "max_tokens": 100, "stop": "END", "reasoning_effort": "low", "parallel_tool_calls": False}


def conversation(**members: Any) -> Conversation:
    return Conversation(model="m", turns=[Turn("user", [])], **members)


def test_every_parameter_of_the_configuration_has_its_member() -> None:
    assert {*EVERY, "max_completion_tokens"} == set(Parameters.__struct_fields__)
    asked = conversation(tools=[Tool("clock")])
    replaced = add_parameters(asked, EVERY)
    expected = conversation(
        **SIMPLE,
        max_tokens=100,
        stop=["END"],
        reasoning=ReasoningWish(effort="low"),
        parallel_tool_calls=False,
        tools=[Tool("clock")],
    )
    assert asked == expected
    assert set(replaced) == {*SIMPLE, "max_tokens", "stop", "reasoning", "parallel_tool_calls"}


def test_what_the_client_says_stays() -> None:
    members = {
        **dict.fromkeys(SIMPLE, 1),
        "max_tokens": 5,
        "stop": ["X"],
        "reasoning": ReasoningWish(budget_tokens=2000),
        "parallel_tool_calls": True,
        "tools": [Tool("clock")],
    }
    asked = conversation(**members)
    assert add_parameters(asked, EVERY) == {}
    assert asked == conversation(**members)


@pytest.mark.parametrize(
    ("given", "result"),
    [
        (None, ReasoningWish(effort="low")),
        (ReasoningWish(visible=True), ReasoningWish(visible=True, effort="low")),
        (ReasoningWish(enabled=False), ReasoningWish(enabled=False)),
        (ReasoningWish(effort="high"), ReasoningWish(effort="high")),
    ],
)
def test_an_effort_joins_a_wish_that_does_not_say_how_much(given: ReasoningWish | None, result: ReasoningWish) -> None:
    asked = conversation(reasoning=given)
    add_parameters(asked, {"reasoning_effort": "low"})
    assert asked.reasoning == result


def test_the_newer_name_for_the_length_and_several_stops() -> None:
    asked = conversation()
    add_parameters(asked, {"max_completion_tokens": 7, "stop": ("a", "b")})
    assert (asked.max_tokens, asked.stop) == (7, ["a", "b"])


def test_what_is_refused_by_name_is_taken_back_alone() -> None:
    asked = conversation(spelling={"stop": "stop_sequences"})
    replaced = add_parameters(asked, EVERY)
    assert withdraw(asked, replaced, "stop_sequences")
    assert (asked.stop, asked.seed) == ([], 7)
    assert withdraw(asked, replaced, "seed")
    assert asked.seed is None


def test_all_are_taken_back_where_the_refusal_names_what_the_client_set() -> None:
    """It may be that the two do not go together. The second time it is the client's own mistake."""
    asked = conversation(top_p=0.5)
    before = asdict(asked)
    replaced = add_parameters(asked, {"temperature": 0.2, "seed": 1})
    assert withdraw(asked, replaced, "top_p")
    assert asdict(asked) == before
    assert not withdraw(asked, replaced, "top_p")
