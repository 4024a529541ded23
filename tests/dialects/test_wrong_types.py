"""A request in which something is of a wrong type: a mistake that names the field, in every client's dialect."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from gateway.dialects.chat.request_shapes import ChatRequest
from gateway.dialects.codec import finish_steps
from gateway.dialects.fidelity import TARGET_NAMES
from gateway.dialects.messages.request_shapes import CreateMessage
from gateway.dialects.responses.shapes import CreateResponse
from gateway.errors import InvalidRequest
from tests.dialects.golden.cases import CLIENTS, MODELS, PROVIDERS, Request, requests

SHAPES: Mapping[str, type[msgspec.Struct]] = {
    "openai_chat": ChatRequest,
    "anthropic_messages": CreateMessage,
    "openai_responses": CreateResponse,
}
PLAIN: Mapping[str, dict[str, Any]] = {
    "openai_chat": {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    "anthropic_messages": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "openai_responses": {"model": "m", "input": "hi"},
}
VALUES: Mapping[str, Any] = {"text": "x", "integer": 5, "number": 0.5, "truth": True, "list": [], "object": {}}
KINDS: Mapping[type[inspect.Type], frozenset[str]] = {
    inspect.StrType: frozenset({"text"}),
    inspect.IntType: frozenset({"integer"}),
    inspect.FloatType: frozenset({"integer", "number"}),
    inspect.BoolType: frozenset({"truth"}),
    inspect.ListType: frozenset({"list"}),
    inspect.DictType: frozenset({"object"}),
    inspect.StructType: frozenset({"object"}),
    inspect.LiteralType: frozenset(),  # the text here is none of any words
    inspect.NoneType: frozenset(),
    inspect.AnyType: frozenset(VALUES),
}


def accepted(kind: inspect.Type) -> frozenset[str]:
    if isinstance(kind, inspect.UnionType):
        return frozenset().union(*(accepted(each) for each in kind.types))
    return KINDS[type(kind)]


def wrong_values() -> Iterator[Any]:
    """Every property of every dialect with a value of each type that it does not have."""
    for client, shape in SHAPES.items():
        described = inspect.type_info(shape)
        assert isinstance(described, inspect.StructType)
        for field in described.fields:
            for kind in VALUES.keys() - accepted(field.type):
                yield pytest.param(client, field.name, VALUES[kind], id=f"{client}.{field.name}: {kind}")


@pytest.mark.parametrize(("client", "name", "value"), sorted(wrong_values(), key=lambda each: str(each.id)))
def test_a_property_of_a_wrong_type_is_named(client: str, name: str, value: Any) -> None:
    for target in TARGET_NAMES:
        with pytest.raises(InvalidRequest) as caught:
            finish_steps(CLIENTS[client].decode(json.dumps({**PLAIN[client], name: value}).encode(), target))
        assert caught.value.param == name


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("body", [b"", b"{", b"null", b"[]", b"5", b'"hi"', b"\xff", b'{"model": "\xff"}', b"[" * 9000])
def test_a_body_that_is_no_object_is_a_mistake(client: str, body: bytes) -> None:
    for target in TARGET_NAMES:
        with pytest.raises(InvalidRequest):
            finish_steps(CLIENTS[client].decode(body, target))


# What the golden cases ask, with one value of it replaced, or one more.

ASKED = list(requests())
MORE = ("name", "id", "type", "description", "status", "strict")
"""Members that an object of any kind may have."""


def places_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if isinstance(value, dict):
        yield from ((*path, name) for name in MORE if name not in value)
    for name, member in members:
        yield (*path, name)
        yield from places_in(member, (*path, name))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = document.copy()
    copy[path[0]] = changed(document[path[0]], path[1:], value) if path[1:] else value
    return copy


@settings(max_examples=1500, deadline=None)
@given(data=st.data())
def test_wherever_it_stands_it_is_sent_or_named(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from(ASKED))
    place = data.draw(st.sampled_from(list(places_in(case.asked))))
    other = [None, "", "\x00", "\ud800", 0, -1, 10**30, [None], [[]], [{}], {"type": 5}, {"type": "text"}]
    value = data.draw(st.sampled_from([*VALUES.values(), *other]))
    body = json.dumps(changed(case.asked, place, value)).encode()
    sent, param = sent_or_refused(case, body)
    if sent is not None:
        assert isinstance(json.loads(sent), dict)
    else:
        assert param or b"\\ud800" in body  # which is no Unicode, and the JSON as a whole is wrong


def sent_or_refused(case: Request, body: bytes) -> tuple[bytes | None, str | None]:
    provider = PROVIDERS[case.target]
    try:
        conversation = finish_steps(CLIENTS[case.client].decode(body, case.target))
        return finish_steps(provider.encode(conversation, MODELS[case.target])), None
    except InvalidRequest as mistake:
        return None, mistake.param
