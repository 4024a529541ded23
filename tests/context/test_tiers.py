"""How full a context window is: an estimate of the prompt, four tiers, and what clients and providers are told."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.context.tiers import TIER, Reading, gauge_of, read, tier_of
from gateway.dialects import openai_chat, part_weights, prompt_parts, prompt_weight, usual_parts
from gateway.dialects.codec import finish_steps
from gateway.dialects.messages import request_notes
from gateway.dialects.prompt_weight import MEDIA_TOKENS, PromptWeight, weigh
from gateway.dialects.responses import request_notes as responses_notes
from gateway.errors import InvalidRequest
from gateway.face.chat import ChatCompletions
from gateway.face.messages import Messages
from gateway.face.response_calls import ResponsesDialect

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=300)
PLAIN = st.text(st.characters(min_codepoint=0x23, max_codepoint=0x5B), max_size=3000)
MEGABYTES = "A" * 2_000_000
PICTURE = {"type": "base64", "media_type": "image/png", "data": "A"}
IMAGE = {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}}


def weighed(dialect: Any, document: dict[str, Any], *, ascii_only: bool = False) -> PromptWeight:
    weight: PromptWeight = dialect.read(json.dumps(document, ensure_ascii=ascii_only).encode()).weight
    return weight


def chat(*contents: Any, **members: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content} for content in contents], **members}


def test_a_tier_begins_exactly_at_its_quarter_of_the_window() -> None:
    assert [tier_of(tokens, 1000) for tokens in (0, 249, 250, 499, 500, 749, 750, 1000, 10**9)] == [
        *(1, 1, 2, 2, 3, 3, 4, 4, 4)
    ]
    assert [tier_of(tokens, 10) for tokens in (2, 3, 4, 5, 7, 8)] == [1, 2, 2, 3, 3, 4]
    for tokens in (0, 249, 250, 499, 500, 749, 750, 999, 1000, 10**9):
        assert dict(Reading(tokens, 1000).headers())[TIER] == b"%d" % tier_of(tokens, 1000)


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("gpt-4o", 380),
        ("o3-mini", 380),
        ("claude-sonnet-4-5", 400),
        ("deepseek-chat", 475),
        ("qwen/qwen3-32b", 435),
        ("meta-llama/Llama-4-Maverick", 435),
        ("codellama/CodeLlama-34b", 400),
        ("something-new", 380),
    ],
)
def test_a_models_family_says_how_many_characters_make_a_token(model: str, tokens: int) -> None:
    assert read(gauge_of(model, 8000), PromptWeight(0, 1520, 0)).tokens == tokens


def test_each_image_weighs_the_same_and_part_of_a_token_is_a_token() -> None:
    assert read(gauge_of("gpt-4o", 8000), PromptWeight(0, 5, 2)).tokens == 2 + 2 * MEDIA_TOKENS


def test_what_is_told_says_tier_count_limit_and_headroom() -> None:
    assert Reading(250, 1000).headers() == [
        (b"x-cms-routed", b"false"),
        (b"x-cms-tier", b"2"),
        (b"x-token-count", b"250"),
        (b"x-token-limit", b"1000"),
        (b"x-headroom-pct", b"75.0"),
    ]
    assert dict(Reading(1200, 1000, routed=True).headers())[b"x-headroom-pct"] == b"0.0"


WORDS = st.text(st.sampled_from('ab 1"\\/\n\tu\x00{},[:]Äß日本😀'), max_size=40) | TEXTS
"""With all that JSON writes in other ways than it is."""


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS, st.integers(1, 200), st.booleans())
def test_texts_are_counted_by_their_characters_however_they_are_written(
    first: str, second: str, times: int, ascii_only: bool
) -> None:
    first *= times
    count = len(first) + len(second)
    assert weighed(ChatCompletions(), chat(first, second), ascii_only=ascii_only).characters == count
    parts = [{"type": "text", "text": first}, {"type": "text", "text": second, "cache_control": {"type": "ephemeral"}}]
    assert weighed(ChatCompletions(), chat(parts, None), ascii_only=ascii_only).characters == count
    said = {"input": [{"role": "user", "content": [{"type": "input_text", "text": first}]}, {"content": second}]}
    assert weighed(ResponsesDialect(), {"model": "m", **said}, ascii_only=ascii_only).characters == count


@settings(max_examples=40, deadline=None)
@given(PLAIN, st.integers(1, 40))
def test_plain_texts_of_any_length_are_counted_exactly_in_all_three_dialects(text: str, times: int) -> None:
    said = text * times
    assert weighed(ChatCompletions(), chat(said)).characters == len(said)
    assert weighed(Messages(), {**chat(said), "max_tokens": 1, "system": "be"}).characters == len(said) + 2
    assert weighed(ResponsesDialect(), {"model": "m", "input": said, "instructions": "be"}).characters == len(said) + 2
    assert weighed(ResponsesDialect(), {"model": "m", "input": [{"role": "user", "content": said}]}).characters == len(
        said
    )


def in_chat(texts: list[str], image: Any) -> tuple[Any, dict[str, Any]]:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": texts[1]}}
    called = {"role": "assistant", "content": None, "reasoning_content": texts[2], "tool_calls": [call]}
    document = chat(texts[0], [{"type": "text", "text": texts[3]}, image], tools=[{"description": texts[4]}])
    document["messages"] += [called, {"role": "tool", "tool_call_id": "1", "content": texts[5]}]
    return ChatCompletions(), document


def in_messages(texts: list[str], image: Any) -> tuple[Any, dict[str, Any]]:
    source = {"type": "text", "media_type": "text/plain", "data": texts[1]}
    use = {"type": "tool_use", "id": "1", "name": "look", "input": {"at": texts[2]}}
    result = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": texts[3]}]}
    shown = {"type": "image", "source": {"type": "base64", "data": image["image_url"]["url"]}}
    document = chat(texts[0], [{"type": "document", "source": source}, use, shown], [result], max_tokens=1)
    return Messages(), {**document, "system": [{"type": "text", "text": texts[4]}], "tools": [{"name": texts[5]}]}


def in_responses(texts: list[str], image: Any) -> tuple[Any, dict[str, Any]]:
    items = [
        {
            "role": "user",
            "content": [{"type": "input_text", "text": texts[0]}, {"image_url": image["image_url"]["url"]}],
        },
        {"type": "function_call", "call_id": "1", "name": "look", "arguments": texts[1]},
        {"type": "function_call_output", "call_id": "1", "output": texts[2]},
        {"type": "custom_tool_call", "call_id": "2", "name": "do", "input": texts[3]},
    ]
    return ResponsesDialect(), {"model": "m", "input": items, "instructions": texts[4], "tools": [{"name": texts[5]}]}


@pytest.mark.parametrize("asking", [in_chat, in_messages, in_responses])
@settings(max_examples=40, deadline=None)
@given(st.lists(WORDS, min_size=6, max_size=6), st.integers(0, 5), WORDS.filter(bool), st.data())
def test_more_text_never_weighs_less_wherever_it_is_put(
    asking: Any, texts: list[str], which: int, more: str, data: st.DataObject
) -> None:
    """Appended or put amid a text of any kind; where not all is known or looked at, too."""
    at = data.draw(st.integers(0, len(texts[which])))
    longer = [*texts[:which], texts[which][:at] + more + texts[which][at:], *texts[which + 1 :]]
    most, image = data.draw(st.sampled_from([0, 3, 8192])), data.draw(st.sampled_from([IMAGE, IMAGE | {"note": "new"}]))
    with pytest.MonkeyPatch.context() as patch:
        for module in (openai_chat, request_notes, prompt_weight, responses_notes):
            patch.setattr(module, "MOST_PIECES", most)
        before, after = (weighed(*asking(each, image), ascii_only=True) for each in (texts, longer))
    for gauge in (gauge_of("gpt-4o", 1000), gauge_of("deepseek-chat", 1000)):
        assert read(gauge, after).tokens >= read(gauge, before).tokens
    assert after.characters > before.characters


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3), st.sampled_from([1000, 128_000, 400_000]), st.sampled_from(["a", "\n", "日", "\\", "😀"]))
def test_a_tier_begins_with_the_very_character_that_reaches_its_border(quarter: int, window: int, letter: str) -> None:
    """The first megabyte is read as exactly as the first character."""
    border = 4 * quarter * window // 4
    gauge = gauge_of("gpt-4o", window)
    below, above = (
        read(gauge, weighed(ChatCompletions(), chat(letter * count))).tier for count in (border - 4, border - 3)
    )
    assert (below, above) == (quarter, quarter + 1)


def test_tools_their_calls_and_results_are_part_of_the_prompt() -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    bare = weighed(ChatCompletions(), chat("look")).characters
    with_tool = weighed(ChatCompletions(), chat("look", tools=[tool])).characters
    assert with_tool >= bare + 50
    called = chat("look", tools=[tool])
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": "x" * 100}}
    called["messages"].append({"role": "assistant", "content": None, "tool_calls": [call]})
    assert weighed(ChatCompletions(), called).characters >= with_tool + 100
    called["messages"].append({"role": "tool", "tool_call_id": "1", "content": "y" * 100})
    assert weighed(ChatCompletions(), called).characters >= with_tool + 200


def test_what_a_tool_returns_as_one_object_may_be_a_picture_or_a_document() -> None:
    """A screenshot, a page that was fetched; what is neither counts as it is written."""
    shot = {"type": "computer_screenshot", "image_url": "data:image/png;base64," + "A" * 40_000}
    taken = [{"type": "computer_call_output", "call_id": "1", "output": shot}]
    weight = weighed(ResponsesDialect(), {"model": "m", "input": taken})
    assert (weight.media, weight.characters < 100) == (1, True)
    source = {"type": "base64", "media_type": "application/pdf", "data": "A" * 40_000}
    page = {"type": "web_fetch_result", "content": {"type": "document", "source": source}}
    fetched = chat([{"type": "web_fetch_tool_result", "tool_use_id": "t", "content": page}], max_tokens=1)
    weight = weighed(Messages(), fetched)
    assert (weight.media, weight.characters < 400) == (1, True)
    ran = chat([{"type": "code_execution_tool_result", "content": {"stdout": "x" * 4000}}], max_tokens=1)
    assert weighed(Messages(), ran).characters > 4000
    assert "x" * 4000 in finish_steps(Messages().text_of(json.dumps(ran).encode()))


def test_images_count_as_pieces_by_address_and_by_their_bytes() -> None:
    inline = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}}
    text = {"type": "text", "text": "what is this?"}
    by_address = weighed(ChatCompletions(), chat([text, IMAGE]))
    by_bytes = weighed(ChatCompletions(), chat([text, inline]))
    assert (by_address.media, by_bytes.media) == (1, 1)
    assert by_bytes.characters < 150
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 40_000}
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "image", "source": source}]}
    assert weighed(Messages(), {**chat([result]), "max_tokens": 1}).media == 1
    shown = [{"role": "user", "content": [{"type": "input_image", "image_url": "https://pictures.example/a.png"}]}]
    assert weighed(ResponsesDialect(), {"model": "m", "input": shown}).media == 1


def test_what_nobody_knows_makes_a_request_weigh_its_bytes_less_its_media() -> None:
    """A part of no kind, one with a member too many, contents of no form: whatever else they hold."""
    inline = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 40_000}}
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 40_000}
    returned = {"type": "tool_result", "content": [{"type": "image", "source": source}, {**text("é"), "note": 1}]}
    page = {"type": "document", "source": {"type": "content", "content": [{"type": "image", "source": source}]}}
    sound = {"type": "audio", "input_audio": source["data"], "text": "\n"}
    odds: list[tuple[Any, int, int]] = [
        ({**text("é"), "note": "new"}, 0, 0),
        ({"type": "smell", "smell": ["é"]}, 0, 0),
        (["a", 1, None, ["b"]], 0, 0),
        ({**inline, "note": "new"}, 40_024, 1),
        (IMAGE | {"note": "new"}, 0, 1),
        (sound, 40_002, 1),
        ({"type": "file", "file_id": "f" * 3000, "note": "new"}, 0, 1),
        (returned, 40_002, 1),
        (page | {"note": 1}, 40_002, 1),
    ]
    for odd, large, pieces in odds:
        document = chat("a", [text("b"), odd], max_tokens=1)
        for dialect in (ChatCompletions(), Messages()):
            size = len(json.dumps(document, ensure_ascii=False).encode())
            weight = weighed(dialect, document)
            assert (weight.characters, weight.media) == (size - large, pieces), odd
            assert weight.reserved == (size - large) // 4 + (MEDIA_TOKENS if large else 0)


def test_more_messages_and_parts_than_are_looked_at_weigh_what_they_are_written_with() -> None:
    """However they are divided; what is read is counted exactly up to there."""
    most = prompt_parts.MOST_PIECES
    cases: list[tuple[list[Any], int | None]] = [
        (["a"] * most, most),
        (["a"] * (most + 1), None),
        ([[text("a")]] * (most // 2), most // 2),
        ([[text("a")]] * (most // 2 + 1), None),
        ([[text("a")] * (most - 1)], most - 1),
        ([[text("a")] * most], None),
        ([[text("a")] * most, IMAGE], None),
        ([[{"type": "tool_result", "content": [text("a")] * most}]], None),
        ([[text("a"), IMAGE]] * (most // 3), most // 3),
        ([[text("a"), IMAGE]] * (most // 3 + 1), None),
        ([[{"type": "image", "source": PICTURE}] * (most // 2 - 1)], 0),
        ([[{"type": "image", "source": PICTURE}] * (most // 2)], None),
    ]
    for contents, exact in cases:
        document = chat(*contents)
        size = len(json.dumps(document))
        weight = weighed(ChatCompletions(), document)
        assert weight.characters == (size if exact is None else exact)
        assert weight.media == (0 if exact is None else json.dumps(document).count('"type": "image'))


def test_beyond_as_many_as_are_looked_at_no_media_are_found_where_something_is_unknown() -> None:
    image = {"type": "image", "source": PICTURE, "note": "new"}
    for contents, found in ((2, 1), (prompt_parts.MOST_PIECES - 1, 1), (prompt_parts.MOST_PIECES, 0)):
        assert weighed(ChatCompletions(), chat(*["a"] * (contents - 1), [image])).media == found, contents


@pytest.mark.parametrize(
    ("dialect", "part"),
    [
        ("chat", {"type": "image_url", "image_url": {"url": MEGABYTES}}),
        ("chat", {"type": "input_audio", "input_audio": {"data": MEGABYTES, "format": "wav"}}),
        ("chat", {"type": "file", "file": {"file_data": MEGABYTES}}),
        ("messages", {"type": "image", "source": {**PICTURE, "data": MEGABYTES}}),
        ("responses", {"type": "input_image", "image_url": MEGABYTES}),
        ("responses", {"type": "input_file", "file_data": MEGABYTES}),
    ],
)
def test_the_bytes_of_media_are_not_copied_to_weigh_them(dialect: str, part: dict[str, Any]) -> None:
    asked, document = asked_with(dialect, part, text("a"))
    body = json.dumps(document).encode()
    tracemalloc.start()
    try:
        weight = asked.read(body).weight
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert weight.media == 1
    assert weight.reserved == (len(body) - len(MEGABYTES) - 2) // 4 + MEDIA_TOKENS
    assert peak < 64 * 1024


@pytest.mark.parametrize("note", ["", '"note": 1, '])
@pytest.mark.parametrize(
    "around",
    [
        '[{%s"type": "tool_result", "tool_use_id": "t", "content": %s}]',
        '[{%s"type": "document", "source": {"type": "content", "content": %s}}]',
    ],
)
def test_contents_within_contents_are_weighed_however_deep_they_lie_or_refused(around: str, note: str) -> None:
    outcomes = []
    for depth in range(1, 600, 7):
        said = '[{"type": "text", "text": "abc"}]'
        for _ in range(depth):
            said = around % (note, said)
        body = b'{"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": %b}]}' % said.encode()
        try:
            weight = Messages().read(body).weight
        except InvalidRequest as refusal:
            outcomes.append(refusal.message)
            continue
        assert weight is not None
        outcomes.append("as written" if weight.characters == len(body) else f"{weight.characters}")
    exactly, *others = dict.fromkeys(outcomes)
    assert exactly == ("as written" if note else "3")
    assert others[:-1] == ([] if note else ["as written"])
    assert "too deeply" in others[-1]


def test_schemas_and_the_functions_of_old_are_part_of_the_prompt() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string", "description": "x" * 500}}}
    bare = [
        weighed(ChatCompletions(), chat("look")).characters,
        weighed(Messages(), chat("look", max_tokens=1)).characters,
        weighed(ResponsesDialect(), {"model": "m", "input": "look"}).characters,
    ]
    assert bare == [4, 4, 4]
    called = chat("look", functions=[{"name": "look", "parameters": schema}])
    called["messages"].append({"role": "assistant", "content": None, "function_call": {"arguments": "x" * 500}})
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    formats = [
        weighed(ChatCompletions(), chat("look", response_format=form)),
        weighed(
            Messages(), chat("look", max_tokens=1, output_config={"format": {"type": "json_schema", "schema": schema}})
        ),
        weighed(Messages(), chat("look", max_tokens=1, output_format={"type": "json_schema", "schema": schema})),
        weighed(ResponsesDialect(), {"model": "m", "input": "look", "text": {"format": {**form, "schema": schema}}}),
    ]
    assert weighed(ChatCompletions(), called).characters >= 1100
    assert min(weight.characters for weight in formats) >= 600
    tool = {"name": "look", "input_schema": schema}
    assert weighed(Messages(), chat("look", max_tokens=1, tools=[tool])).characters == 4 + len(json.dumps(tool))
    assert weighed(ResponsesDialect(), {"model": "m", "input": "look", "tools": [tool]}).characters == 4 + len(
        json.dumps([tool])
    )


def test_the_text_for_the_service_that_counts_is_what_is_weighed() -> None:
    """A tool's result, a plain document with its title, and what was thought or refused are in both."""
    _, document = in_messages(["one", "two", "three", "four", "five", "six"], IMAGE)
    text = finish_steps(Messages().text_of(json.dumps(document).encode()))
    assert [word for word in ("one", "two", "three", "four", "five", "six") if word not in text] == []
    more = [{"thinking": "one"}, {"refusal": "two"}, {**PLAIN_PAGE, "title": "three", "context": "four"}]
    text = finish_steps(Messages().text_of(json.dumps(chat(more, max_tokens=1)).encode()))
    assert text.split("\n") == ["one", "two", "three", "four", LONG]


def test_usual_parts_weigh_what_they_say_and_what_tools_are_given() -> None:
    """Texts by their characters, what a tool is given as it is written; what frames them weighs nothing."""
    call = {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "it"}}
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 4000}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "image", "source": source}, text("é\n")]}
    plain = {"type": "tool_result", "tool_use_id": "t1", "content": "seen", "is_error": False}
    document = {**chat("q", [call], [result], [plain, text("ab")]), "max_tokens": 1}
    for ascii_only in (False, True):
        weight = weighed(Messages(), document, ascii_only=ascii_only)
        written = len("q") + len("look") + len('{"at": "it"}') + len("é\n") + len("seen") + len("ab")
        assert (weight.characters, weight.media) == (written, 1)
        assert weight.reserved == pytest.approx((len(json.dumps(document)) - 4002) // 4 + MEDIA_TOKENS, abs=10)


def test_every_kind_of_part_has_a_rule_by_which_it_weighs() -> None:
    assert [kind for kind in get_args(usual_parts.Part) if kind not in part_weights.RULES] == []


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


LONG = "x" * 4000
PLAIN_PAGE = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": LONG}}
UNUSUAL: dict[str, list[dict[str, Any]]] = {
    "chat": [
        {**text("a"), "note": LONG},
        {**text("a"), "cache_control": {"type": LONG}},
        {"type": LONG, "text": "a"},
        {"type": "image_url", "image_url": {"url": "https://it.example", "detail": LONG}},
        {"type": "image_url", "image_url": {"url": "https://it.example", "note": LONG}},
        {"type": "input_audio", "input_audio": {"data": "A", "format": LONG}},
        {"type": "file", "file": {"file_data": "A", "filename": LONG}},
        {"type": "refusal", "refusal": LONG},
    ],
    "messages": [
        {"type": "image", "source": {**PICTURE, "media_type": LONG}},
        {"type": "image", "source": {**PICTURE, "note": LONG}},
        {"type": "image", "source": {"type": "file", "file_id": LONG}},
        {"type": "document", "source": PICTURE, "title": LONG},
        {"type": "document", "source": PICTURE, "context": LONG},
        PLAIN_PAGE,
        {"type": "document", "source": {"type": "content", "content": [text(LONG)]}},
        {**text("a"), "citations": [{"cited_text": LONG}]},
        {"type": "tool_use", "id": LONG, "name": "look", "input": {}},
        {"type": "tool_use", "id": "t", "name": "look", "input": {"at": LONG}},
        {"type": "tool_result", "tool_use_id": LONG, "content": "a"},
        {"type": "tool_result", "tool_use_id": "t", "content": [{**text("a"), "note": LONG}]},
        {"type": "thinking", "thinking": LONG, "signature": "s"},
        {"type": "redacted_thinking", "data": LONG},
        {"type": "search_result", "source": "a", "title": "b", "content": [text(LONG)]},
        {"type": "server_tool_use", "id": "t", "name": "web_search", "input": {"query": LONG}},
        {"type": "web_search_tool_result", "tool_use_id": "t", "content": [{"encrypted_content": LONG}]},
        {"type": "web_fetch_tool_result", "content": {"type": "web_fetch_result", "url": "a", "content": PLAIN_PAGE}},
        {"type": "mcp_tool_result", "tool_use_id": "t", "content": LONG},
    ],
    "responses": [
        {"type": "input_text", "text": "a", "note": LONG},
        {"type": "input_image", "image_url": "https://it.example", "detail": LONG},
        {"type": "input_image", "file_id": LONG},
        {"type": "input_file", "file_data": "A", "filename": LONG},
        {"type": "output_text", "text": "a", "annotations": [{"title": LONG}]},
        {"type": "summary_text", "text": LONG},
    ],
}


def asked_with(dialect: str, *parts: Any) -> tuple[Any, dict[str, Any]]:
    match dialect:
        case "chat":
            return ChatCompletions(), chat([*parts])
        case "messages":
            return Messages(), chat([*parts], max_tokens=1)
        case _:
            return ResponsesDialect(), {"model": "m", "input": [{"role": "user", "content": [*parts]}]}


@pytest.mark.parametrize(("dialect", "part"), [(name, part) for name, parts in UNUSUAL.items() for part in parts])
def test_a_long_text_counts_wherever_in_a_part_it_stands(dialect: str, part: dict[str, Any]) -> None:
    """Media have a weight of their own; ids and names frame what is said, as long as they are no longer than that."""
    bare = weighed(*asked_with(dialect)).characters
    assert weighed(*asked_with(dialect, part)).characters >= bare + len(LONG)
    short = json.loads(json.dumps(part).replace(LONG, "s"))
    assert weighed(*asked_with(dialect, short)).characters < bare + 200


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_not_read_weighs_what_it_is_written_with_and_never_less_than_what_is(data: st.DataObject) -> None:
    usual = st.builds(text, WORDS) | st.sampled_from([part for parts in UNUSUAL.values() for part in parts])
    contents = data.draw(st.lists(WORDS | st.none() | st.lists(usual, max_size=4), min_size=1, max_size=8))
    document = {**chat(*contents), "max_tokens": 1, "system": data.draw(WORDS)}
    body = json.dumps(document, ensure_ascii=data.draw(st.booleans())).encode()
    for decode in (openai_chat, request_notes):
        unread = weigh(decode.decode_unread(body), body)
        assert unread.characters == len(body) >= weigh(decode.decode_request(body), body).characters
