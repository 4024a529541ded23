"""What an answer says, whoever said it: read by the official clients of all dialects, to be held against each other."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import anthropic.types
import openai.types.responses
from google.genai import types as gemini
from jiter import from_json
from openai.types.chat import ChatCompletion, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice

from gateway.dialects.stamps import read_stamp

Call = tuple[str, Any]
"""A function's name and its arguments, decoded."""


@dataclass
class Heard:
    """One choice of an answer."""

    text: str = ""
    refusal: str = ""
    thoughts: str = ""
    proofs: list[str] = field(default_factory=list)
    """What the provider signed, as it wrote it."""
    calls: list[Call] = field(default_factory=list)
    finish: str = ""
    """In OpenAI's words for chat completions."""


@dataclass
class Answer:
    model: str
    choices: list[Heard]
    prompt: int
    completion: int


# A client of chat completions, behind the gateway.


def of_chat(completion: ChatCompletion) -> Answer:
    usage = completion.usage
    assert usage is not None
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    choices = [_of_chat_choice(choice) for choice in completion.choices]
    return Answer(completion.model, choices, usage.prompt_tokens, usage.completion_tokens)


def _of_chat_choice(choice: Choice) -> Heard:
    message = choice.message
    more = message.model_extra or {}
    details = more.get("reasoning_details") or []
    told = "".join(detail.get("text") or detail.get("summary") or "" for detail in details)
    return Heard(
        text=message.content or "",
        refusal=message.refusal or "",
        thoughts=more.get("reasoning_content") or more.get("reasoning") or told,
        proofs=[proof for detail in details if (proof := proof_of(detail))],
        calls=calls_of(message),
        finish=choice.finish_reason,
    )


def calls_of(message: ChatCompletionMessage) -> list[Call]:
    calls = [call.function for call in message.tool_calls or [] if call.type == "function"]
    # What was cut off is read as far as it goes, which is what the clients' own helpers do.
    return [(call.name, from_json(call.arguments.encode(), partial_mode=True)) for call in calls]


def proof_of(detail: dict[str, Any]) -> str:
    """What is signed in one of `reasoning_details`."""
    return detail.get("data") or detail.get("signature") or ""


# A client of OpenAI's responses.


def of_responses(response: openai.types.responses.Response) -> Answer:
    heard = Heard(finish="stop")
    for item in response.output:
        if item.type == "message":
            for part in item.content:
                if part.type == "output_text":
                    heard.text += part.text
                else:
                    heard.refusal += part.refusal
        elif item.type == "reasoning":
            heard.thoughts += "".join(part.text for part in [*item.summary, *(item.content or [])])
            heard.proofs += _signed(item.encrypted_content)
        elif item.type == "function_call":
            heard.calls.append((item.name, from_json(item.arguments.encode(), partial_mode=True)))
            heard.finish = "tool_calls"
    if response.incomplete_details is not None:
        reason = response.incomplete_details.reason or ""
        heard.finish = {"max_output_tokens": "length"}.get(reason, reason)
    usage = response.usage
    assert usage is not None
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    return Answer(response.model, [heard], usage.input_tokens, usage.output_tokens)


def _signed(proof: str | None) -> list[str]:
    """A signature as its maker wrote it; what nobody signed has a stamp without one."""
    _, signature = read_stamp(proof or "", "")
    return [signature] if signature else []


# Anthropic's client, behind the gateway or not.

_ANTHROPIC_ENDS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def of_anthropic(message: anthropic.types.Message) -> Answer:
    heard = Heard(finish=_ANTHROPIC_ENDS[message.stop_reason or ""])
    for block in message.content:
        if block.type == "text":
            heard.text += block.text
        elif block.type == "thinking":
            heard.thoughts += block.thinking
            heard.proofs += _signed(block.signature)
        elif block.type == "redacted_thinking":
            heard.proofs += _signed(block.data)
        elif block.type == "tool_use":
            heard.calls.append((block.name, block.input))
    details = message.stop_details
    heard.refusal = (details.explanation if details is not None else "") or ""
    usage = message.to_dict(mode="json", warnings=False)["usage"]
    compactions = [each for each in usage.get("iterations") or [] if each["type"] == "compaction"]
    prompt = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return Answer(
        message.model,
        [heard],
        sum(each.get(name) or 0 for each in (usage, *compactions) for name in prompt),
        sum(each["output_tokens"] for each in (usage, *compactions)),
    )


# Google's client, with nobody between it and the provider.

_GEMINI_ENDS = {"STOP": "stop", "UNEXPECTED_TOOL_CALL": "stop", "MAX_TOKENS": "length"}
"""The second is a call of a function that was not offered: a call all the same."""


def of_gemini(chunks: Sequence[gemini.GenerateContentResponse]) -> Answer:
    choices: dict[int, Heard] = {}
    for chunk in chunks:
        for candidate in chunk.candidates or []:
            heard = choices.setdefault(candidate.index or 0, Heard())
            for part in (candidate.content and candidate.content.parts) or []:
                _hear_part(heard, part)
            if candidate.finish_reason is not None:
                word = _GEMINI_ENDS.get(candidate.finish_reason.value, "content_filter")
                heard.finish = "tool_calls" if word == "stop" and heard.calls else word
    usage = chunks[-1].usage_metadata
    assert usage is not None
    prompt = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
    completion = max((usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0), 0)
    total = usage.total_token_count or 0
    return Answer(chunks[-1].model_version or "", list(choices.values()), prompt, max(completion, total - prompt))


def _hear_part(heard: Heard, part: gemini.Part) -> None:
    if part.function_call is not None:
        _hear_call(heard.calls, part.function_call)
    elif part.thought:
        heard.thoughts += part.text or ""
    elif part.text is not None:
        heard.text += part.text
    else:
        return  # what the provider's own tools did, signature and all, is none of a chat client's concern
    if part.thought_signature is not None:
        heard.proofs.append(base64.b64encode(part.thought_signature).decode())


def _hear_call(calls: list[Call], call: gemini.FunctionCall) -> None:
    """A call as a whole, or a piece of one."""
    if call.name:
        calls.append((call.name, call.args or {}))
    for piece in call.partial_args or []:
        assert piece.json_path is not None
        _put(calls[-1][1], piece.json_path.removeprefix("$.").split("."), _said(piece))


def _said(piece: gemini.PartialArg) -> Any:
    values = (piece.string_value, piece.number_value, piece.bool_value)
    return next((value for value in values if value is not None), None)


def _put(place: Any, path: Iterable[str], value: Any) -> None:
    """Sets, or lengthens a text, at a path like `items[0].name`."""
    steps: list[str | int] = []
    for step in path:
        name, *indices = step.replace("]", "").split("[")
        steps += [name, *map(int, indices)]
    for step, after in pairwise(steps):
        place = _enter(place, step, [] if isinstance(after, int) else {})
    before = _enter(place, steps[-1], "" if isinstance(value, str) else None)
    place[steps[-1]] = before + value if isinstance(value, str) else value


def _enter(place: Any, step: Any, empty: Any) -> Any:
    if isinstance(place, list):
        place += [empty] * (step + 1 - len(place))
        return place[step]
    return place.setdefault(step, empty)
