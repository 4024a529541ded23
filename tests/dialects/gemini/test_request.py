"""What a conversation becomes for Gemini: its turns."""

from __future__ import annotations

import pytest

from gateway.dialects.codec import finish_steps
from gateway.dialects.conversation import (
    Audio,
    Document,
    Image,
    Maker,
    Media,
    Native,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dialects.gemini.codec import GeminiProvider
from gateway.dialects.long_array import PIECES_AT_ONCE
from gateway.errors import InvalidRequest
from tests.dialects.gemini.google_types import MODEL, NEWER_MODEL, asked, model_said, sent, system, user

SIGNATURE = "c2lnbmVk"
OTHER_SIGNATURE = "b3RoZXI="


def call(id: str = "call_1", name: str = "weather", arguments: str = '{"city":"Paris"}') -> ToolCall:
    return ToolCall(id, name, arguments)


def signed(signature: str = SIGNATURE) -> Reasoning:
    return Reasoning(signature=signature, maker=Maker.GOOGLE)


def refused(*turns: Turn, model: str = MODEL) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        finish_steps(GeminiProvider().encode(asked(*turns), model))
    return caught.value


def test_what_the_system_says_is_gathered_and_turns_of_one_role_become_one_content() -> None:
    """Gemini wants its instruction apart; a later one is hoisted to the earlier."""
    body = sent(
        asked(system("Be brief."), user("Hi"), user("there"), model_said("Hello."), system("Be kind."), user("Bye"))
    )
    assert body == {
        "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}, {"text": "there"}]},
            {"role": "model", "parts": [{"text": "Hello."}]},
            {"role": "user", "parts": [{"text": "Bye"}]},
        ],
    }


def test_texts_without_words_are_left_out() -> None:
    body = sent(asked(user("Hi", ""), model_said(""), user("Still there?")))
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hi"}, {"text": "Still there?"}]}]


def test_a_refusal_was_said_in_words() -> None:
    assert sent(asked(user("Hi"), model_said(Refusal("No.")), user("Why?")))["contents"][1] == {
        "role": "model",
        "parts": [{"text": "No."}],
    }


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            Image(Media(data="aGk=", media_type="image/png")),
            [{"inlineData": {"mimeType": "image/png", "data": "aGk="}}],
        ),
        (
            Image(Media(url="https://example.com/cat.webp?size=2")),
            [{"fileData": {"mimeType": "image/webp", "fileUri": "https://example.com/cat.webp?size=2"}}],
        ),
        (Image(Media(url="https://example.com/cat")), [{"fileData": {"fileUri": "https://example.com/cat"}}]),
        (
            Image(Media(url="gs://bucket/cat", media_type="image/png")),
            [{"fileData": {"mimeType": "image/png", "fileUri": "gs://bucket/cat"}}],
        ),
        (
            Audio(Media(data="aGk=", media_type="audio/mpeg"), "mp3"),
            [{"inlineData": {"mimeType": "audio/mpeg", "data": "aGk="}}],
        ),
        (Audio(Media(data="aGk="), "flac"), [{"inlineData": {"mimeType": "audio/flac", "data": "aGk="}}]),
        (
            Document(Media(data="aGk=", media_type="application/pdf")),
            [{"inlineData": {"mimeType": "application/pdf", "data": "aGk="}}],
        ),
        (
            Document(Media(data="aGk="), name="plan.pdf"),
            [{"text": "plan.pdf"}, {"inlineData": {"mimeType": "application/pdf", "data": "aGk="}}],
        ),
        (
            Document(text="Once upon a time.", name="Tale", context="Found in a drawer."),
            [{"text": "Tale\nFound in a drawer."}, {"text": "Once upon a time."}],
        ),
        (
            Document(Media(file_id="https://generativelanguage.googleapis.com/v1beta/files/abc")),
            [{"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/abc"}}],
        ),
    ],
)
def test_images_sounds_and_files(part: Image | Audio | Document, expected: list[object]) -> None:
    assert sent(asked(user(part)))["contents"] == [{"role": "user", "parts": expected}]


@pytest.mark.parametrize(
    "part",
    [
        Image(Media(url="http://example.com/cat.png")),
        Image(Media(url="ftp://example.com/cat.png")),
        Image(Media(file_id="file-abc")),
        Image(Media(data="aGk=")),
        Document(Media(data="aGk=")),
        Document(Media(file_id="file-abc")),
        Document(text="Cite me.", citations=True),
        Native("anthropic_messages", {"type": "server_tool_use"}),
        ToolCall("call_1", "weather", "{}"),
        ToolResult("call_nobody_made", [Text("?")]),
    ],
)
def test_what_gemini_does_not_take_is_refused_by_name(part: Image | Document | Native | ToolCall | ToolResult) -> None:
    refusal = refused(user("Look:", part, field="messages[3]"))
    place = "" if isinstance(part, ToolResult) else ".content[1]"  # a result may be a message of its own
    assert (refusal.status, refusal.param) == (400, f"messages[3]{place}")
    assert "Gemini" in refusal.message


def test_a_conversation_in_which_the_user_says_nothing_is_refused() -> None:
    assert refused(system("Be brief.", field="messages[0]")).param == "messages[0]"


def test_what_the_system_shows_in_place_of_saying_it_is_refused() -> None:
    picture = Image(Media(data="aGk=", media_type="image/png"))
    assert refused(system(picture, field="messages[0]"), user("Hi")).param == "messages[0]"


def test_calls_and_their_results_find_each_other() -> None:
    """The function's name comes from the call; results go first, whatever stands around them."""
    body = sent(
        asked(
            user("Paris and Rome?"),
            model_said(call(), call("call_2", "time", "")),
            user("Here:", ToolResult("call_1", [Text('{"degrees": 21}')]), ToolResult("call_2", [Text("noon")])),
        )
    )
    assert body["contents"][1:] == [
        {
            "role": "model",
            "parts": [
                {"functionCall": {"id": "call_1", "name": "weather", "args": {"city": "Paris"}}},
                {"functionCall": {"id": "call_2", "name": "time", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "call_1", "name": "weather", "response": {"degrees": 21}}},
                {"functionResponse": {"id": "call_2", "name": "time", "response": {"result": "noon"}}},
                {"text": "Here:"},
            ],
        },
    ]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (ToolResult("call_1", [Text("a"), Text("b")]), {"result": "a\nb"}),
        (ToolResult("call_1", []), {"result": ""}),
        (ToolResult("call_1", [Text("[1, 2]")]), {"result": "[1, 2]"}),
        (ToolResult("call_1", [Text("{not json")]), {"result": "{not json"}),
        (ToolResult("call_1", [Text("no such city")], is_error=True), {"error": "no such city"}),
        (
            ToolResult("call_1", [Document(text="A page.", name="Tale", context="Found.")]),
            {"result": "Tale\nFound.\nA page."},
        ),
    ],
)
def test_a_result_is_an_object(result: ToolResult, expected: dict[str, str]) -> None:
    body = sent(asked(user("?"), model_said(call()), user(result)))
    response = {"id": "call_1", "name": "weather", "response": expected}
    assert body["contents"][2]["parts"] == [{"functionResponse": response}]


def test_a_picture_in_a_result_stands_within_it_for_models_that_take_it_there_and_beside_it_for_others() -> None:
    result = ToolResult("call_1", [Text("A map."), Image(Media(data="aGk=", media_type="image/png"))])
    turns = [user("?"), model_said(call()), user(result, "Well?")]
    picture = {"inlineData": {"mimeType": "image/png", "data": "aGk="}}
    response = {"id": "call_1", "name": "weather", "response": {"result": "A map."}}
    assert sent(asked(*turns), NEWER_MODEL)["contents"][2]["parts"] == [
        {"functionResponse": response | {"parts": [picture]}},
        {"text": "Well?"},
    ]
    assert sent(asked(*turns), MODEL)["contents"][2]["parts"] == [
        {"functionResponse": response},
        picture,
        {"text": "Well?"},
    ]


@pytest.mark.parametrize("arguments", ["[1]", "{", '"Paris"', "null"])
def test_arguments_that_are_no_object_are_refused(arguments: str) -> None:
    refusal = refused(user("?"), model_said(call(arguments=arguments), field="messages[1]"))
    assert refusal.param == "messages[1]"


def test_arguments_keep_every_digit() -> None:
    """They pass through as JSON, so that no number is rounded on the way."""
    exact = b'{"n":12345678901234567890123,"x":1.10}'
    request = asked(user("?"), model_said(call(arguments=exact.decode())))
    assert exact in finish_steps(GeminiProvider().encode(request, MODEL))


def test_signatures_go_back_onto_what_they_signed() -> None:
    """The part after it; an empty text where the turn ends with it, as Gemini sent it."""
    body = sent(
        asked(
            user("?"),
            model_said(signed(), call(), call("call_2"), signed(OTHER_SIGNATURE)),
            user(ToolResult("call_1", [Text("a")]), ToolResult("call_2", [Text("b")])),
            model_said(
                Reasoning("Let me see.", maker=Maker.GOOGLE), signed(), "Sunny.", signed(OTHER_SIGNATURE), signed()
            ),
            user("Thanks"),
        ),
        NEWER_MODEL,
    )
    assert [("functionCall" in part, part.get("thoughtSignature")) for part in body["contents"][1]["parts"]] == [
        (True, SIGNATURE),
        (True, None),
        (False, OTHER_SIGNATURE),
    ]
    assert body["contents"][3]["parts"] == [
        {"text": "Let me see.", "thought": True},
        {"text": "Sunny.", "thoughtSignature": SIGNATURE},
        {"text": "", "thoughtSignature": OTHER_SIGNATURE},
        {"text": "", "thoughtSignature": SIGNATURE},
    ]


def test_a_signed_thought_keeps_its_signature() -> None:
    thought = Reasoning("Hm.", SIGNATURE, Maker.GOOGLE)
    assert sent(asked(user("?"), model_said(thought, "Yes.")))["contents"][1]["parts"] == [
        {"text": "Hm.", "thought": True, "thoughtSignature": SIGNATURE},
        {"text": "Yes."},
    ]


def test_what_others_thought_is_left_out() -> None:
    foreign = [
        Reasoning("Hm.", "abc", Maker.ANTHROPIC),
        Reasoning("", "abc", Maker.OPENAI),
        Reasoning("Hm.", None, Maker.DEEPSEEK),
        Reasoning("", "abc", Maker.ANTHROPIC, redacted=True),
    ]
    assert sent(asked(user("?"), model_said(*foreign, "Yes.")))["contents"][1]["parts"] == [{"text": "Yes."}]


def test_calls_without_a_signature_are_marked_for_models_that_ask_for_one() -> None:
    """The first of those made at once is enough; a model that does not ask is not told."""
    turns = [user("?"), model_said("I look.", call(), call("call_2"))]
    assert [part.get("thoughtSignature") for part in sent(asked(*turns), NEWER_MODEL)["contents"][1]["parts"]] == [
        None,
        "skip_thought_signature_validator",
        None,
    ]
    assert not any("thoughtSignature" in part for part in sent(asked(*turns), MODEL)["contents"][1]["parts"])


def test_what_geminis_own_tools_did_goes_back_as_it_was() -> None:
    code = {"executableCode": {"language": "PYTHON", "code": "1+1"}, "thoughtSignature": SIGNATURE}
    assert sent(asked(user("?"), model_said(Native("gemini", code), "2")))["contents"][1]["parts"] == [
        code,
        {"text": "2"},
    ]


@pytest.mark.parametrize(
    ("model", "stream", "path"),
    [
        ("gemini-2.5-flash", False, b"/models/gemini-2.5-flash:generateContent"),
        ("gemini-2.5-flash", True, b"/models/gemini-2.5-flash:streamGenerateContent?alt=sse"),
        ("models/gemini-2.5-flash", False, b"/models/gemini-2.5-flash:generateContent"),
        ("a/b?c d#\u00e9", False, b"/models/a%2Fb%3Fc%20d%23%C3%A9:generateContent"),
    ],
)
def test_the_model_stands_in_the_path(model: str, stream: bool, path: bytes) -> None:
    assert GeminiProvider().path(model, stream=stream) == path


def test_a_long_conversation_is_encoded_in_steps() -> None:
    steps = GeminiProvider().encode(asked(*[user("Hi") for _ in range(200)]), MODEL)
    assert list(steps) == [PIECES_AT_ONCE] * (200 // PIECES_AT_ONCE)
