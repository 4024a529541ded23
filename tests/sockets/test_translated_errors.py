"""Every provider's errors in every client's dialect: the right status, words and patience, and the official client
raises what it raises for an error of its own provider.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import anthropic
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

from tests.shared_material import Recording, recordings
from tests.sockets.moves import FAMILIES, MOVES, name_for, voice_of
from tests.sockets.processes import running
from tests.sockets.scripts import DONE
from tests.sockets.upstream import Asked, Script, Upstream

WORDS = "The provider's own words."
HASTY = """
[retry]
budget_start = 100
budget_cap = 1000
backoff_base_s = 0.001
"""
SOON = (("retry-after-ms", "1"),)
ATTEMPTS = 3
"""What the gateway makes of one request at most."""


class Fault(NamedTuple):
    """What a provider answers, and what that is to a client."""

    family: str
    status: int
    body: bytes
    told: int
    code: str
    """In OpenAI's words."""
    attempts: int = 1
    fields: tuple[tuple[str, str], ...] = ()
    retry_after: str | None = None
    message: str = WORDS


def claude(status: int, kind: str, code: str, message: str = WORDS, **more: Any) -> Fault:
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": None}
    return Fault("claude", status, json.dumps(error).encode(), status, code, message=message, **more)


def gemini(status: int, word: str, told: int, code: str, *details: dict[str, Any], **more: Any) -> Fault:
    error = {"code": status, "message": WORDS, "status": word, "details": list(details)}
    return Fault("gemini", status, json.dumps({"error": error}).encode(), told, code, **more)


def chat(family: str, status: int, told: int, word: str, /, **error: Any) -> Fault:
    body = json.dumps({"error": {"message": WORDS, **error}}).encode()
    return Fault(family, status, body, told, word)


def _retry_info(delay: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
QUOTA_OF_THE_DAY = {"violations": [{"quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier"}]}
PAGE = b"<html><body>Bad gateway at 10.0.0.7</body></html>"
DEEPSEEK, OPENROUTER, OPENAI = "deepseek", "anthropic/claude", "gpt"

FAULTS = {
    "gemini, a bad key": gemini(400, "INVALID_ARGUMENT", 401, "invalid_api_key", BAD_KEY),
    "gemini, a wrong field": gemini(400, "INVALID_ARGUMENT", 400, "invalid_request_error"),
    "gemini, forbidden": gemini(403, "PERMISSION_DENIED", 403, "forbidden"),
    "gemini, no such model": gemini(404, "NOT_FOUND", 404, "model_not_found"),
    "gemini, the minute's quota": gemini(
        429, "RESOURCE_EXHAUSTED", 429, "rate_limit_exceeded", _retry_info("48s"), retry_after="48"
    ),
    "gemini, the minute's quota as a 400": gemini(
        400, "RESOURCE_EXHAUSTED", 429, "rate_limit_exceeded", _retry_info("48s"), retry_after="48"
    ),
    "gemini, the day's quota": gemini(429, "RESOURCE_EXHAUSTED", 429, "insufficient_quota", QUOTA_OF_THE_DAY),
    "gemini, overloaded": gemini(503, "UNAVAILABLE", 503, "overloaded", _retry_info("0.02s"), attempts=ATTEMPTS),
    "gemini, a proxy's page": Fault(
        "gemini", 502, PAGE, 502, "upstream_error", ATTEMPTS, SOON, message="google answered with status 502."
    ),
    "claude, a wrong field": claude(400, "invalid_request_error", "invalid_request_error"),
    "claude, no credit": claude(
        400, "invalid_request_error", "insufficient_quota", "Your credit balance is too low to access the API."
    ),
    "claude, too long": claude(400, "invalid_request_error", "context_length_exceeded", "prompt is too long: 9 > 8"),
    "claude, a bad key": claude(401, "authentication_error", "invalid_api_key"),
    "claude, forbidden": claude(403, "permission_error", "forbidden"),
    "claude, no such model": claude(404, "not_found_error", "model_not_found"),
    "claude, too large": claude(413, "request_too_large", "request_too_large"),
    "claude, limited": claude(
        429, "rate_limit_error", "rate_limit_exceeded", fields=(("retry-after", "48"),), retry_after="48"
    ),
    "claude, failed": claude(500, "api_error", "upstream_error", attempts=ATTEMPTS, fields=SOON),
    "claude, overloaded": claude(529, "overloaded_error", "overloaded", attempts=ATTEMPTS, fields=SOON),
    "deepseek, unpaid": chat(DEEPSEEK, 402, 402, "insufficient_quota", code="invalid_request_error"),
    "deepseek, under another label": chat(
        DEEPSEEK, 400, 400, "invalid_request_error", code="invalid_request_error"
    )._replace(fields=(("content-type", "application/octet-stream"),)),
    "openrouter, unpaid": chat(OPENROUTER, 402, 402, "insufficient_quota", code=402),
    "openrouter, a bad key": chat(OPENROUTER, 401, 401, "invalid_api_key", code=401),
    "openrouter, a bad key under 200": chat(OPENROUTER, 200, 401, "invalid_api_key", code=401),
    "openrouter, forbidden": chat(OPENROUTER, 403, 403, "forbidden", code=403, metadata={"reasons": ["violence"]}),
    "openai, no such model": chat(OPENAI, 404, 404, "model_not_found", code="model_not_found"),
    "openai, used up": chat(
        OPENAI, 429, 429, "insufficient_quota", type="insufficient_quota", code="insufficient_quota"
    ),
    "openai, too long": chat(OPENAI, 400, 400, "context_length_exceeded", code="context_length_exceeded"),
}
OPENAI_CLASSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    402: openai.APIStatusError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    413: openai.APIStatusError,
    429: openai.RateLimitError,
    500: openai.InternalServerError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
    529: openai.InternalServerError,
}
ANTHROPIC_CLASSES: dict[int, tuple[type[anthropic.APIStatusError], str]] = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    401: (anthropic.AuthenticationError, "authentication_error"),
    402: (anthropic.APIStatusError, "billing_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    413: (anthropic.APIStatusError, "request_too_large"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    502: (anthropic.InternalServerError, "api_error"),
    503: (anthropic.InternalServerError, "overloaded_error"),
    529: (anthropic.InternalServerError, "overloaded_error"),
}
TYPES = {
    "insufficient_quota": "insufficient_quota",
    "rate_limit_exceeded": "rate_limit_error",
    "upstream_error": "server_error",
    "overloaded": "server_error",
}
"""Of OpenAI's error objects, by code; all others are wrong requests."""

# How the three clients ask.


class BrokenOff(Exception):
    """The event that a broken stream of a response ends with."""


class Clients(NamedTuple):
    openai: OpenAI
    anthropic: Anthropic


@pytest.fixture(scope="module")
def clients(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clients]:
    """Of a gateway that tries again without delay. They ask once: what is tried again is its doing."""
    with (
        running(tmp_path_factory.mktemp("hasty"), settings=HASTY, environ=upstream.environ) as gateway,
        OpenAI(base_url=f"{gateway.url}/v1", api_key="any", max_retries=0) as openai_client,
        Anthropic(base_url=gateway.url, api_key="any", max_retries=0) as anthropic_client,
    ):
        yield Clients(openai_client, anthropic_client)


def ask_chat(clients: Clients, model: str, stream: bool) -> None:
    question: Any = {"model": model, "messages": [{"role": "user", "content": "?"}]}
    if stream:
        list(clients.openai.chat.completions.create(**question, stream=True))
    else:
        clients.openai.chat.completions.create(**question)


def ask_responses(clients: Clients, model: str, stream: bool) -> None:
    if stream:
        for event in clients.openai.responses.create(model=model, input="?", stream=True):
            if event.type == "error":  # the client leaves it to whoever listens
                raise BrokenOff(event.message)
    else:
        clients.openai.responses.create(model=model, input="?")


def ask_messages(clients: Clients, model: str, stream: bool) -> None:
    question: Any = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]}
    if stream:
        with clients.anthropic.messages.stream(**question) as helper:
            helper.get_final_message()
    else:
        clients.anthropic.messages.create(**question)


ASKS: dict[str, Callable[[Clients, str, bool], None]] = {
    "chat": ask_chat,
    "responses": ask_responses,
    "messages": ask_messages,
}
PASSED_ON = {
    "claude": ("messages",),
    "gpt": ("chat", "responses"),
    "anthropic/claude": ("chat", "responses"),
    "deepseek": ("chat",),
}
"""Families whose providers speak the client's dialect themselves, so that their errors stay as they are."""


def translated(dialect: str, family: str) -> bool:
    return dialect not in PASSED_ON.get(family, ())


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("dialect", "fault"),
    [
        pytest.param(dialect, fault, id=f"{dialect}-{name}")
        for dialect in ASKS
        for name, fault in FAULTS.items()
        if dialect == "messages" or translated(dialect, fault.family)
    ],
)
def test_a_providers_error_is_one_of_the_clients_own_provider(
    clients: Clients, upstream: Upstream, dialect: str, fault: Fault, stream: bool
) -> None:
    model = upstream.plays(lambda asked: asked.answer(fault.status, fault.body, fault.fields), family=fault.family)
    with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as told:
        ASKS[dialect](clients, name_for(model), stream)
    error = told.value
    assert error.status_code == fault.told
    assert fault.message in error.message
    assert "10.0.0.7" not in str(error.body)
    assert_words(dialect, error, fault)
    headers = error.response.headers
    assert len(upstream.asked(model)) == fault.attempts == int(headers["x-gateway-attempts"])
    assert headers.get("retry-after") == fault.retry_after or fault.fields == SOON or fault.attempts > 1


def assert_words(dialect: str, error: Any, fault: Fault) -> None:
    if dialect != "messages":
        assert isinstance(error, OPENAI_CLASSES[fault.told])
        assert (error.code, error.type) == (fault.code, TYPES.get(fault.code, "invalid_request_error"))
        return
    kind, word = ANTHROPIC_CLASSES[fault.told]
    assert isinstance(error, kind)
    assert (error.body["type"], error.body["error"]["type"]) == ("error", word)
    if fault.told == 529:
        assert type(error).__name__ == "OverloadedError"


# Recorded ones.

ERRORS = [
    each
    for provider, apis in {
        "anthropic": ("messages",),
        "google": ("generateContent", "streamGenerateContent"),
        "openai": ("chat",),
        "deepseek": ("chat",),
        "openrouter": ("chat",),
    }.items()
    for api in apis
    for each in recordings(provider, api=api, where=lambda each: each.status >= 400)
]


@pytest.mark.parametrize("recording", ERRORS)
def test_a_recorded_error_is_heard_by_every_client(clients: Clients, upstream: Upstream, recording: Recording) -> None:
    """Whatever it is labelled as, and streamed or not."""
    fields = [(name.decode(), value.decode()) for name, value in recording.response_headers]
    (said, *_) = _as_list(json.loads(recording.response))
    hurry = {"X-Gateway-Timeout": "0.2"}  # not all of them say when to come again
    hurried = Clients(
        clients.openai.with_options(default_headers=hurry), clients.anthropic.with_options(default_headers=hurry)
    )
    for dialect, ask in ASKS.items():
        for stream in (False, True):
            model = upstream.plays(
                lambda asked: asked.answer(recording.status, recording.response, fields),
                family=FAMILIES[recording.provider],
            )
            with pytest.raises((openai.APIStatusError, anthropic.APIStatusError)) as told:
                ask(hurried, name_for(model), stream)
            assert told.value.status_code == recording.status, dialect
            assert said["error"]["message"] in _unescaped(str(told.value.body))
            assert told.value.response.headers["content-type"].startswith("application/json")


def _unescaped(text: str) -> str:
    return text.replace("\\n", "\n").replace("\\'", "'")


def _as_list(document: Any) -> list[Any]:
    return document if isinstance(document, list) else [document]


# Errors where a stream was asked for, or amid one.

OVERLOADED = {
    "claude": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"%b"}}\n\n',
    "gemini": b'data: {"error":{"code":503,"message":"%b","status":"UNAVAILABLE"}}\r\n\r\n',
    "deepseek": b'data: {"error":{"message":"%b","type":"server_error","code":"503"}}\n\n',
    "anthropic/claude": b': OPENROUTER PROCESSING\n\ndata: {"error":{"code":503,"message":"%b"}}\n\n' + DONE,
    "gpt": b'data: {"error":{"message":"%b","type":"server_error","code":null}}\n\n' + DONE,
}
TRANSLATED = [(dialect, family) for dialect in ASKS for family in OVERLOADED if translated(dialect, family)]


class CutOff:
    """What a voice tells, up to its last piece; then something else, and the connection stays open."""

    def __init__(self, asked: Asked, instead: bytes) -> None:
        self._asked = asked
        self._pieces: list[bytes] = []
        self._instead = instead
        self.streamed, self.model = True, asked.model

    def begin_stream(self) -> None:
        self._asked.begin_stream()

    def stream(self, data: bytes) -> None:
        self._pieces.append(data)

    def end_stream(self) -> None:
        for piece in self._pieces[: len(self._pieces) // 2]:
            self._asked.stream(piece)
        self._asked.stream(self._instead)
        self._asked.end_stream()


def breaks_off(instead: bytes) -> Script:
    def script(asked: Asked) -> None:
        voice_of(asked).tell(CutOff(asked, instead), MOVES[0])  # type: ignore[arg-type]

    return script


@pytest.mark.parametrize(("dialect", "family"), TRANSLATED)
def test_an_error_amid_a_stream_is_raised_behind_what_was_said(
    clients: Clients, upstream: Upstream, dialect: str, family: str
) -> None:
    """Never a clean end, and nobody is asked again."""
    model = upstream.plays(breaks_off(OVERLOADED[family] % WORDS.encode()), family=family)
    with pytest.raises((openai.APIError, anthropic.APIError, BrokenOff)) as told:
        ASKS[dialect](clients, name_for(model), True)
    assert WORDS in str(told.value)
    assert len(upstream.asked(model)) == 1


@pytest.mark.parametrize(("dialect", "family"), TRANSLATED)
def test_a_stream_that_is_cut_never_looks_whole(
    clients: Clients, upstream: Upstream, dialect: str, family: str
) -> None:
    model = upstream.plays(breaks_off(b": nothing more\n\n"), family=family)
    with pytest.raises((openai.APIError, anthropic.APIError, BrokenOff)):
        ASKS[dialect](clients, name_for(model), True)
    assert len(upstream.asked(model)) == 1


@pytest.mark.parametrize(("dialect", "family"), TRANSLATED)
def test_an_error_in_the_first_event_is_an_error_answer(
    clients: Clients, upstream: Upstream, dialect: str, family: str
) -> None:
    """With a status of its own, after as many attempts as any other."""

    def script(asked: Asked) -> None:
        asked.begin_stream(SOON)
        asked.stream(OVERLOADED[family] % WORDS.encode())
        asked.end_stream()

    model = upstream.plays(script, family=family)
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError), match=WORDS) as told:
        ASKS[dialect](clients, name_for(model), True)
    assert told.value.status_code >= 500
    assert len(upstream.asked(model)) == ATTEMPTS


@pytest.mark.parametrize("label", ["text/event-stream", "application/octet-stream"])
@pytest.mark.parametrize("dialect", ASKS)
def test_plain_json_under_any_label_is_read_for_what_it_is(
    clients: Clients, upstream: Upstream, dialect: str, label: str
) -> None:
    """Gemini's errors on the address of a stream; and a whole answer where a stream was asked for."""
    fault = FAULTS["gemini, a bad key"]
    for status in (400, 200):
        model = upstream.plays(
            lambda asked, status=status: asked.answer(status, fault.body, [("content-type", label)]), family="gemini"
        )
        with pytest.raises((openai.AuthenticationError, anthropic.AuthenticationError), match=WORDS):
            ASKS[dialect](clients, model, True)


# What is no answer at all.

NO_ANSWERS = {
    "a page": PAGE,
    "nothing": b"",
    "half of an answer": b'{"id":"msg_1","type":"message","role":"assistant","content":[{"type":"te',
    "wrong types": b'{"content":7,"choices":7,"candidates":7}',
    "a number": b"7",
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS)
@pytest.mark.parametrize(("dialect", "family"), TRANSLATED)
def test_what_is_no_answer_is_a_bad_gateway(
    clients: Clients, upstream: Upstream, dialect: str, family: str, body: bytes, stream: bool
) -> None:
    model = upstream.plays(lambda asked: asked.answer(200, body, SOON), family=family)
    with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as told:
        ASKS[dialect](clients, name_for(model), stream)
    assert told.value.status_code == 502
    assert "10.0.0.7" not in str(told.value.body)
