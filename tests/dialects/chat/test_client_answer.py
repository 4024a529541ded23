"""Answers for a chat client, whole and streamed: the same words, in the shapes that OpenAI specifies."""

from __future__ import annotations

from typing import Any

import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from gateway.dialects.answer_events import Added, Closed, Counted, Ended, Opened, Signed, Started, told
from gateway.dialects.chat.client import ChatClient
from gateway.dialects.conversation import (
    Choice,
    Citation,
    Conversation,
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
from tests.dialects.chat.wire import FRAME, conversation, written_answer, written_stream
from tests.shared_material import openai_schema

USAGE = Usage(prompt=10, completion=5, cached=3, reasoning=2, written=1)
SCORES = {"content": [{"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": []}]}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}, "index": 0}


def reply_of(*parts: Part, finish: Finish = Finish.STOP) -> Reply:
    return Reply(model="real", choices=[Choice(list(parts), finish)])


def message_of(reply: Reply, request: Conversation | None = None) -> dict[str, Any]:
    """The whole message, which is also what the official client makes of the same answer as a stream."""
    answer = written_answer(reply, request)
    openai_schema("CreateChatCompletionResponse").validate(answer)
    message: dict[str, Any] = answer["choices"][0]["message"]
    assert gathered(reply, request) == {name: value for name, value in message.items() if value is not None}
    return message


def gathered(reply: Reply, request: Conversation | None) -> dict[str, Any]:
    state = ChatCompletionStreamState()
    for chunk in written_stream(told(reply), request):
        openai_schema("CreateChatCompletionStreamResponse").validate(chunk)
        state.handle_chunk(ChatCompletionChunk.model_validate(chunk))
    message: dict[str, Any] = state.current_completion_snapshot.choices[0].message.model_dump(exclude_none=True)
    for call in message.get("tool_calls", []):
        call.pop("index")
    return message


def test_a_whole_answer_literally() -> None:
    reply = reply_of(Text("Sal"), Text("ve"))
    reply.usage, reply.service_tier = USAGE, "standard"
    assert written_answer(reply) == {
        "id": "chatcmpl-abc",
        "object": "chat.completion",
        "created": 7,
        "model": "real",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Salve", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 1, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0},
        },
        "service_tier": "default",
    }


def test_a_stream_literally() -> None:
    """Who speaks, the words, the end, then the usage that was asked for."""
    encoder = ChatClient().stream(conversation(stream=True, stream_usage=True), FRAME)
    head = b'data: {"id":"chatcmpl-abc","object":"chat.completion.chunk","created":7,"model":"real",'
    tail = b'}],"usage":null}\n\n'
    assert encoder.encode([Started("real")]) == b""
    assert encoder.encode([Opened(Text(""))]) == (
        head + b'"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},'
        b'"logprobs":null,"finish_reason":null' + tail
    )
    assert encoder.encode([Added('"\n\u2028')]) == (
        head + b'"choices":[{"index":0,"delta":{"content":"\\"\\n\xe2\x80\xa8"},'
        b'"logprobs":null,"finish_reason":null' + tail
    )
    assert encoder.encode([Closed(), Ended(Finish.STOP), Counted(Usage(1, 2), "flex")]) == (
        head + b'"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"' + tail
    )
    assert encoder.end() == (
        head + b'"service_tier":"flex","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,'
        b'"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0,"audio_tokens":0},'
        b'"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}}}\n\n'
        b"data: [DONE]\n\n"
    )


def test_usage_is_not_streamed_to_who_did_not_ask() -> None:
    chunks = written_stream([Started("m"), Opened(Text("")), Closed(), Ended(Finish.STOP), Counted(USAGE)])
    assert all("usage" not in chunk for chunk in chunks)


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        (Finish.STOP, "stop"),
        (Finish.LENGTH, "length"),
        (Finish.TOOL_CALLS, "tool_calls"),
        (Finish.CONTENT_FILTER, "content_filter"),
        (Finish.REFUSAL, "content_filter"),
        (Finish.PAUSE, "length"),
    ],
)
def test_every_finish_has_its_word(finish: Finish, word: str) -> None:
    reply = reply_of(Text("x"), finish=finish)
    assert written_answer(reply)["choices"][0]["finish_reason"] == word
    assert written_stream(told(reply))[-1]["choices"][0]["finish_reason"] == word


def test_calls_are_streamed_in_pieces_and_come_together() -> None:
    reply = reply_of(Text("I add."), ToolCall("c1", "add", '{"a":1}'), ToolCall("c2", "now", "{}"))
    assert message_of(reply) == {
        "role": "assistant",
        "content": "I add.",
        "refusal": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a":1}'}},
            {"id": "c2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
        ],
    }


def test_a_client_of_deprecated_functions_hears_of_the_first_call_in_its_own_member() -> None:
    reply = reply_of(ToolCall("c1", "add", '{"a":1}'), ToolCall("c2", "now", "{}"), finish=Finish.TOOL_CALLS)
    request = conversation(deprecated_calls=True)
    message = message_of(reply, request)
    assert message["function_call"] == {"name": "add", "arguments": '{"a":1}'}
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["now"]
    assert written_answer(reply, request)["choices"][0]["finish_reason"] == "function_call"


def test_reasoning_is_plain_text_and_details_with_all_its_proofs() -> None:
    reply = reply_of(
        Reasoning("I think", "s1", Maker.ANTHROPIC),
        Reasoning("", "s2", Maker.ANTHROPIC, redacted=True),
        Reasoning("", "s3", Maker.ANTHROPIC),
        Text("So"),
        Reasoning("sum", None, Maker.OPENAI, summary=True, id="rs_1"),
        Reasoning("", "s4", Maker.GOOGLE),
        ToolCall("c1", "add", "{}"),
        finish=Finish.TOOL_CALLS,
    )
    message = message_of(reply)
    assert message["reasoning_content"] == "I thinksum"
    assert message["reasoning_details"] == [
        {"index": 0, "type": "reasoning.text", "text": "I think", "signature": "s1", "format": Maker.ANTHROPIC},
        {"index": 1, "type": "reasoning.encrypted", "data": "s2", "format": Maker.ANTHROPIC},
        {"index": 2, "type": "reasoning.text", "text": "", "signature": "s3", "format": Maker.ANTHROPIC},
        {
            "index": 3,
            "type": "reasoning.summary",
            "summary": "sum",
            "format": Maker.OPENAI,
            "id": "rs_1",
            "tool_call_id": "c1",
        },
        {"index": 4, "type": "reasoning.encrypted", "data": "s4", "format": Maker.GOOGLE, "id": "c1"},
    ]


def test_who_wants_no_thoughts_gets_only_those_that_must_come_back() -> None:
    reply = reply_of(Reasoning("I think", "s1", Maker.ANTHROPIC), Reasoning("loud", maker=Maker.DEEPSEEK), Text("4"))
    message = message_of(reply, conversation(reasoning=ReasoningWish(visible=False)))
    assert "reasoning_content" not in message
    assert [detail["signature"] for detail in message["reasoning_details"]] == ["s1"]


def test_a_streamed_signature_is_told_once_and_whole() -> None:
    events = [Started("m"), Opened(Reasoning(maker="x")), Added("I "), Added("think"), Signed("s"), Closed()]
    deltas = [chunk["choices"][0]["delta"] for chunk in written_stream([*events, Ended(Finish.STOP)])][1:-1]
    assert deltas == [
        {
            "reasoning_content": "I ",
            "reasoning_details": [{"type": "reasoning.text", "text": "I ", "format": "x", "index": 0}],
        },
        {"reasoning_content": "think", "reasoning_details": [{"index": 0, "text": "think"}]},
        {"reasoning_details": [{"index": 0, "signature": "s"}]},
    ]


def test_citations_count_characters_of_the_whole_message() -> None:
    """Two texts become one; a citation without positions is one for its whole text, one without an address is none."""
    first = Text("Ruby 4. ", (Citation(url="https://a.example", title="A", start=0, end=4),))
    second = Text("Out.", (Citation(url="https://b.example", cited_text="out"), Citation(title="nowhere")))
    assert message_of(reply_of(first, second))["annotations"] == [
        {
            "type": "url_citation",
            "url_citation": {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 4},
        },
        {
            "type": "url_citation",
            "url_citation": {
                "url": "https://b.example",
                "title": "",
                "start_index": 8,
                "end_index": 12,
                "content": "out",
            },
        },
    ]


def test_refusals_images_and_parts_of_other_apis() -> None:
    picture = Image(Media(data="AAAA", media_type="image/png"))
    message = message_of(reply_of(Refusal("No."), picture, Native("gemini", {"executableCode": {}})))
    assert message == {"role": "assistant", "content": None, "refusal": "No.", "images": [IMAGE]}


def test_log_probabilities_stand_beside_what_they_belong_to() -> None:
    reply = Reply(model="m", choices=[Choice([Text("a")], Finish.STOP, logprobs=SCORES)])
    expected = {**SCORES, "refusal": None}
    assert written_answer(reply)["choices"][0]["logprobs"] == expected
    scored = [chunk["choices"][0]["logprobs"] for chunk in written_stream(told(reply))]
    assert [each for each in scored if each] == [expected]


def test_choices_keep_their_numbers() -> None:
    reply = Reply(model="m", choices=[Choice([Text("a")], Finish.STOP), Choice([Text("b")], Finish.LENGTH)])
    assert [choice["message"]["content"] for choice in written_answer(reply)["choices"]] == ["a", "b"]
    chunks = [chunk["choices"][0] for chunk in written_stream(told(reply))]
    assert [choice["index"] for choice in chunks] == [0, 0, 0, 1, 1, 1]
    assert [choice["delta"].get("role") for choice in chunks] == ["assistant", None, None, "assistant", None, None]
