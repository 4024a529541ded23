"""Bugs in what takes more than a turn or a request: tools that are run, conversations that go on, the background."""

from __future__ import annotations

from typing import Any, Final

import trio

from gateway.calls import messages_passage
from gateway.dialects.chat import tool_turns
from gateway.dialects.chat.tool_turns import ChatToolTurns
from gateway.face import response_life, tool_loop
from gateway.face.background import BackgroundResponses
from tests.sim.mutants import Mutant, mutant, nothing


def _a_turn_is_left_out(continued: Any) -> Any:
    return lambda previous: continued(previous)[1:]


def _results_in_the_wrong_order(add: Any) -> Any:
    def turned(turns: ChatToolTurns, results: Any) -> None:
        said = [result for _, result in reversed(results)]
        add(turns, [(call, result) for (call, _), result in zip(results, said, strict=True)])

    return turned


def _never_kept(_: Any) -> Any:
    async def forget(background: BackgroundResponses, prepared: Any, response: Any, response_id: str) -> None:
        await trio.lowlevel.checkpoint()

    return forget


def _deaf_to_cancelling(_: Any) -> Any:
    async def deaf(background: BackgroundResponses, response_id: str, owner: str) -> bool:
        await trio.lowlevel.checkpoint()
        return background.runs_here(response_id, owner)

    return deaf


def _last_turn_alone(_: Any) -> Any:
    return lambda headers, costs: headers


def _seen_in_no_body(_: Any) -> Any:
    return b"no such signature"


TURN_MUTANTS: Final[tuple[Mutant, ...]] = (
    mutant("an earlier turn is left out", response_life, "continued", _a_turn_is_left_out),
    mutant("the results of two tools change places", ChatToolTurns, "add_results", _results_in_the_wrong_order),
    mutant("the usage of earlier turns is forgotten", tool_turns, "add_usage", nothing),
    mutant("the cost of earlier turns is forgotten", tool_loop, "_with_cost", _last_turn_alone),
    mutant("what another maker signed goes to Anthropic", messages_passage, "STAMPED", _seen_in_no_body),
    mutant("what a response comes to is not kept", BackgroundResponses, "_keep", _never_kept),
    mutant("a response that is cancelled runs on", BackgroundResponses, "cancel_here", _deaf_to_cancelling),
)
