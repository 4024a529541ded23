"""The way from a client of one dialect to a provider of another, through the pivot."""

from __future__ import annotations

from typing import Final

import trio

from gateway.calls.decoded_stream import DecodedStream
from gateway.dialects.answer_events import Added, Ended, Event, has_content, told
from gateway.dialects.codec import ClientCodec, Frame, ProviderCodec, StreamDecoder, StreamEncoder
from gateway.dialects.conversation import Conversation, Reply
from gateway.dialects.conversation_parameters import Replaced, add_parameters, withdraw
from gateway.dialects.envelope import ModelRequest
from gateway.dialects.one_call import OneCallEncoder, keep_one_call
from gateway.dialects.passed_reply import ReplyNotes
from gateway.errors import InvalidRequest, UpstreamBroken
from gateway.unhurried import unhurried

_TURNS_LET_GO: Final = 500
"""Turns of a conversation that are forgotten in one go."""


class Translation:
    """The way between two codecs; a `gateway.calls.passage.Way`."""

    translates = True

    def __init__(self, client: ClientCodec, provider: ProviderCodec) -> None:
        self._client = client
        self._provider = provider

    async def prepare(self, request: ModelRequest, model: str, *, streamed: bool, frame: Frame) -> TranslatedPassage:
        conversation = await unhurried(self._client.decode(request.body, self._provider.name))
        body = await self._encode(conversation, model, add_parameters(conversation, request.parameters))
        await _forget_turns(conversation)
        path = self._provider.path(model, stream=streamed)
        return TranslatedPassage(path, body, conversation, self._client, self._provider, frame)

    async def _encode(self, conversation: Conversation, model: str, replaced: Replaced) -> bytes:
        """A parameter of the configuration that this model does not take is left out: the client knows nothing of it.

        Raises InvalidRequest for what the client itself has asked.
        """
        while True:
            try:
                return await unhurried(self._provider.encode(conversation, model))
            except InvalidRequest as refusal:
                if not withdraw(conversation, replaced, refusal.param):
                    raise


class TranslatedPassage:
    """One request, translated; its answer will be."""

    def __init__(
        self,
        path: bytes,
        body: bytes,
        conversation: Conversation,
        client: ClientCodec,
        provider: ProviderCodec,
        frame: Frame,
    ) -> None:
        self.path = path
        self.body = body
        self._conversation = conversation
        self._client = client
        self._provider = provider
        self._frame = frame

    def read(self, body: bytes) -> ReplyNotes:
        """Raises ValueError where the body is no answer."""
        if self._provider.read_error(body) is not None:
            return ReplyNotes(error=body)
        reply = self._reply(body)
        encoded = self._client.encode(reply, self._conversation, self._frame)
        return ReplyNotes(reply.usage, _finish_of(reply), body=encoded)

    def stream(self) -> TranslatedStream:
        decoder = self._provider.stream(self._conversation.choices)
        return TranslatedStream(decoder, self._encoder())

    def as_stream(self, body: bytes) -> bytes:
        """Raises ValueError where the body is no answer."""
        encoder = self._encoder()
        return encoder.encode(told(self._reply(body))) + encoder.end()

    def _reply(self, body: bytes) -> Reply:
        reply = self._provider.decode(body)
        if self._conversation.parallel_tool_calls is False:
            keep_one_call(reply)
        return reply

    def _encoder(self) -> StreamEncoder:
        encoder = self._client.stream(self._conversation, self._frame)
        return OneCallEncoder(encoder) if self._conversation.parallel_tool_calls is False else encoder


class TranslatedStream(DecodedStream):
    """One streamed answer, translated event by event.

    Nothing is passed on until the first content has come, and the answer's end not before usage has had its chance.
    """

    def __init__(self, decoder: StreamDecoder, encoder: StreamEncoder) -> None:
        super().__init__(decoder)
        self._encoder = encoder
        self._held: list[Event] = []

    def take(self, events: list[Event]) -> bytes:
        if not events:
            return b""
        for event in events:
            if isinstance(event, Added):
                self._characters += len(event.text)
            elif isinstance(event, Ended):
                self.finish_reason = event.finish.value
        if not self.started:
            self._held += events
            if not any(map(has_content, events)):
                return b""
            self.started = True
            events, self._held = self._held, []
        return self._encoder.encode(events)

    def finish(self) -> bytes:
        if self.done:
            return b""
        if not self.started:
            raise UpstreamBroken("The provider's stream ended without an answer.")
        self.done = True
        return self._encoder.end()


async def _forget_turns(conversation: Conversation) -> None:
    """Often the most of what a call would hold while it waits, and of no use any more; even to forget takes time."""
    turns = conversation.turns
    while len(turns) > _TURNS_LET_GO:
        del turns[-_TURNS_LET_GO:]
        await trio.lowlevel.checkpoint()
    conversation.turns = []


def _finish_of(reply: Reply) -> str | None:
    return reply.choices[0].finish.value if reply.choices else None
