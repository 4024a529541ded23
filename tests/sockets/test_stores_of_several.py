"""A whole gateway on a store of several servers: one of them stops, dies or is followed, and no request notices."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sockets.load import Tally, under_load
from tests.sockets.processes import GatewayProcess, running
from tests.sockets.test_shared_store import RESPONSE, SHARED_LIMIT, Asker, mode_of
from tests.store.valkeys import HOST, cluster, watched

pytestmark = pytest.mark.real_time

BACK_LIMIT_S = 15.0
"""A Sentinel's failover takes two of them, and a client has to hear of it."""


def lives_through(
    gateway: GatewayProcess, asker: Asker, tally: Tally, begin: Callable[[], None], end: Callable[[], None]
) -> None:
    """The store goes and comes back: requests are answered meanwhile, and nobody takes it to be there."""
    begin()
    gateway.wait_for(lambda: mode_of(asker) == "degraded", BACK_LIMIT_S)
    at, moves = tally.answered, len(gateway.logged("store moved"))
    gateway.wait_for(lambda: tally.answered > at + 60, BACK_LIMIT_S)
    assert len(gateway.logged("store moved")) == moves
    end()
    gateway.wait_for(lambda: mode_of(asker) == "connected", BACK_LIMIT_S)


def kept(gateway: GatewayProcess, asker: Asker) -> str:
    """Where a response is kept that has just been made; on a busy machine a round trip may be late, and it is not."""
    path = ""

    def is_kept() -> bool:
        nonlocal path
        status, made = asker.ask("POST", "/v1/responses", RESPONSE)
        assert status == 200
        path = f"/v1/responses/{made['id']}"
        return asker.ask("GET", path)[0] == 200

    gateway.wait_for(is_kept, BACK_LIMIT_S)
    return path


def test_a_cluster_whose_node_stops_or_dies_costs_no_request(tmp_path: Path) -> None:
    """What its third of the keys held is out of reach meanwhile; all of it is there again with the node."""
    with cluster(tmp_path) as nodes:
        url = "redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in nodes)
        with (
            running(tmp_path, environ={"REDIS_URL": url}, settings=SHARED_LIMIT) as gateway,
            Asker(gateway) as asker,
        ):
            paths = [kept(gateway, asker) for _ in range(6)]
            with under_load(gateway) as tally:
                for node in nodes[:2]:
                    stop, go_on = (
                        lambda number=number, node=node: node.send(number)
                        for number in (signal.SIGSTOP, signal.SIGCONT)
                    )
                    lives_through(gateway, asker, tally, stop, go_on)
                gateway.wait_for(lambda: all(asker.ask("GET", path)[0] == 200 for path in paths), BACK_LIMIT_S)
                lives_through(gateway, asker, tally, nodes[2].kill, nodes[2].start)
            assert tally.failures + tally.unheard == []
            kept(gateway, asker)


def test_sentinels_lead_a_whole_gateway_to_the_next_master(tmp_path: Path) -> None:
    """No restart, no setting: who made a response finds it on the replica that has become the master."""
    with watched(tmp_path) as (master, _, sentinels):
        url = "redis+sentinel://" + ",".join(f"{HOST}:{sentinel.port}" for sentinel in sentinels) + "/gateway"
        with (
            running(tmp_path, environ={"REDIS_URL": url}, settings=SHARED_LIMIT) as gateway,
            Asker(gateway) as asker,
            under_load(gateway) as tally,
        ):
            path = kept(gateway, asker)
            with master.client() as client:
                assert client.wait(1, 5000) == 1, "the replica has it too"
            lives_through(gateway, asker, tally, master.kill, lambda: None)
            gateway.wait_for(lambda: asker.ask("GET", path)[0] == 200, BACK_LIMIT_S)
        assert tally.failures + tally.unheard == []
