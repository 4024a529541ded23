"""A wish for reasoning, in the terms of each generation of models."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.dialects.conversation import Maker, Reasoning, ReasoningWish, Tool, ToolCall, ToolChoice, ToolResult
from gateway.errors import InvalidRequest
from tests.dialects.anthropic.talking import BOTH, NEW, NEWEST, OLD, ask, assistant, encoded, user

SIGNED = Reasoning("hm", signature="sig", maker=Maker.ANTHROPIC)
RESULT = user(ToolResult("t", []))
F = Tool("f")


def thought(model: str, wish: ReasoningWish | None, limit: int | None = None, **more: Any) -> tuple[Any, Any, int]:
    """What the request says of thinking and effort, and how long the answer may be."""
    body = encoded(ask(user("hi"), reasoning=wish, **more), model, limit)
    return body.get("thinking"), body.get("output_config", {}).get("effort"), body["max_tokens"]


def enabled(budget: int) -> dict[str, Any]:
    return {"type": "enabled", "budget_tokens": budget}


ADAPTIVE = {"type": "adaptive"}


@pytest.mark.parametrize(
    ("effort", "budget"),
    [("minimal", 1024), ("low", 2048), ("medium", 8192), ("high", 16_384), ("xhigh", 24_576), ("max", 24_576)],
)
def test_an_effort_is_a_budget_for_an_older_model(effort: str, budget: int) -> None:
    assert thought(OLD, ReasoningWish(effort), 32_000) == (enabled(budget), None, 32_000)


@pytest.mark.parametrize(
    ("effort", "both", "newer"),
    [
        ("minimal", "low", "low"),
        ("low", "low", "low"),
        ("medium", "medium", "medium"),
        ("high", "high", "high"),
        ("xhigh", "max", "xhigh"),
        ("max", "max", "max"),
    ],
)
def test_an_effort_is_an_effort_for_a_model_that_adapts(effort: str, both: str, newer: str) -> None:
    """4.6 knows no xhigh."""
    assert thought(BOTH, ReasoningWish(effort), 9000) == (ADAPTIVE, both, 9000)
    assert thought(NEW, ReasoningWish(effort), 9000) == (ADAPTIVE, newer, 9000)


def test_a_budget_is_kept_where_one_is_taken() -> None:
    wish = ReasoningWish(budget_tokens=3000)
    assert thought(OLD, wish, max_tokens=4096) == (enabled(3000), None, 4096)
    assert thought(BOTH, wish, max_tokens=4096) == (enabled(3000), None, 4096)


@pytest.mark.parametrize(("budget", "effort"), [(1024, "low"), (8192, "medium"), (10_000, "high"), (40_000, "xhigh")])
def test_a_budget_is_an_effort_where_none_is_taken(budget: int, effort: str) -> None:
    assert thought(NEW, ReasoningWish(budget_tokens=budget), 9000) == (ADAPTIVE, effort, 9000)


def test_thinking_that_is_only_switched_on() -> None:
    assert thought(OLD, ReasoningWish(enabled=True), 20_000) == (enabled(8192), None, 20_000)
    assert thought(NEW, ReasoningWish(enabled=True), 20_000) == (ADAPTIVE, None, 20_000)


@pytest.mark.parametrize("wish", [ReasoningWish(enabled=False), ReasoningWish("none")])
def test_thinking_is_switched_off_as_each_model_has_it(wish: ReasoningWish) -> None:
    assert thought(OLD, wish, 9000) == (None, None, 9000)
    assert thought("claude-opus-4-8", wish, 9000) == (None, None, 9000)
    assert thought(NEW, wish, 9000) == ({"type": "disabled"}, None, 9000)
    assert thought("claude-sonnet-5-5", wish, 9000) == ({"type": "between_tools"}, None, 9000)
    with pytest.raises(InvalidRequest, match="always reasons"):
        thought(NEWEST, wish)


def test_nothing_is_said_where_nothing_is_wished() -> None:
    assert thought(NEWEST, None, 9000) == (None, None, 9000)
    assert thought("claude-opus-4-8", ReasoningWish(visible=True), 9000) == (None, None, 9000)


@pytest.mark.parametrize(("visible", "display"), [(True, "summarized"), (False, "omitted")])
def test_thoughts_are_shown_as_wished(visible: bool, display: str) -> None:
    shown = {"type": "adaptive", "display": display}
    assert thought("claude-opus-4-8", ReasoningWish("low", visible=visible), 9000) == (shown, "low", 9000)
    assert thought(NEWEST, ReasoningWish(visible=visible), 9000) == (shown, None, 9000)


def test_a_budget_leaves_room_for_an_answer() -> None:
    """The API counts thinking into max_tokens and wants the budget to be less."""
    assert thought(OLD, ReasoningWish("high"), max_tokens=5000) == (enabled(4000), None, 5000)
    assert thought(OLD, ReasoningWish(budget_tokens=50_000), 32_000) == (enabled(50_000), None, 54_096)
    assert thought("kimi-k2", ReasoningWish("high")) == (enabled(3276), None, 4096)


def test_an_answer_too_short_to_think_in_is_given_without() -> None:
    assert thought(OLD, ReasoningWish("high"), max_tokens=1000) == (None, None, 1000)


def test_a_budget_that_cannot_be_is_named() -> None:
    with pytest.raises(InvalidRequest, match="1024 tokens at least") as refusal:
        thought(OLD, ReasoningWish(budget_tokens=500))
    assert refusal.value.param == "reasoning"
    with pytest.raises(InvalidRequest, match="more than the 4000 tokens") as refusal:
        thought(OLD, ReasoningWish(budget_tokens=4000), max_tokens=4000)
    assert refusal.value.param == "max_tokens"


def test_the_client_is_told_in_its_own_words() -> None:
    with pytest.raises(InvalidRequest, match="'reasoning_effort' cannot be had") as refusal:
        thought("claude-3-5-haiku-latest", ReasoningWish("low"), spelling={"reasoning": "reasoning_effort"})
    assert refusal.value.param == "reasoning_effort"


def test_an_effort_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no effort 'most'"):
        thought(NEW, ReasoningWish("most"))


@pytest.mark.parametrize("choice", [ToolChoice("required"), ToolChoice("tool", "f")])
def test_a_forced_call_and_a_budget_exclude_each_other(choice: ToolChoice) -> None:
    """The call wins over an effort; where thinking was asked for outright the client has to decide."""
    assert thought(OLD, ReasoningWish("high"), 9000, tools=[F], tool_choice=choice) == (None, None, 9000)
    assert thought(NEW, ReasoningWish("high"), 9000, tools=[F], tool_choice=choice) == (ADAPTIVE, "high", 9000)
    with pytest.raises(InvalidRequest) as refusal:
        thought(OLD, ReasoningWish(budget_tokens=2000), 9000, tools=[F], tool_choice=choice)
    assert refusal.value.param == "tool_choice"


def test_newest_models_cannot_be_forced_at_all() -> None:
    with pytest.raises(InvalidRequest, match="cannot be made to call") as refusal:
        thought(NEWEST, None, tools=[F], tool_choice=ToolChoice("required"))
    assert refusal.value.param == "tool_choice"


def test_amid_a_tool_loop_whose_thinking_is_lost_an_older_model_goes_on_without() -> None:
    """The API answers 400 to a budget there; a model that adapts does not mind."""
    wish = ReasoningWish("low")
    lost = (user("go"), assistant(ToolCall("t", "f", "{}")), RESULT)
    kept = (user("go"), assistant(SIGNED, ToolCall("t", "f", "{}")), RESULT)
    assert "thinking" not in encoded(ask(*lost, reasoning=wish, tools=[F]), OLD)
    assert encoded(ask(*kept, reasoning=wish, tools=[F]), OLD)["thinking"] == enabled(2048)
    assert encoded(ask(*lost, reasoning=wish, tools=[F]), NEW)["thinking"] == ADAPTIVE


def test_a_loop_is_judged_by_how_it_began() -> None:
    """A model with a budget thinks once, ahead of its first call."""
    more = (assistant(ToolCall("u", "f", "{}")), user(ToolResult("u", [])))
    loop = (user("go"), assistant(SIGNED, ToolCall("t", "f", "{}")), RESULT, *more)
    assert encoded(ask(*loop, reasoning=ReasoningWish("low"), tools=[F]), OLD)["thinking"] == enabled(2048)


def test_turns_that_are_over_do_not_matter() -> None:
    over = (user("go"), assistant("done"), user("more"))
    assert encoded(ask(*over, reasoning=ReasoningWish("low")), OLD)["thinking"] == enabled(2048)


def test_a_text_to_be_continued_is_continued_without_thinking() -> None:
    assert "thinking" not in encoded(ask(user("go"), assistant("So"), reasoning=ReasoningWish("low")), OLD)
