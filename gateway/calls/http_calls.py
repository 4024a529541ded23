"""The work of a provider that speaks OpenAI's dialect over HTTP, asked by a client that speaks it too.

What the client wrote goes up as it is and what the provider answers comes back as it is, but for what
`rewrite_request` and `ChatStream` say. One HttpCalls serves a provider; it is called once an attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from actors.letters import Attempt
from gateway.calls.course import Course
from gateway.calls.openai_streaming import StreamedAnswer
from gateway.calls.upstream import ANSWER_LIMIT_BYTES, UpstreamClient, UpstreamResponse
from gateway.dialects.envelope import ModelReply, ModelRequest, RawHeaders
from gateway.dialects.openai_chat import ChatRequest, reserved_output, rewrite_request
from gateway.dialects.openai_errors import read_error, status_of
from gateway.dialects.openai_reply import read_reply
from gateway.errors import UpstreamBroken, UpstreamError
from gateway.providers.headers import json_content_type, useful_headers
from gateway.providers.profile import Profile, RawHeader
from gateway.providers.verdict import upstream_error

ERROR_LIMIT_BYTES: Final = 1024 * 1024
CHAT_PATH: Final = b"/chat/completions"
_OURS: Final = frozenset(
    {b"authorization", b"content-type", b"content-length", b"accept", b"user-agent", b"host", b"x-request-id"}
)
"""Headers that the gateway writes itself, whatever the client sent."""


class HttpCalls:
    """Asks one provider; an `actors.letters.Work`.

    `secrets` are the provider's keys by the labels that its actor hands out. With `passthrough` the client's own key
    goes up instead.
    """

    def __init__(
        self,
        profile: Profile,
        client: UpstreamClient,
        *,
        secrets: Mapping[str, str],
        user_agent: str,
        wall_clock: Callable[[], float],
        passthrough: bool = False,
    ) -> None:
        self.profile = profile
        self._client = client
        self._secrets = [key.encode() for key in secrets.values() if key]
        self._passthrough = passthrough
        self._wall_clock = wall_clock
        self._target = profile.target(CHAT_PATH)
        keys = {} if passthrough else {label: profile.authorize(key) for label, key in secrets.items() if key}
        ours = ((b"content-type", b"application/json"), (b"user-agent", user_agent.encode()), *profile.headers)
        self._unary_headers = _HeadersByKey((*ours, (b"accept", b"application/json")), keys)
        self._stream_headers = _HeadersByKey((*ours, (b"accept", b"text/event-stream")), keys)

    async def __call__(self, attempt: Attempt) -> ModelReply | None:
        """A unary call's answer; None where a streamed one has been written whole."""
        call = attempt.call
        request: ModelRequest = call.payload
        chat: ChatRequest = request.decoded
        streamed = call.relay is not None
        adds_usage = streamed and not chat.wants_usage and not self.profile.sends_usage_unasked
        body = rewrite_request(request.body, chat, model=attempt.candidate.model, include_usage=adds_usage)
        # What the face reserved is the prompt and the answer: the prompt need not be weighed a second time.
        course = Course(attempt, call.tokens - reserved_output(chat))
        response = await self._client.request(
            self.profile.origin,
            b"POST",
            self._target,
            self._headers_of(request),
            body,
            always=(self._stream_headers if streamed else self._unary_headers)[attempt.key],
            progress=course,
        )
        try:
            course.notes.upstream_request_id = _request_id(response.headers)
            if not 200 <= response.status < 300:
                raise await self._refusal(response)
            attempt.accepted()
            if not streamed:
                return await self._whole_answer(course, response)
            answer = StreamedAnswer(course, response, chat, hide_usage=adds_usage, judge=self._judge)
            await answer.pass_on()
            return None
        finally:
            response.close()

    def _headers_of(self, request: ModelRequest) -> RawHeaders:
        """The headers that are this request's own."""
        headers = [(b"x-request-id", request.request_id.encode())]
        if self._passthrough and request.authorization is not None:
            headers.append((b"authorization", request.authorization))
        if request.headers:
            headers += [field for field in request.headers if field[0] not in _OURS]
        return headers

    async def _whole_answer(self, course: Course, response: UpstreamResponse) -> ModelReply:
        body = await response.read(ANSWER_LIMIT_BYTES)
        course.attempt.hold(len(body))
        try:
            notes = read_reply(body)
        except ValueError as problem:
            raise UpstreamBroken(f"{self.profile.name} answered with something that is no JSON object.") from problem
        if notes.error is not None:
            raise self._judge(response.headers, body)
        course.used(notes.usage, notes.finish_reason)
        headers = useful_headers(response.headers, content_type=json_content_type(response.headers))
        return ModelReply(response.status, headers, body)

    async def _refusal(self, response: UpstreamResponse) -> UpstreamError | UpstreamBroken:
        """The failure for an answer whose status is not 2xx."""
        if response.status < 400:
            return UpstreamBroken(f"{self.profile.name} answered with the status {response.status}.")
        body = await response.read(ERROR_LIMIT_BYTES)
        return self._judge(response.headers, body, response.status)

    def _judge(self, headers: RawHeaders, body: bytes, status: int | None = None) -> UpstreamError:
        """The failure for an error object; it says its own status where HTTP's was 200."""
        for secret in self._secrets:
            body = body.replace(secret, b"[redacted]")
        if status is None:
            status = status_of(read_error(body))
        return upstream_error(self.profile, status, headers, body, self._wall_clock())


class _HeadersByKey(dict[str, tuple[RawHeader, ...]]):
    """What every request made with a key begins with, by the key's label; without a key for a label unknown."""

    def __init__(self, ours: tuple[RawHeader, ...], keys: Mapping[str, RawHeader]) -> None:
        super().__init__({label: (*ours, authorization) for label, authorization in keys.items()})
        self._ours = ours

    def __missing__(self, label: str) -> tuple[RawHeader, ...]:
        return self._ours


def _request_id(headers: RawHeaders) -> str | None:
    for name, value in headers:
        if name == b"x-request-id":
            return value.decode("latin-1")
    return None
