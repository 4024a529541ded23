"""Parameters that the configuration gives to a model, all the way from gateway.toml to the provider."""

from __future__ import annotations

from trio.testing import MockClock

from tests.whole.gateways import QUESTION, running
from tests.whole.upstream import answers

SETTINGS = """
[models."careful"]
target = "gpt-4o"
parameters = { temperature = 0.1, max_tokens = 300 }
"""


async def test_an_alias_brings_its_parameters_along(autojump_clock: MockClock) -> None:
    """The client's own temperature stays; who asks for the model itself gets none of it."""
    async with running(SETTINGS) as it:
        it.openai.plays(answers(), answers(), answers())
        for question in (
            {**QUESTION, "model": "careful"},
            {**QUESTION, "model": "careful", "temperature": 0.9},
            QUESTION,
        ):
            assert (await it.ask(question)).status == 200
        bodies = [asked.json for asked in it.openai.asked]
    messages = QUESTION["messages"]
    assert bodies == [
        {"model": "gpt-4o", "messages": messages, "temperature": 0.1, "max_tokens": 300},
        {"model": "gpt-4o", "messages": messages, "temperature": 0.9, "max_tokens": 300},
        {"model": "gpt-4o", "messages": messages},
    ]
