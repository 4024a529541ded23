"""What a client's key lets it do: which models, of whom, until when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.face.http_client import Reply
from tests.whole.gateways import CHAT, QUESTION, Running, running
from tests.whole.upstream import fails

ENVIRON = {"ANN": "sk-ann", "BOB": "sk-bob"}


def keys(*tables: str, mode: str = "keys") -> str:
    return f'[auth]\nmode = "{mode}"\n' + "".join(f"[[auth.keys]]\n{table}\n" for table in tables)


ANN = 'label = "ann"\nenv = "ANN"\n'


async def ask(it: Running, model: str, key: str = "sk-ann", **members: Any) -> Reply:
    return await it.ask({**QUESTION, "model": model, **members}, headers={"authorization": f"Bearer {key}"})


async def answers_of(it: Running, *models: str) -> Mapping[str, int]:
    return {model: (await ask(it, model)).status for model in models}


async def test_a_key_may_ask_for_the_models_that_are_listed(autojump_clock: MockClock) -> None:
    """By any of their names, and an alias by its own; a refusal says what OpenAI says."""
    async with running(keys(ANN + 'models = ["gpt-4o*", "sandbox/*"]'), environ=ENVIRON) as it:
        assert await answers_of(it, "gpt-4o", "openai/gpt-4o", "gpt-4o-mini", "sandbox/echo", "deepseek-chat") == {
            "gpt-4o": 200,
            "openai/gpt-4o": 200,
            "gpt-4o-mini": 200,
            "sandbox/echo": 200,
            "deepseek-chat": 403,
        }
        refusal = (await ask(it, "deepseek-chat")).json["error"]
        assert (refusal["code"], refusal["param"], refusal["type"]) == (
            "model_not_found",
            "model",
            "invalid_request_error",
        )
        assert it.deepseek.asked == []


async def test_a_key_hears_nothing_of_providers_keys_for_models_that_it_may_not_ask_for(
    autojump_clock: MockClock,
) -> None:
    """The operator's variables are told to those who could do with them."""
    async with running(keys(ANN + 'models = ["gpt-4o*", "claude-*"]'), environ=ENVIRON) as it:
        for model in ("gemini-2.5-flash", "google/gemini-2.5-flash", "llama-4"):
            refusal = await ask(it, model)
            assert (refusal.status, "API_KEY" in refusal.error["message"]) == (403, False), model
        for model in ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"):
            missing = await ask(it, model)
            assert (missing.status, "ANTHROPIC_API_KEY" in missing.error["message"]) == (404, True), model


async def test_a_fallback_that_is_not_listed_is_not_asked_unless_its_alias_is(autojump_clock: MockClock) -> None:
    """`backed` goes to gpt-4o, then to deepseek-chat."""
    bob = 'label = "bob"\nenv = "BOB"\nmodels = ["backed"]'
    async with running(keys(ANN + 'models = ["gpt-4o"]', bob), environ=ENVIRON) as it:
        it.openai.plays(fails(400), fails(503))
        assert (await ask(it, "backed", "sk-bob")).status == 400
        assert (await ask(it, "backed", "sk-ann")).status == 503
        assert it.deepseek.asked == []
        assert (await ask(it, "backed", "sk-bob")).header("x-gateway-provider") == "deepseek"


async def test_a_request_cannot_name_its_way_around_the_list(autojump_clock: MockClock) -> None:
    settings = "[retry]\nrequest_fallbacks = true\n" + keys(ANN + 'models = ["gpt-4o"]')
    async with running(settings, environ=ENVIRON) as it:
        it.openai.plays(fails(503))
        reply = await ask(it, "gpt-4o", fallbacks=["deepseek-chat"])
        assert (reply.status, it.deepseek.asked) == (503, [])


NAMING_MORE: Mapping[str, Any] = {
    "models": ["o1-pro"],
    "Model": "o1-pro",
    "route": "fallback",
    "preset": "@preset/dear",
    "fallbacks": [{"model": "o1-pro"}],
    "plugins": [{"id": "auto-router", "allowed_models": ["*"]}],
    "tools": [{"type": "image_generation", "model": "gpt-image-1"}],
}
"""By member: what has a provider ask other models than the one that the request is judged by."""
PLACES = {"plugins": "plugins[0].allowed_models", "tools": "tools[0].model"}


@pytest.mark.parametrize("terms", ['models = ["gpt-4o"]', "budget_usd_per_day = 1.0"], ids=["listed", "budget"])
async def test_what_names_further_models_is_refused_where_it_would_lead_around_a_list_or_a_budget(
    autojump_clock: MockClock, terms: str
) -> None:
    """In words of the providers' own, which pass like whatever the gateway does not know where nothing hangs on it."""
    free = 'label = "bob"\nenv = "BOB"'
    async with running(keys(ANN + terms, free), environ=ENVIRON) as it:
        for member, value in NAMING_MORE.items():
            refusal = await it.request(
                "POST",
                "/v1/messages" if member == "fallbacks" else CHAT,
                json_body={**QUESTION, "max_tokens": 9, member: value},
                headers={"authorization": "Bearer sk-ann"},
            )
            assert (refusal.status, it.openai.asked) == (403, []), member
            if member != "fallbacks":  # Anthropic's errors name no place
                assert (refusal.error["code"], refusal.error["param"]) == (
                    "model_not_found",
                    PLACES.get(member, member),
                )
                assert (await ask(it, "gpt-4o", "sk-bob", **{member: value})).status in (200, 400)
                it.openai.asked.clear()
        function = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"model": {}}}}}
        assert (await ask(it, "gpt-4o", tools=[function], models=None)).status == 200


async def test_a_member_that_is_written_twice_goes_up_once_and_as_it_was_judged(autojump_clock: MockClock) -> None:
    """Not every provider takes the last of two; the name of one may be written in escapes."""
    async with running(keys(ANN + 'models = ["gpt-4o"]'), environ=ENVIRON) as it:
        messages = b'[{"role": "user", "content": "Hi"}]'
        body = b'{"model": "o1-pro", "messages": %b, "mod\\u0065l": "gpt-4o", "n": 5, "n": 1}' % messages
        reply = await it.request("POST", CHAT, body=body, headers={"authorization": "Bearer sk-ann"})
        (asked,) = it.openai.asked
        members = json.loads(asked.body, object_pairs_hook=list)
        assert (reply.status, [name for name, _ in members]) == (200, ["model", "messages", "n"])
        assert (dict(members)["model"], dict(members)["n"]) == ("gpt-4o", 1)


async def test_a_key_may_be_kept_to_providers(autojump_clock: MockClock) -> None:
    async with running(keys(ANN + 'providers = ["deep*", "sandbox"]'), environ=ENVIRON) as it:
        assert await answers_of(it, "gpt-4o", "deepseek-chat", "sandbox/echo") == {
            "gpt-4o": 403,
            "deepseek-chat": 200,
            "sandbox/echo": 200,
        }
        assert (await ask(it, "backed")).header("x-gateway-provider") == "deepseek", "its second candidate"
        headers = {"authorization": "Bearer sk-ann"}
        shown = (await it.request("GET", "/v1/providers", headers=headers)).json["data"]
        assert [provider["id"] for provider in shown] == ["deepseek", "sandbox"]


async def test_a_key_that_is_kept_to_providers_hears_of_no_others_variables(autojump_clock: MockClock) -> None:
    """Nor that OpenRouter, which it may not ask, would have the model."""
    async with running(keys(ANN + 'providers = ["anthropic", "openai"]'), environ=ENVIRON) as it:
        headers = {"authorization": "Bearer sk-ann"}
        heard = [await ask(it, model) for model in ("gemini-2.5-flash", "anthropic/claude-sonnet-4-5", "llama-4")]
        heard += [await it.request("GET", f"/v1/models/{model}", headers=headers) for model in ("gemini-2.5-pro", "x")]
        assert [reply.status for reply in heard] == [403, 404, 403, 404, 404]
        assert not [reply.body for reply in heard if b"_KEY" in reply.body]
        missing = await ask(it, "claude-sonnet-4-5")
        assert (missing.status, "ANTHROPIC_API_KEY" in missing.error["message"]) == (404, True)


async def test_a_key_sees_the_models_that_it_may_ask_for(autojump_clock: MockClock) -> None:
    async with running(keys(ANN + 'models = ["gpt-4o", "sandbox/*"]'), environ=ENVIRON) as it:
        headers = {"authorization": "Bearer sk-ann"}
        listed = (await it.request("GET", "/v1/models", headers=headers)).json["data"]
        assert {model["id"] for model in listed} == {
            "gpt-4o",
            "sandbox/echo",
            "sandbox/lorem",
            "sandbox/embedding",
        }
        assert (await it.request("GET", "/v1/models/deepseek-chat", headers=headers)).status == 404


async def test_a_key_expires_to_the_second(autojump_clock: MockClock) -> None:
    """The story begins at 22:13:20."""
    async with running(keys(ANN + "expires = 2023-11-14T22:13:30Z"), environ=ENVIRON) as it:
        await trio.sleep(9.9)
        assert (await ask(it, "gpt-4o")).status == 200
        await trio.sleep(0.1)
        refusal = await ask(it, "gpt-4o")
        assert (refusal.status, refusal.json["error"]["message"]) == (401, "The API key has expired.")


async def test_a_key_is_known_by_its_digest(autojump_clock: MockClock) -> None:
    digest = sha256(b"sk-gw-shown-once").hexdigest()
    async with running(keys(f'label = "ann"\nsha256 = "{digest}"')) as it:
        assert (await ask(it, "gpt-4o", "sk-gw-shown-once")).status == 200
        assert (await ask(it, "gpt-4o", "sk-gw-shown-twice")).status == 401
        assert [line["client"] for line in it.logged("request")] == ["ann", ""]
        assert not any("sk-gw-" in line for line in it.lines)
