"""What operators see on every engine: health, metrics, the admin API and its door."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from tests.face.engines import Face
from tests.face.house import Look, client_keys


async def test_health_is_alive_as_long_as_it_answers(autojump_clock: MockClock, face: Face) -> None:
    reply = await face.request("GET", "/health")

    assert reply.status == 200
    assert reply.header("cache-control") == "no-store"
    assert reply.json == {
        "status": "ok",
        "version": "1.2.3",
        "worker": "0",
        "uptime_s": 60,
        "providers": {"openai": "running"},
    }


@pytest.mark.parametrize(
    ("phase", "state", "status"),
    [("ready", "backing_off", "degraded"), ("starting", "running", "starting"), ("draining", "running", "draining")],
)
async def test_health_tells_of_trouble_with_a_200(
    autojump_clock: MockClock, face: Face, phase: str, state: str, status: str
) -> None:
    """Restarting would not help: the supervisors are at it."""
    face.house.vitals.phase = phase  # type: ignore[assignment]
    face.house.vitals.looks.append(Look("deepseek", "provider", state=state))

    reply = await face.request("GET", "/health")

    assert (reply.status, reply.json["status"]) == (200, status)


@pytest.mark.parametrize(("phase", "status"), [("ready", 200), ("starting", 503), ("draining", 503)])
async def test_only_a_ready_gateway_wants_requests(
    autojump_clock: MockClock, face: Face, phase: str, status: int
) -> None:
    face.house.vitals.phase = phase  # type: ignore[assignment]

    reply = await face.request("GET", "/health/ready")

    assert (reply.status, reply.json) == (status, {"status": phase})


async def test_detailed_health_names_every_actor_but_no_secrets(autojump_clock: MockClock, face: Face) -> None:
    face.house.vitals.looks[1].last_error = "10.0.0.7 refused sk-secret"

    reply = await face.request("GET", "/health/detailed")

    assert reply.json["memory"] == {"resident_bytes": 50_000_000}
    assert reply.json["actors"][1] == {"name": "openai", "kind": "provider", "state": "running", "restarts": 0}
    assert b"10.0.0.7" not in reply.body


@pytest.mark.parametrize("house_options", [{"keys": client_keys(alice="sk-alice")}])
@pytest.mark.parametrize("target", ["/health", "/health/ready", "/health/detailed", "/metrics"])
async def test_health_and_metrics_ask_for_no_key_and_leave_no_record(
    autojump_clock: MockClock, face: Face, target: str
) -> None:
    assert (await face.request("GET", target)).status == 200
    head = await face.request("HEAD", target)
    assert (head.status, head.body) == (200, b"")
    assert face.house.records == []


async def test_metrics_are_what_the_registry_renders(autojump_clock: MockClock, face: Face) -> None:
    reply = await face.request("GET", "/metrics")

    assert reply.body == b"gateway_in_flight 1\n"
    assert reply.header("content-type") == "text/plain; version=0.0.4"


@pytest.mark.parametrize("house_options", [{"metrics_token": "m-token"}])
async def test_metrics_with_a_token_ask_for_it(autojump_clock: MockClock, face: Face) -> None:
    assert (await face.request("GET", "/metrics")).status == 401
    assert (await face.request("GET", "/metrics", headers={"authorization": "Bearer wrong"})).status == 401
    assert (await face.request("GET", "/metrics", headers={"authorization": "Bearer m-token"})).status == 200


@pytest.mark.parametrize("house_options", [{"admin_token": "a-token"}])
async def test_the_actors_are_shown_as_a_tree_with_everything_that_moves(autojump_clock: MockClock, face: Face) -> None:
    reply = await face.request("GET", "/admin/actors", headers={"authorization": "Bearer a-token"})

    assert reply.status == 200
    assert reply.json == {
        "actors": [
            {
                "name": "root",
                "kind": "supervisor",
                "parent": None,
                "state": "running",
                "restarts": 0,
                "last_error": None,
                "uptime_s": 12.5,
                "mailbox": None,
                "detail": {},
            },
            {
                "name": "openai",
                "kind": "provider",
                "parent": "root",
                "state": "running",
                "restarts": 0,
                "last_error": None,
                "uptime_s": 12.5,
                "mailbox": {
                    "depth": 1,
                    "capacity": 4096,
                    "bytes": 10,
                    "oldest_s": 0.5,
                    "processed": 7,
                    "refused": 2,
                },
                "detail": {"waiting": 0},
            },
        ],
        "worker": "0",
        "version": "1.2.3",
    }
    assert face.house.records == []


@pytest.mark.parametrize("house_options", [{"admin_token": "a-token"}])
async def test_a_wrong_admin_token_is_a_401(autojump_clock: MockClock, face: Face) -> None:
    assert (await face.request("GET", "/admin/actors")).status == 401
    reply = await face.request("GET", "/admin/actors", headers={"authorization": "Bearer wrong"})
    assert (reply.status, reply.header("www-authenticate")) == (401, "Bearer")


@pytest.mark.parametrize("house_options", [{"admin_token": "a-token"}])
async def test_one_actor_is_shown_by_its_name(autojump_clock: MockClock, face: Face) -> None:
    bearer = {"authorization": "Bearer a-token"}
    page = (await face.request("GET", "/admin/actors/openai", headers=bearer)).json
    assert [actor["name"] for actor in page["actors"]] == ["openai"]
    nobody = await face.request("GET", "/admin/actors/nobody", headers=bearer)
    assert (nobody.status, nobody.error["code"]) == (404, "not_found")


@pytest.mark.parametrize("house_options", [{"admin_token": "a-token"}])
async def test_what_a_page_of_another_origin_makes_a_browser_send_is_refused(
    autojump_clock: MockClock, face: Face
) -> None:
    bearer = {"authorization": "Bearer a-token"}
    assert (await face.request("POST", "/admin/touch", headers=bearer)).status == 200
    for foreign in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        reply = await face.request("POST", "/admin/touch", headers={**bearer, **foreign})
        assert (reply.status, reply.error["code"]) == (403, "forbidden")


async def test_without_a_token_the_admin_api_is_for_this_machine_only(autojump_clock: MockClock, face: Face) -> None:
    """The client of these tests comes from elsewhere; test_auth has those who come from here."""
    reply = await face.request("GET", "/admin/actors")

    assert (reply.status, reply.error["code"]) == (403, "forbidden")
    assert "LLM_GATEWAY_ADMIN_TOKEN" in reply.error["message"]


@pytest.mark.parametrize("house_options", [{"admin_token": "a-token"}])
@pytest.mark.parametrize(
    "target", ["//admin/actors", "///admin/actors", "/%61dmin/actors", "/admin%2Factors", "/admin/%61ctors"]
)
async def test_the_admin_api_has_one_spelling(autojump_clock: MockClock, face: Face, target: str) -> None:
    """Whoever keeps clients away from /admin, in front of the gateway, goes by what is written."""
    bearer = {"authorization": "Bearer a-token"}
    assert (await face.request("GET", "/admin/actors", headers=bearer)).status == 200
    reply = await face.request("GET", target, headers=bearer)
    assert (reply.status, reply.error["code"]) == (404, "not_found")


async def test_no_path_begins_with_two_slashes(autojump_clock: MockClock, face: Face) -> None:
    for target in ("//v1/models", "//health", "//v1/chat/completions"):
        assert (await face.request("GET", target)).status == 404
