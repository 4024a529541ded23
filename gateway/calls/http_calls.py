"""The work of a provider over HTTP: one attempt asks it and brings back what it answers.

What a request becomes on its way up, and its answer on its way down, is the passage's concern (`passage.py`). One
HttpCalls serves a provider; it is asked once an attempt, or once a part of one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final, NoReturn

from actors.attempt import Attempt
from actors.errors import KeyFault
from actors.letters import Call
from gateway.calls.course import Course, Price, no_price
from gateway.calls.large_bodies import LARGE_BYTES, LargeBodies
from gateway.calls.passage import Passage, PassingWay, Way
from gateway.calls.resumption import ResumedPassage, Resumption
from gateway.calls.streamed_answer import StreamedAnswer
from gateway.calls.upstream import ANSWER_LIMIT_BYTES, UpstreamClient, UpstreamResponse
from gateway.dialects.codec import Frame
from gateway.dialects.envelope import CallNotes, ModelReply, ModelRequest, RawHeaders
from gateway.dialects.openai_errors import status_of
from gateway.errors import GatewayError, InvalidRequest, UpstreamBroken, UpstreamError, UpstreamRedirects
from gateway.exchange import REQUEST_ID
from gateway.providers.headers import AnswerHead, read_head
from gateway.providers.profile import Profile, RawHeader
from gateway.providers.verdict import upstream_error

ERROR_LIMIT_BYTES: Final = 1024 * 1024
_OURS: Final = frozenset(
    {b"authorization", b"content-type", b"content-length", b"accept", b"user-agent", b"host", REQUEST_ID}
)
"""Headers that the gateway writes itself, whatever the client sent."""


class HttpCalls:
    """Asks one provider.

    `ways` are the client dialects that it can serve. `secrets` are the provider's keys by the labels that its actor
    hands out. With `passthrough` the client's own key goes up instead. `resumptions` are the client dialects in which
    it goes on with answers that broke.
    """

    def __init__(
        self,
        profile: Profile,
        client: UpstreamClient,
        ways: Mapping[str, Way],
        *,
        secrets: Mapping[str, str],
        user_agent: str,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        passthrough: bool = False,
        tells_context: bool = False,
        resumptions: Mapping[str, Resumption] = MappingProxyType({}),
        large: LargeBodies | None = None,
        price: Price = no_price,
    ) -> None:
        """`large` is what all providers of a gateway translate large requests by; with `tells_context` the provider
        learns how full the context window is; `price` is this provider's.
        """
        self.profile = profile
        self._client = client
        self._ways = ways
        self._secrets = [key.encode() for key in secrets.values() if key]
        self._passthrough = passthrough
        self._tells_context = tells_context
        self._resumptions = resumptions
        self._large = large or LargeBodies()
        self._price = price
        self._clock = clock
        self._wall_clock = wall_clock
        keys = {} if passthrough else {label: profile.authorize(key) for label, key in secrets.items() if key}
        ours = ((b"content-type", b"application/json"), (b"user-agent", user_agent.encode()), *profile.headers)
        self._unary_headers = _HeadersByKey((*ours, (b"accept", b"application/json")), keys)
        self._stream_headers = _HeadersByKey((*ours, (b"accept", b"text/event-stream")), keys)

    async def ask(self, attempt: Attempt, request: ModelRequest) -> ModelReply | None:
        """The answer to `request`, which is the attempt's or a part of it; None where a stream is written whole."""
        call = attempt.call
        streamed = call.relay is not None
        way = self._ways.get(request.dialect) or self._no_way(request)
        passage: Passage
        if isinstance(way, PassingWay) and attempt.progress is None:
            passage = way.pass_on(request, attempt.candidate.model, streamed=streamed)
        elif len(request.body) >= LARGE_BYTES and (way.translates or attempt.progress is not None):
            async with self._large.turn(len(request.body)):
                passage = await self._prepare(request, way, attempt)
        else:
            passage = await self._prepare(request, way, attempt)
        attempt.detail = notes = CallNotes()
        course = Course(attempt, request.prompt_tokens, self._price, notes)
        response = await self._client.request(
            self.profile.origin,
            b"POST",
            self.profile.target(passage.path),
            self._headers_of(request, way, attempt),
            passage.body,
            always=(self._stream_headers if streamed else self._unary_headers)[attempt.key],
            progress=course.move,
        )
        try:
            head = read_head(response.headers)
            notes.upstream_request_id = head.request_id
            if response.status // 100 != 2:
                refusal = course.refused(await self._refusal(request, way, response))
                raise passage.refused(refusal) if isinstance(passage, ResumedPassage) else refusal
            attempt.accepted()
            if not streamed:
                body = await response.read(ANSWER_LIMIT_BYTES)
                if request is not call.payload:
                    attempt.hold(len(body))  # a part, which waits for the others; else all is given back in this step
                return self._whole_answer(course, response, head, body, passage, request, way)
            judge = partial(self._judge, request, way)
            await StreamedAnswer(course, response, passage, judge=judge).pass_on()
            return None
        finally:
            response.close()

    def _prepare(self, request: ModelRequest, way: Way, attempt: Attempt) -> Awaitable[Passage]:
        frame = self._frame(attempt.call)
        if attempt.progress is not None:
            return self._resumptions[request.dialect].prepare(request, attempt, frame)
        streamed = attempt.call.relay is not None
        return way.prepare(request, attempt.candidate.model, streamed=streamed, frame=frame)

    def _no_way(self, request: ModelRequest) -> NoReturn:
        raise InvalidRequest(f"{self.profile.name} has nothing that answers {request.endpoint}.", param="model")

    def _frame(self, call: Call) -> Frame:
        """Of the call, not of the attempt: what a client has seen of an answer must not change with who goes on."""
        return Frame(call.id, int(self._wall_clock() - (self._clock() - call.arrived_at)))

    def _headers_of(self, request: ModelRequest, way: Way, attempt: Attempt) -> RawHeaders:
        """The headers that are this request's own."""
        headers = [(REQUEST_ID, request.request_id.encode())]
        if self._passthrough and request.client_key is not None:
            headers.append(self.profile.authorize(request.client_key))
        if attempt.call.trace is not None:
            headers += attempt.call.trace.headers(attempt.number)
        elif request.headers:
            headers += [field for field in request.headers if field[0] not in _OURS]
        if request.own_headers and not way.translates:
            headers += request.own_headers
        if self._tells_context and request.context is not None:
            headers += request.context(attempt.candidate)
        return headers

    def _whole_answer(
        self,
        course: Course,
        response: UpstreamResponse,
        head: AnswerHead,
        body: bytes,
        passage: Passage,
        request: ModelRequest,
        way: Way,
    ) -> ModelReply:
        course.begins(body)
        try:
            answer = passage.read(body)
        except ValueError as problem:
            raise UpstreamBroken(f"{self.profile.name} answered with something that is no answer.") from problem
        if answer.error is not None:
            raise self._judge(request, way, response.headers, answer.error)
        course.used(answer.usage, answer.finish_reason)
        course.check_filter(answer.finish_reason)
        return ModelReply(response.status, head.headers, answer.body or body)

    async def _refusal(self, request: ModelRequest, way: Way, response: UpstreamResponse) -> GatewayError:
        """The failure for an answer whose status is not 2xx."""
        if response.status < 400:
            return UpstreamRedirects(
                f"{self.profile.name} answered with the status {response.status}, which points to another address; "
                "the gateway asks only the one that is configured (base_url)."
            )
        body = await response.read(ERROR_LIMIT_BYTES)
        return self._judge(request, way, response.headers, body, response.status)

    def _judge(
        self, request: ModelRequest, way: Way, headers: RawHeaders, body: bytes, status: int | None = None
    ) -> UpstreamError:
        """The failure for an error object, as the client reads it; it says its own status where HTTP's was 200."""
        secrets = self._secrets
        if self._passthrough and request.client_key:
            secrets = [*secrets, request.client_key.encode()]
        for secret in secrets:
            body = body.replace(secret, b"[redacted]")
        if status is None:
            status = status_of(self.profile.read_error(body))
        failure = upstream_error(
            self.profile,
            status,
            headers,
            body,
            self._wall_clock(),
            compose=request.compose_error,
            translated=way.translates,
        )
        if self._passthrough:
            failure.key_fault = KeyFault.FOREIGN
        elif failure.key_fault is KeyFault.REFUSED:
            failure.retryable = failure.elsewhere = True  # the next candidate has a key of its own
        return failure


class _HeadersByKey(dict[str, tuple[RawHeader, ...]]):
    """What every request made with a key begins with, by the key's label; without a key for a label unknown."""

    def __init__(self, ours: tuple[RawHeader, ...], keys: Mapping[str, RawHeader]) -> None:
        super().__init__({label: (*ours, authorization) for label, authorization in keys.items()})
        self._ours = ours

    def __missing__(self, label: str) -> tuple[RawHeader, ...]:
        return self._ours
