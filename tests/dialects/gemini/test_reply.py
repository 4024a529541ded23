"""Gemini's whole answers, read."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.conversation import (
    Audio,
    Choice,
    Citation,
    Document,
    Finish,
    Image,
    Maker,
    Media,
    Native,
    Reasoning,
    Reply,
    Text,
    ToolCall,
)
from gateway.dialects.envelope import Usage
from gateway.dialects.gemini.codec import GeminiProvider
from gateway.errors import UpstreamBroken
from tests.dialects.gemini.answers import OTHER_SIGNATURE, SIGNATURE, as_json, call, chunk, signed, text, thought


def read(document: Any) -> Reply:
    return GeminiProvider().decode(as_json(document))


def only_choice(document: Any) -> Choice:
    (choice,) = read(document).choices
    return choice


def test_a_plain_answer() -> None:
    assert read(chunk(text("Hello."), finish="STOP")) == Reply(
        model="gemini-2.5-flash",
        choices=[Choice([Text("Hello.")], Finish.STOP)],
        usage=Usage(prompt=5, completion=7),
    )


def test_thoughts_and_texts_that_go_on_in_the_next_part_are_one() -> None:
    parts = [thought("Hm. "), thought("Well."), text("Hel"), text(""), text("lo."), thought("More?"), text(" No.")]
    assert only_choice(chunk(*parts, finish="STOP")).parts == [
        Reasoning("Hm. Well.", maker=Maker.GOOGLE),
        Text("Hello."),
        Reasoning("More?", maker=Maker.GOOGLE),
        Text(" No."),
    ]


def test_a_signature_stands_before_what_it_signed_or_at_the_end_of_the_turn() -> None:
    parts = [text("Look:", SIGNATURE), call("now", OTHER_SIGNATURE), call("now"), text("", SIGNATURE)]
    first, second = [part for part in only_choice(chunk(*parts, finish="STOP")).parts if isinstance(part, ToolCall)]
    assert only_choice(chunk(*parts, finish="STOP")).parts == [
        signed(),
        Text("Look:"),
        signed(OTHER_SIGNATURE),
        first,
        second,
        signed(),
    ]


def test_a_thought_can_be_signed_itself() -> None:
    part = thought("Hm.") | {"thoughtSignature": SIGNATURE}
    assert only_choice(chunk(part, text("Hi."), finish="STOP")).parts == [
        Reasoning("Hm.", SIGNATURE, Maker.GOOGLE),
        Text("Hi."),
    ]


def test_a_signature_between_two_texts_keeps_its_place() -> None:
    parts = [text("One."), text("", SIGNATURE), text("", OTHER_SIGNATURE), text("Two.")]
    assert only_choice(chunk(*parts, finish="STOP")).parts == [
        Text("One."),
        signed(),
        signed(OTHER_SIGNATURE),
        Text("Two."),
    ]


def test_a_text_does_not_go_on_beyond_a_signature() -> None:
    assert only_choice(chunk(text("One."), text("", SIGNATURE), text("Two."), finish="STOP")).parts == [
        Text("One."),
        signed(),
        Text("Two."),
    ]


def test_signatures_stay_in_order() -> None:
    *before, called = only_choice(
        chunk(text("One."), text("", SIGNATURE), call("now", OTHER_SIGNATURE), finish="STOP")
    ).parts
    assert before == [Text("One."), signed(), signed(OTHER_SIGNATURE)]
    assert isinstance(called, ToolCall)


def test_calls_get_ids_that_are_the_same_for_the_same_answer_and_differ_within_it() -> None:
    document = chunk(call("now"), call("now"), finish="STOP")
    first, second = only_choice(document).parts
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert (first.name, first.arguments, first.id != second.id) == ("now", "{}", True)
    assert only_choice(document).parts == [first, second]
    (other, _) = only_choice(document | {"responseId": "answer-2"}).parts
    assert isinstance(other, ToolCall)
    assert other.id not in (first.id, second.id)


def test_an_id_that_gemini_gives_is_kept() -> None:
    part = {"functionCall": {"id": "wxvlv0tv", "name": "add", "args": {"a": 2, "b": [1.5, None]}}}
    choice = only_choice(chunk(part, finish="STOP"))
    assert choice == Choice([ToolCall("wxvlv0tv", "add", '{"a":2,"b":[1.5,null]}')], Finish.TOOL_CALLS)


def test_a_call_without_arguments_has_an_empty_object() -> None:
    for arguments in ({}, {"args": None}, {"args": {}}):
        (called,) = only_choice(chunk({"functionCall": {"name": "now", **arguments}}, finish="STOP")).parts
        assert isinstance(called, ToolCall)
        assert called.arguments == "{}"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            Image(Media(data="aGk=", media_type="image/png")),
        ),
        ({"inlineData": {"mimeType": "audio/L16", "data": "aGk="}}, Audio(Media(data="aGk=", media_type="audio/L16"))),
        (
            {"inlineData": {"mimeType": "text/csv", "data": "aGk="}},
            Document(Media(data="aGk=", media_type="text/csv")),
        ),
        (
            {"fileData": {"mimeType": "image/png", "fileUri": "https://example.com/1"}},
            Image(Media(url="https://example.com/1", media_type="image/png")),
        ),
    ],
)
def test_media_in_an_answer(part: dict[str, Any], expected: Image | Audio | Document) -> None:
    assert only_choice(chunk(text("See:"), part, text("Nice."), finish="STOP")).parts == [
        Text("See:"),
        expected,
        Text("Nice."),
    ]
    assert only_choice(chunk(part | {"thoughtSignature": SIGNATURE}, finish="STOP")).parts == [signed(), expected]


def test_a_picture_that_was_only_thought_is_left_out() -> None:
    picture = {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thought": True}
    assert only_choice(chunk(picture, text("Done."), finish="STOP")).parts == [Text("Done.")]


def test_what_geminis_own_tools_did_is_kept_whole_and_is_no_call() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1+1"}, "thoughtSignature": SIGNATURE}
    result = {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "2"}}
    search = {"toolCall": {"toolType": "GOOGLE_SEARCH_WEB", "args": {"queries": ["2"]}, "id": "x"}}
    assert only_choice(chunk(code, result, search, text("2"), finish="STOP")) == Choice(
        [Native("gemini", code), Native("gemini", result), Native("gemini", search), Text("2")], Finish.STOP
    )


def test_parts_of_a_kind_that_nobody_knows_do_not_spoil_the_answer() -> None:
    assert only_choice(chunk({"hologram": {"data": 1}}, text("Hi."), {}, finish="STOP")).parts == [Text("Hi.")]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", Finish.STOP),
        (1, Finish.STOP),
        ("MAX_TOKENS", Finish.LENGTH),
        (2, Finish.LENGTH),
        ("SAFETY", Finish.CONTENT_FILTER),
        (3, Finish.CONTENT_FILTER),
        ("RECITATION", Finish.CONTENT_FILTER),
        ("PROHIBITED_CONTENT", Finish.CONTENT_FILTER),
        ("BLOCKLIST", Finish.CONTENT_FILTER),
        ("SPII", Finish.CONTENT_FILTER),
        ("IMAGE_SAFETY", Finish.CONTENT_FILTER),
        ("MODEL_ARMOR", Finish.CONTENT_FILTER),
        ("OTHER", Finish.CONTENT_FILTER),
        (42, Finish.CONTENT_FILTER),
        ("ADDED_LAST_WEEK", Finish.CONTENT_FILTER),
    ],
)
def test_why_an_answer_ended(reason: str | int, finish: Finish) -> None:
    assert only_choice(chunk(text("Hi."), finish=reason)) == Choice([Text("Hi.")], finish)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("STOP", Finish.TOOL_CALLS),
        ("MAX_TOKENS", Finish.LENGTH),
        ("SAFETY", Finish.CONTENT_FILTER),
        ("UNEXPECTED_TOOL_CALL", Finish.TOOL_CALLS),
    ],
)
def test_why_an_answer_with_calls_ended(reason: str, finish: Finish) -> None:
    assert only_choice(chunk(call("now"), finish=reason)).finish is finish


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "MALFORMED_RESPONSE", "UNEXPECTED_TOOL_CALL"])
def test_an_answer_that_the_model_failed_to_write_is_a_broken_one(reason: str) -> None:
    """What it had to say of that reaches the client; another attempt may do better."""
    with pytest.raises(UpstreamBroken, match="Malformed function call: now") as caught:
        read(chunk(finish=reason, finishMessage="Malformed function call: now("))
    assert caught.value.retryable


@pytest.mark.parametrize("content", [{}, {"content": None}, {"content": {}}, {"content": {"role": "model"}}])
def test_an_answer_that_was_taken_away_has_no_content(content: dict[str, Any]) -> None:
    document = {"candidates": [{"finishReason": "SAFETY", "index": 0, **content}], "modelVersion": "m"}
    assert read(document) == Reply(model="m", choices=[Choice([], Finish.CONTENT_FILTER)])


def test_a_blocked_prompt_is_an_answer_that_was_taken_away() -> None:
    document = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": {"promptTokenCount": 5}}
    assert read(document) == Reply(
        model="", choices=[Choice([], Finish.CONTENT_FILTER)], usage=Usage(prompt=5, completion=0)
    )


def test_several_candidates() -> None:
    """The index 0 is sometimes left out."""
    one, two = chunk(text("Red."), finish="STOP"), chunk(text("Blue."), finish="MAX_TOKENS", index=1)
    assert read(one | {"candidates": two["candidates"] + one["candidates"]}).choices == [
        Choice([Text("Red.")], Finish.STOP),
        Choice([Text("Blue.")], Finish.LENGTH),
    ]


def test_usage_adds_up_to_geminis_own_total() -> None:
    """What its own tools read is prompt, what it thought is completion; sounds are counted apart."""
    document = chunk(text("Hi."), finish="STOP") | {
        "usageMetadata": {
            "promptTokenCount": 100,
            "toolUsePromptTokenCount": 50,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 30,
            "cachedContentTokenCount": 80,
            "totalTokenCount": 200,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 60},
                {"modality": "AUDIO", "tokenCount": 40},
            ],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 15}],
            "serviceTier": "standard",
        }
    }
    reply = read(document)
    assert reply.usage == Usage(prompt=150, completion=50, cached=80, reasoning=30, audio_in=40, audio_out=15)
    assert reply.service_tier == "default"


@pytest.mark.parametrize("usage", [None, {}, {"trafficType": "ON_DEMAND"}, {"promptTokenCount": "many"}, 5, "x"])
def test_usage_that_says_nothing_does_not_spoil_the_answer(usage: Any) -> None:
    reply = read(chunk(text("Hi."), finish="STOP") | {"usageMetadata": usage})
    assert (reply.choices, reply.usage) == ([Choice([Text("Hi.")], Finish.STOP)], None)


def test_sources_become_citations_whose_places_count_characters() -> None:
    """Gemini counts bytes of UTF-8. A source that no passage names stands for the whole text."""
    grounding = {
        "groundingChunks": [
            {"web": {"uri": "https://example.com/a", "title": "A"}},
            {"retrievedContext": {"uri": "gs://b", "title": "B", "text": "as it is written"}},
            {"web": {"uri": "https://example.com/c"}},
        ],
        "groundingSupports": [
            {"segment": {"endIndex": 6, "text": "Grüß"}, "groundingChunkIndices": [0, 1, 7]},
            {"segment": {"startIndex": 7, "endIndex": 11, "text": "dich"}, "groundingChunkIndices": [0]},
        ],
        "searchEntryPoint": {"renderedContent": "<div>"},
    }
    (said,) = only_choice(chunk(text("Grüß dich"), finish="STOP", groundingMetadata=grounding)).parts
    assert said == Text(
        "Grüß dich",
        (
            Citation(url="https://example.com/a", title="A", start=0, end=4),
            Citation(url="gs://b", title="B", cited_text="as it is written", start=0, end=4),
            Citation(url="https://example.com/a", title="A", start=5, end=9),
            Citation(url="https://example.com/c"),
        ),
    )


def cited_at(said: str, *places: tuple[int, int]) -> list[tuple[int | None, int | None]]:
    """Where the citations of passages at these bytes stand."""
    supports = [
        {"segment": {"startIndex": start, "endIndex": end}, "groundingChunkIndices": [0]} for start, end in places
    ]
    grounding = {"groundingChunks": [{"web": {"uri": "https://example.com"}}], "groundingSupports": supports}
    (part,) = only_choice(chunk(text(said), finish="STOP", groundingMetadata=grounding)).parts
    assert isinstance(part, Text)
    return [(each.start, each.end) for each in part.citations]


@settings(max_examples=60, deadline=None)
@given(st.text("aé€😀", min_size=1, max_size=600), st.integers(-5, 2500), st.integers(-5, 2500))
def test_a_passage_stands_where_its_bytes_do_even_amid_a_character(said: str, start: int, end: int) -> None:
    raw = said.encode()
    places = tuple(len(raw[: max(0, at)].decode(errors="ignore")) for at in (start, end))
    assert cited_at(said, (start, end)) == [places]


def test_many_passages_of_a_long_text_take_a_moment() -> None:
    """With a look at all of the text, or at all earlier passages, for each it took several."""
    begun = time.process_time()
    places = cited_at("é" * 40_000, *[(2 * at, 2 * at + 2) for at in range(15_000)])
    assert places == [(at, at + 1) for at in range(15_000)]
    assert time.process_time() - begun < 1.5


def test_a_passage_is_found_by_its_words_where_its_place_is_wrong() -> None:
    grounding = {
        "groundingChunks": [{"web": {"uri": "https://example.com"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 90, "endIndex": 99, "text": "there"}, "groundingChunkIndices": [0]},
            {"segment": {"startIndex": 90, "endIndex": 99, "text": "nowhere"}, "groundingChunkIndices": [0]},
        ],
    }
    (said,) = only_choice(chunk(text("Hi there"), finish="STOP", groundingMetadata=grounding)).parts
    assert isinstance(said, Text)
    assert [(each.start, each.end) for each in said.citations] == [(3, 8), (None, None)]


@pytest.mark.parametrize("member", ["citationSources", "citations"])
def test_what_was_recited_names_its_source(member: str) -> None:
    metadata = {member: [{"startIndex": 5, "endIndex": 10, "uri": "https://example.com"}]}
    (said,) = only_choice(chunk(text("Für Grün."), finish="STOP", citationMetadata=metadata)).parts
    assert said == Text("Für Grün.", (Citation(url="https://example.com", start=4, end=8),))


@pytest.mark.parametrize("grounding", [None, {}, 5, {"groundingChunks": 5}, {"groundingSupports": [None]}])
def test_grounding_that_cannot_be_read_does_not_spoil_the_answer(grounding: Any) -> None:
    assert only_choice(chunk(text("Hi."), finish="STOP", groundingMetadata=grounding)).parts == [Text("Hi.")]


def test_log_probabilities_in_openais_shape() -> None:
    result = {
        "topCandidates": [
            {"candidates": [{"token": "é", "logProbability": -0.1}, {"token": "e", "logProbability": -2.5}]}
        ],
        "chosenCandidates": [{"token": "é", "logProbability": -0.1}, {"token": "t", "logProbability": -0.2}],
    }
    assert only_choice(chunk(text("ét"), finish="STOP", logprobsResult=result)).logprobs == {
        "content": [
            {
                "token": "é",
                "logprob": -0.1,
                "bytes": [195, 169],
                "top_logprobs": [
                    {"token": "é", "logprob": -0.1, "bytes": [195, 169]},
                    {"token": "e", "logprob": -2.5, "bytes": [101]},
                ],
            },
            {"token": "t", "logprob": -0.2, "bytes": [116], "top_logprobs": []},
        ]
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Bad gateway</html>",
        b'{"candidates": [{"content": {"parts": [{"text": "Hi',
        b"null",
        b"5",
        b"[]",
        b"{}",
        b'{"candidates": []}',
        b'{"candidates": 5}',
        b'{"candidates": [{"content": {"parts": [{"text": 5}]}, "finishReason": "STOP"}]}',
        b'{"candidates": [{"content": {"parts": [{"text": "Hi"}]}}]}',
        b'{"usageMetadata": {"promptTokenCount": 5}}',
        b'{"promptFeedback": {}}',
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"\xff\xfe{}",
    ],
)
def test_a_body_that_is_no_answer(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's own, or ours
        GeminiProvider().decode(body)
