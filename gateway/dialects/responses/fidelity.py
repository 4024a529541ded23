"""What becomes of each property of a Responses request on its way to another dialect.

A name with a dot is a member within a property; one of `input[].`, `tools[].`, `tool_choice.` or `include[].` may be a
kind of item, tool, choice or extra: the specification's are all there. What the gateway does itself (it keeps
responses, continues them and runs them in the background) is the same for every provider.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.dialects.chat import provider_fidelity as chat
from gateway.dialects.chat.flavour import Flavour
from gateway.dialects.fidelity import (
    ANTHROPIC_MESSAGES,
    AS_IT_IS,
    GEMINI,
    ONE_CALL,
    OPENAI_RESPONSES,
    OWN_THOUGHTS,
    Dropped,
    Fate,
    Kept,
    Mapped,
    Refused,
    Table,
)
from gateway.dialects.reading import invalid, refuse

Row = dict[str, Fate]


def _row(chats: Fate | Callable[[Flavour], Fate], anthropic: Fate, gemini: Fate) -> Row:
    return {OPENAI_RESPONSES: AS_IT_IS, **chat.at_each(chats), ANTHROPIC_MESSAGES: anthropic, GEMINI: gemini}


def _same(fate: Fate) -> Row:
    return _row(fate, fate, fate)


_NO_CHOICE: Final = Dropped("it decides by itself how closely it looks")
_THE_WEB: Final = Dropped("it always searches the web as it is")
_HOW_MUCH: Final = Dropped("how much a search brings is the provider's own choice")
_CACHE_HINT: Final = Dropped("a hint for OpenAI's cache; the answer is the same without it")
_EFFORT: Final = _row(
    chat.effort,
    Mapped("an effort or a budget; an effort alone gives way to a forced call where a budget excludes one"),
    Mapped("a level or a budget of thinking"),
)
_IDS: Final = Dropped("the name, state and phase that OpenAI gives to an item")
_NO_CALLER: Final = Dropped("whether the model itself or a program of its own called")
_NO_LOGPROBS: Final = Refused("it tells no log probabilities.", (0,))
_NO_USER: Final = chat.NO_USER
_OWN_DETAILS: Final = Dropped("details of OpenAI's own tools")
_OWN_TIER: Final = Mapped("its own word for it")
_SHOWN: Final = _row(chat.shown, Mapped("display, of models that think unasked"), Mapped("includeThoughts"))
_THOUGHTS: Final = Mapped("what its maker signed; the rest is left out")
_WEB_SEARCH: Final = _row(chat.web_search, Mapped("web_search"), Mapped("googleSearch"))

_ITEMS_OF_ITS_OWN: Final = (
    "additional_tools",
    "apply_patch_call",
    "apply_patch_call_output",
    "compaction",
    "compaction_trigger",
    "computer_call",
    "computer_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
    "local_shell_call",
    "local_shell_call_output",
    "mcp_approval_request",
    "mcp_approval_response",
    "program",
    "program_output",
    "shell_call",
    "shell_call_output",
)
_DONE_BY_ITS_OWN_TOOLS: Final = (
    "code_interpreter_call",
    "file_search_call",
    "mcp_call",
    "mcp_list_tools",
    "web_search_call",
)
"""Whole in themselves: their results, and what came of them, are in the answer that they are part of."""
_TOOLS_OF_ITS_OWN: Final = (
    "apply_patch",
    "computer",
    "computer_use_preview",
    "custom",
    "file_search",
    "image_generation",
    "local_shell",
    "mcp",
    "programmatic_tool_calling",
    "shell",
)
_CHOICES_OF_ITS_OWN: Final = (
    "apply_patch",
    "code_interpreter",
    "computer",
    "computer_use",
    "computer_use_preview",
    "custom",
    "file_search",
    "image_generation",
    "mcp",
    "programmatic_tool_calling",
    "shell",
    "web_search_preview",
    "web_search_preview_2025_03_11",
)
_EXTRAS_OF_ITS_OWN: Final = (
    "code_interpreter_call.outputs",
    "computer_call_output.output.image_url",
    "file_search_call.results",
    "message.input_image.image_url",
    "web_search_call.action.sources",
    "web_search_call.results",
)

_ALL_TOLD: Final = Dropped("the model is told of all tools from the start")
_CLIENTS_SEARCH: Final = Refused("it looks for no tools that the client keeps.", ("server",))
_NAMESPACES: Final = Mapped("functions by one name, crm__find for find of crm; calls come back with both")

_ITEMS: Final[Table] = {
    **{f"input[].{kind}": _same(Refused("only OpenAI has it.")) for kind in _ITEMS_OF_ITS_OWN},
    **{
        f"input[].{kind}": _same(
            Dropped("what one of OpenAI's own tools did; the text of the answer says what came of it")
        )
        for kind in _DONE_BY_ITS_OWN_TOOLS
    },
    "input[].content[].annotations": _same(Dropped("where an earlier answer came from; its words are sent")),
    "input[].content[].detail": _row(chat.media, _NO_CHOICE, _NO_CHOICE),
    "input[].content[].input_audio": _row(chat.media, Refused("its models hear nothing."), Mapped("inlineData")),
    "input[].content[].input_file": _row(chat.media, Mapped("a document"), Mapped("inlineData")),
    "input[].content[].input_file.detail": _row(chat.with_media(_NO_CHOICE), _NO_CHOICE, _NO_CHOICE),
    "input[].content[].input_file.file_url": _row(chat.file_url, Mapped("a document"), Mapped("fileData")),
    "input[].content[].input_image": _row(chat.media, Mapped(), Mapped()),
    "input[].content[].input_text": _same(Mapped()),
    "input[].content[].output_text": _same(Mapped()),
    "input[].content[].prompt_cache_breakpoint": _row(chat.cache_mark, Mapped("cache_control"), chat.OWN_CACHE),
    "input[].content[].refusal": _same(Mapped("text: what the model said")),
    "input[].function_call": _same(Mapped()),
    "input[].function_call.caller": _same(_NO_CALLER),
    "input[].function_call.namespace": _same(_NAMESPACES),
    "input[].function_call_output": _same(Mapped()),
    "input[].function_call_output.caller": _same(_NO_CALLER),
    "input[].id": _same(_IDS),
    "input[].image_generation_call": _row(chat.drawn, Refused("its models make no images."), Mapped("inlineData")),
    "input[].item_reference": _same(Refused("it refers to an item that is not kept here.")),
    "input[].message": _same(Mapped()),
    "input[].phase": _same(_IDS),
    "input[].reasoning": {**_row(chat.thoughts, _THOUGHTS, _THOUGHTS), OPENAI_RESPONSES: OWN_THOUGHTS},
    "input[].status": _same(_IDS),
    "input[].tool_search_call": _same(_ALL_TOLD),
    "input[].tool_search_call.execution": _same(_CLIENTS_SEARCH),
    "input[].tool_search_output": _same(_ALL_TOLD),
    "input[].tool_search_output.execution": _same(_CLIENTS_SEARCH),
}
_TOOLS: Final[Table] = {
    **{f"tools[].{kind}": _same(chat.NO_TOOL) for kind in _TOOLS_OF_ITS_OWN},
    **{f"tool_choice.{kind}": _same(Refused("only functions can be chosen.")) for kind in _CHOICES_OF_ITS_OWN},
    "tool_choice.allowed_tools": _same(Mapped("where it cannot be said the other tools are left out")),
    "tool_choice.function": _row(chat.forced_call, Mapped(), Mapped()),
    "tools[].code_interpreter": _row(chat.NO_TOOL, Mapped("code_execution"), Mapped("codeExecution")),
    "tools[].function": _same(Mapped()),
    "tools[].function.allowed_callers": _same(Refused("only the model itself calls tools.", (["direct"],))),
    "tools[].function.defer_loading": _same(_ALL_TOLD),
    "tools[].function.output_schema": _same(Dropped("what a tool answers is seen when it does")),
    "tools[].function.strict": _row(Mapped(), Mapped(), Mapped("VALIDATED, for all functions at once")),
    "tools[].namespace": _same(_NAMESPACES),
    "tools[].tool_search": _same(_ALL_TOLD),
    "tools[].tool_search.execution": _same(_CLIENTS_SEARCH),
    "tools[].web_search": _WEB_SEARCH,
    "tools[].web_search.external_web_access": _row(chat.searching(_THE_WEB), _THE_WEB, _THE_WEB),
    "tools[].web_search.filters": _row(
        chat.searching(chat.NO_SUCH_SETTING), Mapped("allowed_domains"), chat.NO_SUCH_SETTING
    ),
    "tools[].web_search.search_context_size": _row(chat.searching(Mapped()), _HOW_MUCH, _HOW_MUCH),
    "tools[].web_search.user_location": _row(
        chat.searching(Mapped()), Mapped(), Dropped("its search is told of no place")
    ),
    "tools[].web_search_2025_08_26": _WEB_SEARCH,
    "tools[].web_search_preview": _WEB_SEARCH,
    "tools[].web_search_preview_2025_03_11": _WEB_SEARCH,
}

TABLE: Final[Table] = {
    **_ITEMS,
    **_TOOLS,
    "background": _same(Kept("the gateway runs it in the background")),
    "client_metadata": _same(Dropped("what OpenAI's own programs tell OpenAI of themselves")),
    "context_management": _same(Refused("only OpenAI compacts conversations in this form.")),
    "conversation": _same(Refused("conversations are objects kept by OpenAI; use previous_response_id.")),
    "include": _same(Kept("encrypted reasoning is always given; all else as below")),
    **{f"include[].{extra}": _same(_OWN_DETAILS) for extra in _EXTRAS_OF_ITS_OWN},
    "include[].message.output_text.logprobs": _row(Mapped("logprobs"), _NO_LOGPROBS, Mapped("responseLogprobs")),
    "include[].reasoning.encrypted_content": _same(Kept("it is always given")),
    "input": _same(Mapped("as below")),
    "instructions": _same(Mapped("the first system message")),
    "max_output_tokens": _same(Mapped()),
    "max_tool_calls": _same(Refused("it bounds the calls of OpenAI's own tools.")),
    "metadata": _same(Kept("kept with the response and repeated in it")),
    "model": _same(Mapped()),
    "moderation": _same(Refused("only OpenAI moderates in this form.")),
    "parallel_tool_calls": _row(Mapped(), Mapped("disable_parallel_tool_use"), ONE_CALL),
    "previous_response_id": _same(Kept("the gateway puts the earlier turns before the input")),
    "prompt": _same(Refused("prompt templates are kept by OpenAI.")),
    "prompt_cache_key": _row(chat.cache_key, chat.OWN_CACHE, chat.OWN_CACHE),
    "prompt_cache_options": _same(_CACHE_HINT),
    "prompt_cache_retention": _same(_CACHE_HINT),
    "reasoning": _EFFORT,
    "reasoning.context": _same(Dropped("which reasoning a model sees again is its own provider's rule")),
    "reasoning.effort": _EFFORT,
    "reasoning.generate_summary": _SHOWN,
    "reasoning.mode": _same(Refused("only OpenAI has it.", ("standard",))),
    "reasoning.summary": _SHOWN,
    "safety_identifier": _row(chat.user, Mapped("metadata.user_id; it goes before `user`"), _NO_USER),
    "service_tier": _row(chat.tier, _OWN_TIER, _OWN_TIER),
    "store": _same(Kept("the gateway keeps the response")),
    "stream": _same(Mapped()),
    "stream_options": _same(Dropped("obfuscation pads events; nothing is added to what they say")),
    "temperature": _same(Mapped()),
    "text": _same(Mapped("as below")),
    "text.format": _same(Mapped("structured output")),
    "text.format.json_schema": _row(chat.schema, Mapped("output_config.format"), Mapped("responseJsonSchema")),
    "text.verbosity": _row(chat.verbosity, chat.NO_VERBOSITY, chat.NO_VERBOSITY),
    "tool_choice": _row(chat.forced_call, Mapped(), Mapped()),
    "tools": _same(Mapped("as below")),
    "top_logprobs": _row(Mapped(), _NO_LOGPROBS, Mapped()),
    "top_p": _same(Mapped()),
    "truncation": _same(Dropped("nothing is cut off: what is too long is refused by the provider")),
    "user": _row(chat.user, Mapped("metadata.user_id"), _NO_USER),
}


def judge_kind(place: str, kind: str, field: str, target: str) -> Fate:
    """What becomes of a kind of item, tool, choice or extra.

    Raises InvalidRequest for one that `target` cannot have, or that nobody knows.

    `place` is how the table begins its row ("tools[]"), `field` where it stands.
    """
    row = TABLE.get(f"{place}.{kind}")
    if row is None:
        invalid(field, f"'{kind}' is nothing that can stand here")
    fate = row[target]
    if isinstance(fate, Refused):
        refuse(field, f"{fate.reason.removesuffix('.')} (it is of the type '{kind}').", target)
    return fate


def check_searcher(execution: str | None, field: str, target: str) -> None:
    """Raises InvalidRequest where it is the client that searches for tools: what it has found goes up in no list."""
    if execution is not None and execution not in _CLIENTS_SEARCH.idle:
        refuse(f"{field}.execution", _CLIENTS_SEARCH.reason, target)
