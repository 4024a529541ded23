"""Answers in the pivot's terms as Anthropic's own client reads them, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway.dialects.answer_events import Added, Closed, Counted, Ended, Event, Opened, Signed, Started, told
from gateway.dialects.codec import Frame
from gateway.dialects.conversation import (
    Audio,
    Choice,
    Citation,
    Conversation,
    Document,
    Finish,
    Image,
    Maker,
    Media,
    Native,
    Part,
    Reasoning,
    ReasoningWish,
    Refusal,
    Reply,
    Text,
    ToolCall,
)
from gateway.dialects.envelope import Usage
from gateway.dialects.fidelity import ANTHROPIC_MESSAGES, GEMINI
from gateway.dialects.messages.client import MessagesClient
from gateway.dialects.sse import SseSplitter
from gateway.dialects.stamps import stamp
from tests.dialects.messages.official import accumulate, read

FRAME = Frame("01", 1)
ASKED = Conversation(model="m", turns=[])
HIDDEN = Conversation(model="m", turns=[], reasoning=ReasoningWish(enabled=True, visible=False))
USAGE = Usage(prompt=100, completion=20, cached=30, reasoning=5, written=10)


def reply(*parts: Part, finish: Finish = Finish.STOP, stop_sequence: str | None = None) -> Reply:
    return Reply(model="gpt-9", choices=[Choice(list(parts), finish, stop_sequence)], usage=USAGE)


def whole(answer: Reply, request: Conversation = ASKED) -> dict[str, Any]:
    """The body, which is of the official type."""
    body = MessagesClient().encode(answer, request, FRAME)
    Message.model_validate_json(body)
    written: dict[str, Any] = json.loads(body)
    return written


def streamed(answer: Reply, request: Conversation = ASKED) -> bytes:
    """The same answer as a stream."""
    return stream_of(told(answer), request)


def stream_of(events: list[Event], request: Conversation = ASKED) -> bytes:
    """One event at a time, each of which is of the official type."""
    encoder = MessagesClient().stream(request, FRAME)
    stream = b"".join(encoder.encode([event]) for event in events) + encoder.end()
    for event in SseSplitter().feed(stream):
        if event.name != b"ping":
            assert event.data is not None
            official.validate_json(event.data)
    return stream


official: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def said(message: Message) -> dict[str, Any]:
    """What the message says; the official types add members of their own."""
    return message.model_dump(mode="json", exclude_none=True, exclude={"parsed_output"})


def content(*parts: Part, request: Conversation = ASKED) -> list[dict[str, Any]]:
    """The blocks of an answer, the same whether it is streamed or not."""
    answer = reply(*parts)
    blocks: list[dict[str, Any]] = whole(answer, request)["content"]
    gathered = said(accumulate(streamed(answer, request)))
    assert gathered == said(read(MessagesClient().encode(answer, request, FRAME)))
    return blocks


def test_a_whole_answer() -> None:
    assert whole(reply(Text("Hello."))) == {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "gpt-9",
        "content": [{"type": "text", "text": "Hello."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 60,
            "cache_creation_input_tokens": 10,
            "cache_read_input_tokens": 30,
            "output_tokens": 20,
            "output_tokens_details": {"thinking_tokens": 5},
        },
    }


def test_a_streamed_answer_byte_by_byte() -> None:
    events: list[Event] = [
        Started("gpt-9"),
        Opened(Text("")),
        Added('He said "hi".'),
        Closed(),
        Ended(Finish.STOP),
        Counted(Usage(5, 2)),
    ]
    assert stream_of(events).decode() == (
        "event: message_start\n"
        'data: {"type":"message_start","message":{"id":"msg_01","type":"message","role":"assistant","model":"gpt-9",'
        '"content":[],"stop_reason":null,"stop_sequence":null,"stop_details":null,"usage":{"input_tokens":0,'
        '"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}\n\n'
        "event: ping\n"
        'data: {"type":"ping"}\n\n'
        "event: content_block_start\n"
        'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
        "event: content_block_delta\n"
        'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"He said \\"hi\\"."}}\n\n'
        "event: content_block_stop\n"
        'data: {"type":"content_block_stop","index":0}\n\n'
        "event: message_delta\n"
        'data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null,"stop_details":null},'
        '"usage":{"input_tokens":5,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":2}}\n\n'
        "event: message_stop\n"
        'data: {"type":"message_stop"}\n\n'
    )


def test_usage_is_known_ahead_where_the_provider_says_so() -> None:
    stream = stream_of([Started("gpt-9", Usage(prompt=7)), Opened(Text("")), Added("x"), Closed(), Ended(Finish.STOP)])
    start = json.loads(SseSplitter().feed(stream)[0].data or b"")
    assert start["message"]["usage"]["input_tokens"] == 7
    assert accumulate(stream).usage.input_tokens == 7


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        (Finish.STOP, "end_turn"),
        (Finish.LENGTH, "max_tokens"),
        (Finish.TOOL_CALLS, "tool_use"),
        (Finish.CONTENT_FILTER, "refusal"),
        (Finish.REFUSAL, "refusal"),
        (Finish.PAUSE, "pause_turn"),
    ],
)
def test_every_way_to_end(finish: Finish, reason: str) -> None:
    answer = reply(Text("So"), finish=finish)
    assert whole(answer)["stop_reason"] == reason
    message = accumulate(streamed(answer))
    assert message.stop_reason == reason
    assert (message.stop_details is not None) is (reason == "refusal")


def test_the_stop_sequence_is_named_where_it_is_known() -> None:
    answer = reply(Text("So"), stop_sequence="END")
    assert (whole(answer)["stop_reason"], whole(answer)["stop_sequence"]) == ("stop_sequence", "END")
    assert accumulate(streamed(answer)).stop_sequence == "END"


def test_calls_of_functions() -> None:
    calls = [ToolCall("call_1", "add", '{"a": 1}'), ToolCall("call_2", "now", "{}")]
    answer = reply(Text("Let me see."), *calls, finish=Finish.TOOL_CALLS)
    assert whole(answer)["content"][1:] == [
        {"type": "tool_use", "id": "call_1", "name": "add", "input": {"a": 1}},
        {"type": "tool_use", "id": "call_2", "name": "now", "input": {}},
    ]
    message = accumulate(streamed(answer))
    assert said(message) == said(read(MessagesClient().encode(answer, ASKED, FRAME)))
    assert message.stop_reason == "tool_use"


def test_arguments_that_are_no_json_are_not_lost() -> None:
    assert content_whole(ToolCall("call_1", "add", '{"a": ')) == [
        {"type": "tool_use", "id": "call_1", "name": "add", "input": {"INVALID_JSON": '{"a": '}}
    ]


def content_whole(*parts: Part) -> Any:
    return whole(reply(*parts))["content"]


def test_a_refusal_is_text_and_a_reason() -> None:
    answer = reply(Refusal("I will not."))
    written = whole(answer)
    assert written["content"] == [{"type": "text", "text": "I will not."}]
    assert written["stop_reason"] == "refusal"
    assert written["stop_details"] == {"type": "refusal", "category": None, "explanation": None}
    assert said(accumulate(streamed(answer))) == said(read(MessagesClient().encode(answer, ASKED, FRAME)))


def test_reasoning_carries_its_makers_proof() -> None:
    assert content(
        Reasoning("Hm.", "EqAB", Maker.ANTHROPIC),
        Reasoning("", "Eox", Maker.ANTHROPIC, redacted=True),
        Reasoning("Well.", "CiQB", Maker.GOOGLE),
        Reasoning("", "CiQC", Maker.GOOGLE),
        Reasoning("", "gAAA", Maker.OPENAI, redacted=True),
        Reasoning("So.", "gAAB", Maker.OPENAI, summary=True, id="rs_1"),
        Reasoning("Then.", None, Maker.DEEPSEEK),
        Reasoning(),
        Text("Yes."),
    ) == [
        {"type": "thinking", "thinking": "Hm.", "signature": "EqAB"},
        {"type": "redacted_thinking", "data": "Eox"},
        {"type": "thinking", "thinking": "Well.", "signature": stamp(Maker.GOOGLE, "CiQB")},
        {"type": "thinking", "thinking": "", "signature": stamp(Maker.GOOGLE, "CiQC")},
        {"type": "redacted_thinking", "data": stamp(Maker.OPENAI, "gAAA")},
        {"type": "thinking", "thinking": "So.", "signature": stamp(Maker.OPENAI, "gAAB", id="rs_1", summary=True)},
        {"type": "thinking", "thinking": "Then.", "signature": stamp(Maker.DEEPSEEK, "")},
        {"type": "text", "text": "Yes."},
    ]


def test_hidden_reasoning_comes_without_its_words_and_only_where_it_is_signed() -> None:
    assert content(
        Reasoning("Hm.", "CiQB", Maker.GOOGLE),
        Reasoning("Then.", None, Maker.DEEPSEEK),
        Reasoning("", "Eox", Maker.ANTHROPIC, redacted=True),
        Text("Yes."),
        request=HIDDEN,
    ) == [
        {"type": "thinking", "thinking": "", "signature": stamp(Maker.GOOGLE, "CiQB")},
        {"type": "redacted_thinking", "data": "Eox"},
        {"type": "text", "text": "Yes."},
    ]


def test_citations_go_out_as_they_came_or_as_results_of_web_search() -> None:
    native = {
        "type": "char_location",
        "cited_text": "One.",
        "document_index": 0,
        "document_title": "facts.txt",
        "start_char_index": 0,
        "end_char_index": 4,
    }
    own = Citation(title="facts.txt", cited_text="One.", native=native, dialect=ANTHROPIC_MESSAGES)
    other = Citation(url="https://example.org", title="Facts", start=0, end=4)
    unsayable = Citation(title="A file of another provider's")
    assert content(Text("One.", (own, other, unsayable)), Text("", (unsayable,))) == [
        {
            "type": "text",
            "text": "One.",
            "citations": [
                native,
                {
                    "type": "web_search_result_location",
                    "cited_text": "",
                    "encrypted_index": "",
                    "title": "Facts",
                    "url": "https://example.org",
                },
            ],
        }
    ]


SERVER_TOOL = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}


def test_what_a_providers_own_tool_did_is_shown_to_its_own_clients_alone() -> None:
    blocks = content(
        Native(ANTHROPIC_MESSAGES, SERVER_TOOL), Native(GEMINI, {"executableCode": {}}), Text("Found."), Text("")
    )
    assert blocks == [SERVER_TOOL, {"type": "text", "text": "Found."}]


@pytest.mark.parametrize(
    ("part", "note"),
    [
        (Image(Media(url="https://example.org/a.png")), "![image](https://example.org/a.png)"),
        (
            Image(Media(data="iVBO", media_type="image/png")),
            "[An image (image/png) was made that this API cannot carry.]",
        ),
        (Audio(Media(data="x")), "[A sound (of no stated type) was made that this API cannot carry.]"),
        (Document(Media(url="https://example.org/a.csv")), "<https://example.org/a.csv>"),
        (Document(text="Facts."), "Facts."),
    ],
)
def test_media_that_a_model_made_are_never_lost_in_silence(part: Part, note: str) -> None:
    assert content(part) == [{"type": "text", "text": note}]


def test_an_answer_without_a_word_is_an_answer() -> None:
    assert content(Text("")) == []
    assert said(accumulate(stream_of([Started("gpt-9"), Ended(Finish.LENGTH)])))["content"] == []


def test_an_answer_without_usage_has_counts_all_the_same() -> None:
    answer = reply(Text("Hello."))
    answer.usage = None
    assert whole(answer)["usage"]["output_tokens"] == 0
    assert accumulate(streamed(answer)).usage.input_tokens == 0


def test_the_tier_in_anthropics_words() -> None:
    answer = reply(Text("Hello."))
    for tier, word in (("default", "standard"), ("priority", "priority"), ("flex", None)):
        answer.service_tier = tier
        assert whole(answer)["usage"].get("service_tier") == word


def test_a_redacted_reasoning_that_was_never_signed_says_nothing() -> None:
    events: list[Event] = [Started("m"), Opened(Reasoning(redacted=True)), Closed(), Ended(Finish.STOP)]
    assert said(accumulate(stream_of(events)))["content"] == []


def test_only_the_first_choice_is_told() -> None:
    """Nobody can ask for more here."""
    events: list[Event] = [Started("m"), Opened(Text("")), Opened(Text(""), 1), Added("a"), Added("b", 1)]
    events += [Signed("x", 1), Closed(), Closed(1), Ended(Finish.LENGTH, 1), Ended(Finish.STOP)]
    message = said(accumulate(stream_of(events)))
    assert [block["text"] for block in message["content"]] == ["a"]
    assert message["stop_reason"] == "end_turn"


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_words = st.text(st.characters(codec="utf-8"), max_size=30)
_makers = st.sampled_from([Maker.ANTHROPIC, Maker.GOOGLE, Maker.OPENAI, Maker.DEEPSEEK])
_parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, _words),
    st.builds(Refusal, _words),
    st.builds(Reasoning, _words, st.none() | st.text(min_size=1, max_size=9), _makers),
    st.builds(
        ToolCall,
        st.from_regex(r"call_[a-z0-9]{4}", fullmatch=True),
        st.sampled_from(["add", "now"]),
        st.dictionaries(st.text(max_size=5), _json, max_size=3).map(json.dumps),
    ),
    st.just(Image(Media(data="iVBO"))),
    st.just(Native(ANTHROPIC_MESSAGES, SERVER_TOOL)),
)


@given(st.lists(_parts, max_size=5), st.sampled_from(Finish), st.sampled_from([ASKED, HIDDEN]))
def test_a_stream_adds_up_to_the_whole_answer(parts: list[Part], finish: Finish, request: Conversation) -> None:
    answer = reply(*parts, finish=finish)
    message = said(read(MessagesClient().encode(answer, request, FRAME)))
    assert said(accumulate(streamed(answer, request))) == message


def test_an_answer_that_does_not_say_whose_it_is_is_of_the_model_asked_for() -> None:
    answer = reply(Text("Hello."))
    answer.model = ""
    assert whole(answer)["model"] == accumulate(streamed(answer)).model == "m"
