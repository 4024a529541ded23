"""What operators see of a whole gateway, also one that is short of everything."""

from __future__ import annotations

import errno

import trio
from trio.testing import MockClock

from tests.whole.gateways import MEGABYTE, running


async def test_the_actors_are_a_tree_with_one_root(autojump_clock: MockClock) -> None:
    """Whoever is named as a parent has a row of its own, before its children's."""
    async with running() as it:
        await trio.sleep(3)
        page = (await it.request("GET", "/admin/actors")).json

        root, *others = page["actors"]
        assert root == {
            "name": "root",
            "kind": "supervisor",
            "parent": None,
            "state": "running",
            "restarts": 0,
            "last_error": None,
            "uptime_s": 3,
            "mailbox": None,
            "detail": {},
        }
        seen = ["root"]
        for actor in others:
            assert actor["parent"] in seen, actor["name"]
            assert actor.keys() == root.keys()
            seen.append(actor["name"])
        assert [actor["name"] for actor in others if actor["parent"] == "root"] == [
            "memory",
            "store",
            "leases",
            "hints",
            "spend",
            "keys",
            "upstream",
            "cms",
            "tools",
            "providers",
            "router",
            "responses",
            "face",
        ]
        assert set(it.gateway.config.providers) < set(seen)
        router = next(actor for actor in others if actor["name"] == "router")
        assert router["mailbox"].keys() == {"depth", "capacity", "bytes", "oldest_s", "processed", "refused"}


async def test_the_root_drains_while_the_gateway_does(autojump_clock: MockClock) -> None:
    async with running() as it:
        it.gateway.drain()
        assert it.gateway.tree()[0].state == "draining"
        await trio.sleep(1)
        assert it.gateway.tree()[0].state == "stopped"


async def test_health_is_told_from_the_last_sample_of_memory(autojump_clock: MockClock) -> None:
    """Reading the present one takes a file descriptor, and clients may hold them all just then."""
    async with running() as it:
        it.memory.bytes = 70 * MEGABYTE
        await trio.sleep(1)
        it.memory.failure = OSError(errno.EMFILE, "Too many open files")
        await trio.sleep(1)

        reply = await it.request("GET", "/health/detailed")

        assert (reply.status, reply.json["status"]) == (200, "ok")
        assert reply.json["memory"] == {"resident_bytes": 70 * MEGABYTE}
        assert reply.json["actors"][0] == {"name": "root", "kind": "supervisor", "state": "running", "restarts": 0}


async def test_health_makes_up_no_figure_while_the_monitor_restarts(autojump_clock: MockClock) -> None:
    async with running(troubled=True) as it:
        it.memory.failure = RuntimeError("what no sampler should raise")
        await trio.sleep(0.3)

        reply = await it.request("GET", "/health/detailed")

        assert (reply.status, reply.json["status"]) == (200, "degraded")
        assert reply.json["memory"] == {"resident_bytes": None}
        it.memory.failure = None
        await trio.sleep(1)
        reply = await it.request("GET", "/health/detailed")
        assert (reply.json["status"], reply.json["memory"]) == ("ok", {"resident_bytes": 50 * MEGABYTE})
