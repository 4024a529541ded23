"""`client.responses` of the official client, unmodified, with every provider behind it: a response's whole life."""

from __future__ import annotations

import time
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.responses import Response
from pydantic import BaseModel

from tests.sockets import scripts
from tests.sockets.moves import FAMILIES, MOVES, Move, name_for
from tests.sockets.upstream import Asked, Upstream
from tests.sockets.voices import tells

ANSWER = MOVES[-1]
POLL_S = 0.01
LIMIT_S = 5.0

every_provider = pytest.mark.parametrize("provider", FAMILIES)


class Weather(BaseModel):
    city: str
    degrees: float


def plays(upstream: Upstream, provider: str, *moves: Move) -> str:
    """What a client calls a model that makes these moves, by default one answer."""
    return name_for(upstream.plays(tells(*(moves or (ANSWER,))), family=FAMILIES[provider]))


def settled(client: OpenAI, response: Response) -> Response:
    """The response when it runs no more."""
    ends_at = time.monotonic() + LIMIT_S
    while response.status in ("queued", "in_progress"):
        assert time.monotonic() < ends_at
        time.sleep(POLL_S)
        response = client.responses.retrieve(response.id)
    return response


@every_provider
def test_a_response_is_made_shown_and_deleted(client: OpenAI, upstream: Upstream, provider: str) -> None:
    response = client.responses.create(
        model=plays(upstream, provider), instructions="Be brief.", input="What is new?", metadata={"for": "a test"}
    )
    assert (response.status, response.output_text) == ("completed", ANSWER.text)
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (7, 3, 10)
    assert client.responses.retrieve(response.id) == response
    (item,) = client.responses.input_items.list(response.id).data
    assert (item.type, item.content[0].text) == ("message", "What is new?")
    client.responses.delete(response.id)
    for gone in (client.responses.retrieve, client.responses.delete, client.responses.input_items.list):
        with pytest.raises(openai.NotFoundError):
            gone(response.id)


@every_provider
def test_a_streamed_response_is_kept_as_it_was_told(client: OpenAI, upstream: Upstream, provider: str) -> None:
    with client.responses.stream(model=plays(upstream, provider), input="What is new?") as helper:
        events = list(helper)
        final = helper.get_final_response()
    assert [events[0].type, events[-1].type] == ["response.created", "response.completed"]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert len(deltas) > 1 or provider == "google"
    assert "".join(deltas) == final.output_text == ANSWER.text
    assert {event.response.id for event in (events[0], events[-1])} == {final.id}
    assert client.responses.retrieve(final.id).output_text == ANSWER.text


@every_provider
def test_what_is_not_to_be_kept_is_not(client: OpenAI, upstream: Upstream, provider: str) -> None:
    response = client.responses.create(model=plays(upstream, provider), input="What is new?", store=False)
    assert response.output_text == ANSWER.text
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


@every_provider
def test_earlier_turns_are_listed_page_by_page(client: OpenAI, upstream: Upstream, provider: str) -> None:
    """What went before belongs to the input of what follows."""
    model = plays(upstream, provider, ANSWER, ANSWER)
    first = client.responses.create(model=model, input=[{"role": "user", "content": f"Point {n}"} for n in range(3)])
    second = client.responses.create(model=model, input="And?", previous_response_id=first.id)
    assert second.previous_response_id == first.id
    listed = list(client.responses.input_items.list(second.id, order="asc", limit=2))
    texts = [item.content[0].text for item in listed if item.type == "message"]
    assert texts == ["Point 0", "Point 1", "Point 2", ANSWER.text, "And?"]
    assert len({item.id for item in listed}) == len(listed)


@every_provider
def test_a_response_in_the_background_is_polled(client: OpenAI, upstream: Upstream, provider: str) -> None:
    begun = client.responses.create(model=plays(upstream, provider), input="What is new?", background=True)
    assert (begun.status, begun.background) == ("queued", True)
    done = settled(client, begun)
    assert (done.id, done.status, done.output_text, done.background) == (begun.id, "completed", ANSWER.text, True)


@every_provider
def test_a_response_in_the_background_is_read_from_where_the_connection_broke(
    client: OpenAI, upstream: Upstream, provider: str
) -> None:
    """As OpenAI's guide has it: the last number is remembered, and the stream asked for again after it."""
    model = plays(upstream, provider)
    with client.responses.create(model=model, input="What is new?", background=True, stream=True) as stream:
        first = [event for event, _ in zip(stream, range(3), strict=False)]
    assert first[0].type == "response.created"
    response_id = first[0].response.id
    rest = list(client.responses.retrieve(response_id, stream=True, starting_after=first[-1].sequence_number))
    events = [*first, *rest]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == ANSWER.text
    assert rest[-1].type == "response.completed"
    assert rest[-1].response == client.responses.retrieve(response_id)
    assert rest[-1].response.output_text == ANSWER.text
    assert [event.type for event in client.responses.retrieve(response_id, stream=True)] == [
        event.type for event in events
    ]


@every_provider
def test_a_response_in_the_background_that_fails_says_so(client: OpenAI, upstream: Upstream, provider: str) -> None:
    model = upstream.plays(scripts.refuses(400, "Not like this."), family=FAMILIES[provider])
    failed = settled(client, client.responses.create(model=name_for(model), input="?", background=True))
    assert failed.status == "failed"
    assert failed.error is not None
    assert "Not like this." in failed.error.message


@every_provider
def test_a_response_in_the_background_is_cancelled(client: OpenAI, upstream: Upstream, provider: str) -> None:
    model = upstream.plays(scripts.silent, family=FAMILIES[provider])
    begun = client.responses.create(model=name_for(model), input="?", background=True)
    (asked,) = upstream.wait_for(model, 1)
    assert client.responses.cancel(begun.id).status == "cancelled"
    assert asked.left.wait(0.5)
    assert client.responses.cancel(begun.id).status == client.responses.retrieve(begun.id).status == "cancelled"


def test_only_what_runs_in_the_background_can_be_cancelled(client: OpenAI, upstream: Upstream) -> None:
    response = client.responses.create(model=plays(upstream, "anthropic"), input="What is new?")
    with pytest.raises(openai.BadRequestError):
        client.responses.cancel(response.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.cancel("resp_unheard_of")


COUNTS = {
    "openai": b'{"object":"response.input_tokens","input_tokens":47}',
    "anthropic": b'{"input_tokens":47}',
    "google": b'{"totalTokens":47}',
}


def counts(asked: Asked) -> None:
    provider = asked.path.split("/")[1]
    if asked.path.endswith(("/input_tokens", "/count_tokens", ":countTokens")):
        asked.answer(200, COUNTS[provider])
    else:
        tells(ANSWER)(asked)


@every_provider
def test_the_size_of_an_input_counts_what_it_continues(client: OpenAI, upstream: Upstream, provider: str) -> None:
    """By who is asked where that one counts, else by estimate."""
    model = name_for(upstream.plays(counts, family=FAMILIES[provider]))
    earlier = client.responses.create(model=model, input="What is new? " * 100)
    counted = client.responses.input_tokens.count(model=model, input="And?", previous_response_id=earlier.id)
    assert counted.object == "response.input_tokens"
    asked = upstream.asked(model.removeprefix("openrouter/"))
    if provider in COUNTS:
        assert counted.input_tokens == 47
        assert "What is new? What is new?" in asked[1].body.decode()
    else:
        assert 300 <= counted.input_tokens <= 500
        assert len(asked) == 1


@pytest.mark.parametrize("provider", ["anthropic", "google"])
def test_structured_output_is_parsed(client: OpenAI, upstream: Upstream, provider: str) -> None:
    """Whole, and as it streams."""
    weather = Weather(city="Roma", degrees=21.5)
    told = Move("", "", weather.model_dump_json())
    model = upstream.plays(tells(told, told), family=FAMILIES[provider])
    parsed = client.responses.parse(model=model, input="The weather?", text_format=Weather)
    assert parsed.output_parsed == weather
    with client.responses.stream(model=model, input="The weather?", text_format=Weather) as helper:
        done = [event.parsed for event in helper if event.type == "response.output_text.done"]
        assert (done, helper.get_final_response().output_parsed) == ([weather], weather)
    for asked in upstream.asked(model):
        assert schema_in(asked)["required"] == ["city", "degrees"]


def schema_in(asked: Asked) -> Any:
    if asked.path.startswith("/google"):
        return asked.json["generationConfig"]["responseJsonSchema"]
    return asked.json["output_config"]["format"]["schema"]
