"""What Gemini says goes back to it as it was, in whichever pieces it came; it is asked all that was asked."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dialects.answer_events import assemble
from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import (
    Audio,
    Conversation,
    Document,
    Finish,
    Image,
    Media,
    OutputFormat,
    Part,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.gemini.codec import GeminiProvider
from tests.dialects.chat.test_round_trip import CALL_IDS, NAMES, WORDS
from tests.dialects.gemini.google_types import GenerateContentRequest

GEMINI = GeminiProvider()
MODEL = "gemini-2.5-flash"
SIGNATURES = st.none() | st.from_regex(r"[A-Za-z0-9+/]{8}", fullmatch=True)
ARGUMENTS = st.dictionaries(NAMES, st.integers() | WORDS, max_size=2)

# What it says: parts as they stand on its own wire.


def signed(part: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(part, SIGNATURES).map(
        lambda both: both[0] if both[1] is None else {**both[0], "thoughtSignature": both[1]}
    )


TEXT = WORDS.map(lambda text: {"text": text})
THOUGHT = signed(WORDS.map(lambda text: {"text": text, "thought": True}))
CALL = signed(
    st.builds(
        lambda *members: {"functionCall": dict(zip(("id", "name", "args"), members, strict=True))},
        CALL_IDS,
        NAMES,
        ARGUMENTS,
    )
)
PICTURE = signed(st.just({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}))
CODE = signed(st.just({"executableCode": {"language": "PYTHON", "code": "1"}}))
CLOSING = st.from_regex(r"[A-Za-z0-9+/]{8}", fullmatch=True).map(
    lambda signature: {"text": "", "thoughtSignature": signature}
)


def apart(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without neighbours that are one part to the reader: texts, and thoughts without a signature between them."""
    kept: list[dict[str, Any]] = []
    for part in parts:
        alike = kept and "text" in part and "text" in kept[-1] and part.get("thought") == kept[-1].get("thought")
        if not alike:
            kept.append(part)
    return kept


SAID = st.builds(
    lambda thoughts, rest, closing: apart([*thoughts, *rest]) + closing,
    st.lists(THOUGHT, max_size=1),
    st.lists(st.one_of(signed(TEXT), CALL, PICTURE, CODE), min_size=1, max_size=4),
    st.lists(CLOSING, max_size=1),
)


def answer(parts: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "index": 0, **more}],
        "modelVersion": MODEL,
        "responseId": "r",
        "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8},
    }


def asked(*turns: Turn, **members: Any) -> dict[str, Any]:
    """The request, which Google's own types accept."""
    conversation = Conversation(model="m", turns=[Turn("user", [Text("hi")]), *turns], **members)
    body: dict[str, Any] = json.loads(finish_steps(GEMINI.encode(conversation, MODEL)))
    GenerateContentRequest.model_validate(body)
    return body


@settings(max_examples=60, deadline=None)
@given(SAID)
def test_what_it_said_goes_back_as_it_came(said: list[dict[str, Any]]) -> None:
    """Thoughts, texts, calls, media and its own tools at work, each with its signature where it was."""
    reply = GEMINI.decode(json.dumps(answer(said, finishReason="STOP")).encode())
    [choice] = reply.choices
    assert choice.finish is (Finish.TOOL_CALLS if any("functionCall" in part for part in said) else Finish.STOP)
    contents = asked(Turn("assistant", choice.parts), Turn("user", [Text("go on")]))["contents"]
    assert contents == [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": said},
        {"role": "user", "parts": [{"text": "go on"}]},
    ]


@settings(max_examples=60, deadline=None)
@given(SAID, st.lists(st.integers(0, 10**6), max_size=8), st.data())
def test_streamed_it_says_the_same(said: list[dict[str, Any]], cuts: list[int], data: st.DataObject) -> None:
    """However its parts are spread over chunks, its texts over parts, and the chunks over reads."""
    whole = GEMINI.decode(json.dumps(answer(said, finishReason="STOP")).encode())
    pieces = [piece for part in said for piece in split(part, data)]
    chunks = [answer([piece]) for piece in pieces[:-1]] + [answer(pieces[-1:], finishReason="STOP")]
    stream = b"".join(b"data: %b\r\n\r\n" % json.dumps(chunk).encode() for chunk in chunks)
    decoder = GEMINI.stream()
    places = [0, *sorted(cut % len(stream) for cut in cuts), len(stream)]
    events = [event for start, end in pairwise(places) for event in decoder.feed(stream[start:end])]
    assert assemble(events + decoder.end()) == whole


def split(part: dict[str, Any], data: st.DataObject) -> list[dict[str, Any]]:
    """A text in two pieces; the signature is a text's first piece's, and a thought's last one's."""
    text = part.get("text", "")
    place = data.draw(st.integers(0, len(text)))
    if not 0 < place < len(text):
        return [part]
    first, last = {**part, "text": text[:place]}, {**part, "text": text[place:]}
    (first if part.get("thought") else last).pop("thoughtSignature", None)
    return [first, last]


# What it is asked.

USERS = st.lists(
    st.builds(Text, WORDS)
    | st.sampled_from(
        [
            Image(Media(data="AAAA", media_type="image/png")),
            Image(Media(url="https://a.example/b.png")),
            Audio(Media(data="AAAA", media_type="audio/wav"), "wav"),
            Document(Media(data="AAAA", media_type="application/pdf")),
        ]
    ),
    min_size=1,
    max_size=3,
)
CALLS = st.lists(
    st.builds(ToolCall, CALL_IDS, NAMES, ARGUMENTS.map(json.dumps)), min_size=1, max_size=2, unique_by=lambda c: c.id
)


@settings(max_examples=60, deadline=None)
@given(
    USERS, CALLS, st.lists(WORDS, max_size=5), st.none() | st.floats(0, 2), st.none() | st.integers(1, 99), st.data()
)
def test_what_it_is_asked_is_all_that_was_asked(
    shown: list[Part],
    calls: list[ToolCall],
    stop: list[str],
    temperature: float | None,
    top_k: int | None,
    data: st.DataObject,
) -> None:
    results: list[Part] = [ToolResult(call.id, [data.draw(st.builds(Text, WORDS))]) for call in calls]
    tools = [Tool(name, None, {"type": "object"}) for name in dict.fromkeys(call.name for call in calls)]
    body = asked(
        Turn("user", shown),
        Turn("assistant", [*calls]),
        Turn("user", results),
        tools=tools,
        stop=stop,
        temperature=temperature,
        output_format=OutputFormat({"type": "object"}),
    )
    first, called, answered = body["contents"]
    assert [read(part) for part in first["parts"]] == [Text("hi"), *map(plain, shown)]
    assert [read(part) for part in called["parts"]] == calls
    assert [read(part) for part in answered["parts"]] == results
    assert body["tools"] == [
        {"functionDeclarations": [{"name": tool.name, "parametersJsonSchema": tool.parameters} for tool in tools]}
    ]
    settings_asked = {"stopSequences": stop or None, "temperature": temperature}
    assert body["generationConfig"] == {
        "responseMimeType": "application/json",
        "responseJsonSchema": {"type": "object"},
        **{name: value for name, value in settings_asked.items() if value is not None},
    }


def plain(part: Part) -> Part:
    """A part without what its wire form has no place for."""
    return Audio(part.media) if isinstance(part, Audio) else part


def read(part: dict[str, Any]) -> Part:
    """A part of a request as the pivot's, by the wire format's documentation alone."""
    match part:
        case {"text": text}:
            return Text(text)
        case {"functionCall": call}:
            return ToolCall(call["id"], call["name"], json.dumps(call["args"]))
        case {"functionResponse": response}:
            return ToolResult(response["id"], [Text(response["response"]["result"])])
    media = (
        Media(data=part["inlineData"]["data"], media_type=part["inlineData"]["mimeType"])
        if "inlineData" in part
        else Media(url=part["fileData"]["fileUri"])
    )
    kind = (media.media_type or "image/png").partition("/")[0]
    return Image(media) if kind == "image" else Audio(media) if kind == "audio" else Document(media)
