"""What providers of chat completions stream, in all the ways of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.answer_events import Added, Closed, Counted, Ended, Event, Opened, Signed, Started, assemble
from gateway.dialects.chat.flavour import DEEPSEEK, OPENROUTER, PLAIN, Flavour
from gateway.dialects.chat.provider import ChatProvider
from gateway.dialects.conversation import (
    Citation,
    Finish,
    Image,
    Maker,
    Media,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.dialects.envelope import Usage
from gateway.errors import UpstreamBroken
from tests.dialects.chat.wire import chunk, stream_of

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
DONE = "[DONE]"


def events_of(*chunks: dict[str, Any] | str, flavour: Flavour = PLAIN) -> list[Event]:
    decoder = ChatProvider(flavour).stream()
    return decoder.feed(stream_of(*chunks)) + decoder.end()


def parts_of(*deltas: dict[str, Any], flavour: Flavour = PLAIN, finish: str = "stop") -> list[Part]:
    """The parts that the deltas add up to, and the same deltas joined to a whole answer where that can be."""
    events = events_of(*(chunk(delta) for delta in deltas), chunk(finish=finish), flavour=flavour)
    return assemble(events).choices[0].parts


def call(index: int | None, arguments: Any = "", name: str | None = None, id: str | None = None) -> dict[str, Any]:
    piece: dict[str, Any] = {"function": {"arguments": arguments}}
    if index is not None:
        piece["index"] = index
    if name is not None:
        piece["function"]["name"] = name
    if id is not None:
        piece |= {"id": id, "type": "function"}
    return {"tool_calls": [piece]}


def detail(kind: str, **members: Any) -> dict[str, Any]:
    return {"reasoning_details": [{"type": f"reasoning.{kind}", **members}]}


def test_a_plain_stream_event_by_event() -> None:
    assert events_of(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Sal"}),
        chunk({"content": "ve"}),
        chunk(finish="stop"),
        {"model": "m-1", "choices": [], "usage": USAGE, "service_tier": "flex"},
        DONE,
    ) == [
        Started("m-1"),
        Opened(Text("")),
        Added("Sal"),
        Added("ve"),
        Closed(),
        Ended(Finish.STOP),
        Counted(Usage(3, 2), "flex"),
    ]


def test_azures_first_chunk_names_no_model_and_begins_nothing() -> None:
    first = {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    assert events_of(first, chunk({"content": "a"}), chunk(finish="stop"))[0] == Started("m-1")


def test_a_finish_that_comes_twice_ends_the_choice_once() -> None:
    events = events_of(chunk({"content": "a"}, "stop"), chunk({"content": ""}, "stop", usage=USAGE), DONE)
    assert events[-2:] == [Ended(Finish.STOP), Counted(Usage(3, 2))]


def test_usage_in_every_chunk_is_told_once_the_answer_is_whole() -> None:
    first, last = {**USAGE, "completion_tokens": 1, "total_tokens": 4}, USAGE
    events = events_of(chunk({"content": "a"}, usage=first), chunk({}, "stop", usage=last), DONE)
    assert [event for event in events if isinstance(event, Counted)] == [Counted(Usage(3, 2))]


def test_usage_is_known_before_the_answer_is_whole() -> None:
    decoder = ChatProvider(PLAIN).stream()
    decoder.feed(stream_of(chunk({"content": "a"}, usage=USAGE)))
    assert decoder.usage == Usage(3, 2)
    assert not decoder.whole


def test_details_of_usage_are_read() -> None:
    usage = {
        **USAGE,
        "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 2, "audio_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 9},
    }
    counted = events_of(chunk({"content": "a"}, "stop", usage=usage))[-1]
    assert counted == Counted(Usage(3, 2, cached=1, reasoning=1, written=2, audio_in=1, audio_out=2))


def test_deepseek_thinks_before_it_speaks() -> None:
    deltas = [
        {"role": "assistant", "content": None, "reasoning_content": ""},
        {"content": None, "reasoning_content": "2 +"},
        {"content": None, "reasoning_content": " 2"},
        {"content": "4", "reasoning_content": None},
    ]
    assert parts_of(*deltas, flavour=DEEPSEEK) == [Reasoning("2 + 2", maker=Maker.DEEPSEEK), Text("4")]


def test_openrouters_details_go_before_its_plain_reasoning() -> None:
    deltas = [
        {"content": "", "reasoning": None, **detail("text", text="", signature="", format="f", index=0)},
        {"content": "", "reasoning": "hm", **detail("text", text="hm", format=Maker.ANTHROPIC, index=0)},
        {"reasoning": "m", **detail("text", text="m", format=Maker.ANTHROPIC, index=0)},
        {"reasoning": None, **detail("text", signature="s", format=Maker.ANTHROPIC, index=0)},
        {"content": "4"},
    ]
    assert parts_of(*deltas, flavour=OPENROUTER) == [Reasoning("hmm", "s", Maker.ANTHROPIC), Text("4")]


def test_plain_reasoning_counts_where_the_details_are_only_proofs() -> None:
    deltas = [{"reasoning": "hm", **detail("encrypted", data="x", format=Maker.OPENAI, id="rs_1", index=0)}]
    assert parts_of(*deltas, flavour=OPENROUTER) == [
        Reasoning("hm"),
        Reasoning("", "x", Maker.OPENAI, id="rs_1"),
    ]


def test_geminis_proof_of_a_call_stands_directly_before_it() -> None:
    deltas = [
        detail("encrypted", data="s2", format=Maker.GOOGLE, id="c2", index=0),
        {"content": "I call."},
        call(0, "{}", "f", "c1"),
        call(1, "{}", "g", "c2"),
        detail("encrypted", data="s9", format=Maker.GOOGLE, id="c9", index=1),
    ]
    assert parts_of(*deltas, flavour=OPENROUTER) == [
        Text("I call."),
        ToolCall("c1", "f", "{}"),
        Reasoning("", "s2", Maker.GOOGLE),
        ToolCall("c2", "g", "{}"),
        Reasoning("", "s9", Maker.GOOGLE),
    ]


def test_calls_that_come_one_after_the_other_are_streamed_so() -> None:
    decoder = ChatProvider(PLAIN).stream()
    assert decoder.feed(stream_of(chunk(call(0, "", "f", "c1")))) == [Started("m-1"), Opened(ToolCall("c1", "f", ""))]
    assert decoder.feed(stream_of(chunk(call(0, '{"a":1}')))) == [Added('{"a":1}')]
    assert decoder.feed(stream_of(chunk(call(1, "", "g", "c2")))) == [Closed(), Opened(ToolCall("c2", "g", ""))]
    assert decoder.feed(stream_of(chunk(call(1, "{")))) == [Added("{")]


def test_a_call_waits_while_the_one_before_it_is_not_whole() -> None:
    decoder = ChatProvider(PLAIN).stream()
    decoder.feed(stream_of(chunk(call(0, '{"a":', "f", "c1"))))
    assert decoder.feed(stream_of(chunk(call(1, '{"b"', "g", "c2")), chunk({"content": "and"}))) == []
    assert decoder.feed(stream_of(chunk(call(0, "1}")))) == [Added("1}")]
    assert decoder.feed(stream_of(chunk(call(1, ":2}")))) == [
        Closed(),
        Opened(ToolCall("c2", "g", "")),
        Added('{"b"'),
        Added(":2}"),
        Closed(),
        Opened(Text("")),
        Added("and"),
    ]
    assert decoder.feed(stream_of(chunk(finish="tool_calls"))) == [Closed(), Ended(Finish.TOOL_CALLS)]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    parts = parts_of(call(0, "", "f", "c1"), call(1, None, "g", "c2"))
    assert parts == [ToolCall("c1", "f", "{}"), ToolCall("c2", "g", "{}")]


def test_calls_without_index_or_id_are_told_apart() -> None:
    parts = parts_of(call(None, {"a": 1}, "f"), call(None, "{}", "g", "c2"), call(0, "{}", "h", "c3"))
    made = parts[0]
    assert isinstance(made, ToolCall)
    assert made.id.startswith("call_")
    assert [(part.name, part.arguments) for part in parts if isinstance(part, ToolCall)] == [
        ("f", '{"a":1}'),
        ("g", "{}"),
        ("h", "{}"),
    ]


def test_a_made_id_is_the_same_for_the_same_answer() -> None:
    assert parts_of(call(0, "{}", "f")) == parts_of(call(0, "{}", "f"))


def test_a_deprecated_function_call_is_a_call() -> None:
    deltas = [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "{}"}}]
    (part,) = parts_of(*deltas, finish="function_call")
    assert isinstance(part, ToolCall)
    assert (part.name, part.arguments) == ("f", "{}")


def test_stop_after_a_call_means_that_the_call_waits_for_its_result() -> None:
    assert events_of(chunk(call(0, "{}", "f", "c1")), chunk(finish="stop"))[-1] == Ended(Finish.TOOL_CALLS)


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("length", Finish.LENGTH),
        ("content_filter", Finish.CONTENT_FILTER),
        ("eos", Finish.STOP),
        ("model_length", Finish.LENGTH),
    ],
)
def test_every_word_for_the_end_is_understood(word: str, finish: Finish) -> None:
    assert events_of(chunk({"content": "a"}, word))[-1] == Ended(finish)


def test_refusals_images_and_citations() -> None:
    source = {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 2, "content": "aa"}
    deltas = [
        {"refusal": "I "},
        {"refusal": "won't"},
        {"content": "ok"},
        {"annotations": [{"type": "url_citation", "url_citation": source}]},
        {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
    ]
    cited = Citation(url="https://a.example", title="A", cited_text="aa", start=0, end=2)
    assert parts_of(*deltas) == [
        Refusal("I won't"),
        Text("ok", (cited,)),
        Image(Media(data="AAAA", media_type="image/png")),
    ]


def test_extensions_of_a_form_nobody_knows_cost_nothing_else() -> None:
    delta = {"content": "a", "annotations": 5, "images": "x", "reasoning_details": [{"type": 1}], "reasoning": {"x": 1}}
    assert parts_of(delta) == [Text("a")]


def test_content_in_parts_is_read_as_its_text() -> None:
    assert parts_of({"content": [{"type": "text", "text": "a"}, {"type": "thinking"}]}) == [Text("a")]


def test_log_probabilities_are_kept() -> None:
    token = {"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": []}
    scored = chunk({"content": "a"})
    scored["choices"][0]["logprobs"] = {"content": [token], "refusal": None}
    reply = assemble(events_of(scored, chunk({"content": "b"}), chunk(finish="stop")))
    assert reply.choices[0].logprobs == {"content": [token]}


def test_choices_end_each_for_itself() -> None:
    decoder = ChatProvider(PLAIN).stream()
    decoder.feed(stream_of(chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk(finish="stop")))
    assert not decoder.whole
    decoder.feed(stream_of(chunk(finish="length", index=1)))
    assert decoder.whole


def test_comments_and_what_is_no_piece_of_the_answer_are_passed_over() -> None:
    decoder = ChatProvider(OPENROUTER).stream()
    decoder.feed(b": OPENROUTER PROCESSING\n\n" + stream_of(chunk({"content": "a"}), "{half", "ping"))
    assert decoder.malformed == 2
    decoder.feed(stream_of(chunk(finish="stop")))
    assert decoder.whole


@pytest.mark.parametrize(
    "piece", ['{"choices":5}', '{"choices":[{"delta":{"content":5}}]}', '{"choices":[{"delta":{"con']
)
def test_a_piece_of_the_answer_that_cannot_be_read_breaks_it(piece: str) -> None:
    """Passed over it would be missing; behind the whole answer it is not."""
    decoder = ChatProvider(OPENROUTER).stream()
    with pytest.raises(UpstreamBroken, match="piece"):
        decoder.feed(stream_of(chunk({"content": "a"}), piece))
    decoder = ChatProvider(OPENROUTER).stream()
    decoder.feed(stream_of(chunk({"content": "a"}), chunk(finish="stop"), piece))
    assert (decoder.whole, decoder.malformed) == (True, 1)


def test_the_answer_is_not_whole_before_as_many_choices_as_were_asked_for() -> None:
    one_after_the_other = [chunk({"content": "a"}), chunk(finish="stop")]
    decoder = ChatProvider(PLAIN).stream(choices=2)
    decoder.feed(stream_of(*one_after_the_other))
    assert not decoder.whole
    with pytest.raises(UpstreamBroken):
        decoder.end()
    decoder = ChatProvider(PLAIN).stream(choices=2)
    decoder.feed(stream_of(*one_after_the_other, DONE))
    assert decoder.whole  # by the provider's own word


def test_an_error_in_place_of_a_chunk_ends_the_reading() -> None:
    decoder = ChatProvider(OPENROUTER).stream()
    error = {"code": 429, "message": "slow down"}
    failed = {"error": error, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}
    assert decoder.feed(stream_of(chunk({"content": "a"}), failed, chunk({"content": "b"}), DONE))[-1] == Added("a")
    assert decoder.error is not None
    assert json.loads(decoder.error) == {"error": error}
    said = ChatProvider(OPENROUTER).read_error(decoder.error)
    assert said is not None
    assert (said.message, said.status) == ("slow down", 429)
    assert decoder.end() == []


def test_a_finish_that_is_a_failure_is_an_error() -> None:
    decoder = ChatProvider(DEEPSEEK).stream()
    decoder.feed(stream_of(chunk({"content": "a"}), chunk(finish="insufficient_system_resource")))
    assert decoder.error is not None
    assert not decoder.whole


def test_a_cut_stream_is_broken() -> None:
    decoder = ChatProvider(PLAIN).stream()
    decoder.feed(stream_of(chunk({"content": "a"})))
    with pytest.raises(UpstreamBroken):
        decoder.end()


def test_an_end_without_an_answer_is_broken() -> None:
    with pytest.raises(UpstreamBroken):
        events_of(DONE)


def test_an_end_without_a_finish_is_broken() -> None:
    """Nobody said how the answer ended: what came of it may be a part."""
    with pytest.raises(UpstreamBroken, match="without a finish reason"):
        events_of(chunk({"content": "a"}), DONE)


def test_fewer_choices_than_were_asked_for_are_whole_once_all_that_came_have_ended() -> None:
    """Some providers know nothing of `n`."""
    decoder = ChatProvider(PLAIN).stream(2)
    assert decoder.feed(stream_of(chunk({"content": "a"}, "stop"), DONE))[-1] == Ended(Finish.STOP)
    assert decoder.done
    with pytest.raises(UpstreamBroken, match="without a finish reason"):
        ChatProvider(PLAIN).stream(2).feed(
            stream_of(chunk({"content": "a"}, "stop"), chunk({"content": "b"}, index=1), DONE)
        )


def test_a_whole_answer_needs_no_terminator_nor_its_last_blank_line() -> None:
    decoder = ChatProvider(PLAIN).stream()
    stream = stream_of(chunk({"content": "a"}), chunk(finish="stop", usage=USAGE)).rstrip(b"\n")
    events = decoder.feed(stream) + decoder.end()
    assert events[-2:] == [Ended(Finish.STOP), Counted(Usage(3, 2))]
    assert decoder.done


PIECES = st.one_of(
    st.text(max_size=3).map(lambda text: {"content": text}),
    st.text(max_size=3).map(lambda text: {"reasoning_content": text}),
    st.text(max_size=3).map(lambda text: {"refusal": text}),
    st.sampled_from([call(index, piece) for index in range(3) for piece in ('{"a":', "1}", "", '{"b":2}')]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=20))
def test_however_parts_mingle_they_are_told_one_after_the_other(deltas: list[dict[str, Any]]) -> None:
    """Of every kind each word arrives, in order, and no part begins within another."""
    calls = [call(index, "", f"f{index}", f"c{index}") for index in range(3)]
    events = events_of(*(chunk(delta) for delta in [*calls, *deltas]), chunk(finish="stop"))
    is_open = False
    for event in events:
        if isinstance(event, Opened):
            assert not is_open
            is_open = True
        elif isinstance(event, Added | Signed | Closed):
            assert is_open
            is_open = not isinstance(event, Closed)
    parts = assemble(events).choices[0].parts
    for kind, member in ((Text, "content"), (Reasoning, "reasoning_content"), (Refusal, "refusal")):
        words = "".join(part.text for part in parts if isinstance(part, kind))
        assert words == "".join(delta.get(member, "") for delta in deltas)
