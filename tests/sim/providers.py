"""The virtual providers: each listens at its host, and answers in its dialect and in the mood of the moment."""

from __future__ import annotations

import json
from collections import Counter
from random import Random

import trio

from tests.memory_network import MemoryNetwork
from tests.sim.answers import answer_for
from tests.sim.errands import ToolHouse
from tests.sim.history import Exchange, History
from tests.sim.moods import Turn
from tests.sim.scenario import CALM_AT, Blow, Mood, Scenario
from tests.sim.town import HOUSES
from tests.sim.voices_others import voice_of
from tests.whole.upstream import Asked, Upstream

NOW_AND_THEN = tuple(mood for mood in Mood if mood not in (Mood.WELL, Mood.LONG))
OVERLONG = 0.05
"""The share of answers behind which comes more than their length says."""
FAULT_PREVAILS = 0.8
"""The share of requests that meet a spell which the provider is in."""


class Providers:
    """All of them, and the host of the gateway's tool where there is one."""

    def __init__(self, scenario: Scenario, network: MemoryNetwork, history: History) -> None:
        self._scenario = scenario
        self._history = history
        self._spells = [fault for fault in scenario.faults if fault.blow is Blow.MOOD]
        self._asked: Counter[tuple[str, str]] = Counter()
        self.houses = {name: Upstream(network, house.host) for name, house in HOUSES.items()}
        tools = [ToolHouse(scenario, network, history).host] if scenario.hires else []
        self._hosts = [*self.houses.values(), *tools]
        for name, house in self.houses.items():
            house.plays(lambda asked, name=name: self._answer(name, asked))  # type: ignore[misc]

    async def open(self, nursery: trio.Nursery) -> None:
        for house in self._hosts:
            await nursery.start(house.run)

    async def _answer(self, provider: str, asked: Asked) -> None:
        request_id = asked.header("x-request-id") or ""
        self._asked[provider, request_id] += 1
        number = self._asked[provider, request_id]
        # Drawn anew for each request, so that one that is left out of a scenario changes nothing for the others.
        turn = f"{self._scenario.seed}/{provider}/{request_id}/{number}"
        chance = Random(turn)
        target = asked.target.decode()
        voice = voice_of(provider, target)
        question = voice.read(target, json.loads(asked.body))._replace(id=f"{request_id}-{number}")
        mood = self._mood(provider, chance)
        if mood is Mood.WELL and self._scenario.overlong and Random(f"{turn}/overlong").random() < OVERLONG:
            mood = Mood.LONG
        if question.earlier:  # nobody but the gateway knows any
            mood = Mood.BAD_REQUEST
        contrary = self._scenario.moody > 0 and asked.at < CALM_AT
        answer, bill = answer_for(question, chance, contrary=contrary, who=provider)
        exchange = Exchange(
            provider=provider,
            request_id=request_id,
            number=number,
            model=question.model,
            mood=mood.value,
            at=asked.at,
            streamed=question.streamed,
            prefix=question.begun,
            bill=bill,
            question=question,
            answer=answer,
            head=asked.head,
            body=asked.body,
            mark=next(self._history.order),
        )
        self._history.exchanges.append(exchange)
        try:
            await Turn(asked, voice, question, exchange, chance).play(mood)
        finally:
            exchange.over_mark = next(self._history.order)

    def _mood(self, provider: str, chance: Random) -> Mood:
        now = trio.current_time()
        if now >= CALM_AT:
            return Mood.WELL
        for spell in self._spells:
            if spell.target == provider and spell.at <= now < spell.until and chance.random() < FAULT_PREVAILS:
                return spell.mood
        return chance.choice(NOW_AND_THEN) if chance.random() < self._scenario.moody else Mood.WELL
