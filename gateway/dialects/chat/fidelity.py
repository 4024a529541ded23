"""What becomes of each property of a chat completion request on its way to another dialect.

A row for every property of OpenAI's specification and for each extension that is understood. A name with `[]` is a
member within a property: its row is judged where the request is read (see `judge`).
"""

from __future__ import annotations

from typing import Final

from gateway.dialects.chat.provider_fidelity import NO_VERBOSITY, at_each, passed_thoughts
from gateway.dialects.fidelity import (
    ANTHROPIC_MESSAGES,
    AS_IT_IS,
    GEMINI,
    ONE_CALL,
    OPENAI_CHAT,
    Dropped,
    Fate,
    Kept,
    Mapped,
    Refused,
    Table,
)
from gateway.dialects.reading import refuse

NAME: Final = OPENAI_CHAT


def _row(anthropic: Fate, gemini: Fate) -> dict[str, Fate]:
    return {**at_each(AS_IT_IS), ANTHROPIC_MESSAGES: anthropic, GEMINI: gemini}


def _both(fate: Fate) -> dict[str, Fate]:
    return _row(fate, fate)


_EFFORT: Final = _row(
    Mapped("an effort or a budget; an effort alone gives way to a forced call where a budget excludes one"),
    Mapped("a level or a budget of thinking"),
)
_SHOWN: Final = _row(Mapped("display, of models that think unasked"), Mapped("includeThoughts"))
_CACHE_HINT: Final = Dropped("a hint for OpenAI's cache; the answer is the same without it")
_NO_PENALTY: Final = Refused("it has no such penalty.", (0,))

TABLE: Final[Table] = {
    "audio": _both(Refused("the gateway translates no spoken answers.")),
    "frequency_penalty": _row(_NO_PENALTY, Mapped("frequencyPenalty")),
    "function_call": _both(Mapped("as tool_choice")),
    "functions": _both(Mapped("as tools; the answer says function_call")),
    "include_reasoning": _SHOWN,
    "logit_bias": _both(Refused("it counts no tokens as OpenAI does.", ({},))),
    "logprobs": _row(Refused("it tells no log probabilities.", (False,)), Mapped("responseLogprobs")),
    "max_completion_tokens": _both(Mapped("the most tokens of the answer; it goes before max_tokens")),
    "max_tokens": _both(Mapped("the most tokens of the answer")),
    "messages": _both(Mapped()),
    "messages[].audio": _both(Refused("an earlier spoken answer is kept by OpenAI.")),
    "messages[].cache_control": _row(Mapped(), Dropped("it finds cached prompts by itself")),
    "messages[].content[].file": _both(Mapped("bytes and URLs; not a file kept by OpenAI")),
    "messages[].content[].image_url": _both(Mapped()),
    "messages[].content[].image_url.detail": _both(Dropped("it decides by itself how closely it looks")),
    "messages[].content[].input_audio": _row(Refused("its models hear nothing."), Mapped("inlineData")),
    "messages[].content[].prompt_cache_breakpoint": _row(
        Mapped("cache_control"), Dropped("it finds cached prompts by itself")
    ),
    "messages[].content[].refusal": _both(Mapped("text: what the model said")),
    "messages[].content[].text": _both(Mapped()),
    "messages[].function_call": _both(Mapped("as a call in tool_calls")),
    "messages[].images": _row(Refused("its models make no images."), Mapped("inlineData")),
    "messages[].name": _both(Dropped("it knows participants by their roles alone; who speaks must stand in the text")),
    "messages[].reasoning": _both(Dropped("only reasoning that its own maker signed is sent back")),
    "messages[].reasoning_content": {
        **_both(Dropped("only reasoning that its own maker signed is sent back")),
        **at_each(passed_thoughts("reasoning_content")),
    },
    "messages[].reasoning_details": {
        **_both(Mapped("what the target's maker signed; the rest is left out")),
        **at_each(passed_thoughts("reasoning_details")),
    },
    "messages[].refusal": _both(Mapped("text: what the model said")),
    "messages[].tool_calls[].custom": _both(Refused("only OpenAI's models have custom tools.")),
    "metadata": _both(Dropped("labels for OpenAI's stored completions")),
    "modalities": _both(Refused("the gateway translates only text.", (["text"],))),
    "model": _both(Mapped()),
    "moderation": _both(Refused("only OpenAI moderates in this form.")),
    "n": _row(Refused("it gives one answer a request.", (1,)), Mapped("candidateCount")),
    "parallel_tool_calls": _row(Mapped("disable_parallel_tool_use"), ONE_CALL),
    "prediction": _both(Dropped("it makes an answer faster, not different")),
    "presence_penalty": _row(_NO_PENALTY, Mapped("presencePenalty")),
    "prompt_cache_key": _both(_CACHE_HINT),
    "prompt_cache_options": _both(_CACHE_HINT),
    "prompt_cache_retention": _both(_CACHE_HINT),
    "reasoning": _EFFORT,
    "reasoning.summary": _SHOWN,
    "reasoning_effort": _EFFORT,
    "response_format": _both(Mapped("structured output; any JSON object is a line of the prompt at Anthropic")),
    "response_format.json_schema.description": _both(Dropped("the schema says what it is")),
    "response_format.json_schema.name": _both(Dropped("it gives schemas no names")),
    "response_format.json_schema.strict": _both(Dropped("it keeps to every schema")),
    "safety_identifier": _row(Mapped("metadata.user_id"), Dropped("it takes no end user's name")),
    "seed": _row(Dropped("best effort even at OpenAI; any answer is one that could have come"), Mapped()),
    "service_tier": _both(Mapped("the provider's own word for it")),
    "stop": _both(Mapped("stop sequences")),
    "store": _both(Dropped("OpenAI keeps stored completions for its own dashboard")),
    "stream": _both(Mapped()),
    "stream_options": _both(Kept("usage at the end of the stream; the gateway pads nothing")),
    "temperature": _both(Mapped()),
    "thinking": _EFFORT,
    "tool_choice": _both(Mapped()),
    "tool_choice.custom": _both(Refused("only OpenAI's models have custom tools.")),
    "tools": _both(Mapped("functions; a tool of another provider's own is refused")),
    "tools[].cache_control": _row(Mapped(), Dropped("it finds cached prompts by itself")),
    "tools[].custom": _both(Refused("only OpenAI's models have custom tools.")),
    "tools[].function.strict": _row(Mapped(), Mapped("VALIDATED, for all functions at once")),
    "top_k": _both(Mapped()),
    "top_logprobs": _row(Refused("it tells no log probabilities.", (0,)), Mapped("logprobs")),
    "top_p": _both(Mapped()),
    "usage": _both(Dropped("OpenRouter's older way to ask for usage, which always comes")),
    "user": _row(Mapped("metadata.user_id"), Dropped("it takes no end user's name")),
    "verbosity": _both(NO_VERBOSITY),
    "web_search_options": _both(Mapped("the provider's own web search")),
    "web_search_options.search_context_size": _both(Dropped("how much a search brings is the provider's own choice")),
    "web_search_options.user_location": _row(Mapped(), Dropped("its search is told of no place")),
}


def judge(row: str, field: str, target: str) -> None:
    """Raises InvalidRequest where `target` cannot express the member within a property that stands at `field`."""
    fate = TABLE[row][target]
    if isinstance(fate, Refused):
        refuse(field, fate.reason, target)
