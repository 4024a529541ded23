"""The host of the tool that the gateway runs for models."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import Final

import trio

from tests.memory_network import MemoryNetwork
from tests.sim.answers import LOOKUP
from tests.sim.history import Errand, History
from tests.sim.scenario import CALM_AT, Scenario
from tests.whole.upstream import Asked, Upstream, babbles, fails, resets, sends, stalls

HOST: Final = "tools.test"
SETTINGS: Final = f"""
[tools.{LOOKUP}]
url = "http://{HOST}/look_up"
description = "Looks a count up."
timeout_s = 2
schema = {{type = "object", properties = {{count = {{type = "string"}}}}}}
"""
RESETS: Final = resets()
ILL: Final = (fails(500), fails(422), RESETS, stalls, babbles)
ILL_SHARE: Final = 0.25


class ToolHouse:
    """Answers what it is asked with what it was asked, and is ill now and then until it is calm."""

    def __init__(self, scenario: Scenario, network: MemoryNetwork, history: History) -> None:
        self._scenario = scenario
        self._history = history
        self._asked: Counter[str] = Counter()
        self.host = Upstream(network, HOST)
        self.host.plays(self._answer)

    async def _answer(self, asked: Asked) -> None:
        request_id = asked.header("x-request-id") or ""
        self._asked[request_id] += 1
        chance = Random(f"{self._scenario.seed}/tool/{request_id}/{self._asked[request_id]}")
        errand = Errand(request_id, asked.body.decode(), asked.at)
        self._history.errands.append(errand)
        ill = chance.random() < ILL_SHARE and asked.at < CALM_AT
        result = {"looked_up": asked.json["count"]}
        after_s = chance.choice([0.0, 0.0, 0.3, 1.0]) if asked.at < CALM_AT else 0.0
        script = chance.choice(ILL) if ill else sends(result, after_s=after_s)
        errand.unheard = script is RESETS
        try:
            await script(asked)
            errand.over_at = trio.current_time()
            errand.result = None if ill else json.dumps(result)
        except (trio.Cancelled, OSError, trio.ClosedResourceError):
            errand.broken_at = trio.current_time()
            raise
