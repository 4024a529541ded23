"""What becomes of each property of a Messages request on its way to another dialect.

A row for every property of Anthropic's API, those of its betas included. A name with a dot or `[]` is a member within a
property; one with `[].content[].` is a kind of block. Those rows are judged where the request is read (`judge`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.dialects.chat import provider_fidelity as chat
from gateway.dialects.chat.flavour import Flavour
from gateway.dialects.fidelity import (
    ANTHROPIC_MESSAGES,
    AS_IT_IS,
    GEMINI,
    ONE_CALL,
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    OWN_THOUGHTS,
    Dropped,
    Fate,
    Kept,
    Mapped,
    Refused,
    Table,
)
from gateway.dialects.reading import refuse

NAME: Final = ANTHROPIC_MESSAGES


def _row(chats: Fate | Callable[[Flavour], Fate], gemini: Fate, responses: Fate | None = None) -> dict[str, Fate]:
    """`responses` are OpenAI's, of models that reason; left out: as in its chat completions."""
    row = {**chat.at_each(chats), ANTHROPIC_MESSAGES: AS_IT_IS, GEMINI: gemini}
    return {**row, OPENAI_RESPONSES: row[OPENAI_CHAT] if responses is None else responses}


def _both(fate: Fate) -> dict[str, Fate]:
    return _row(fate, fate)


def _display(its: Flavour) -> Fate:
    """Of thoughts that the client does not want to see."""
    if its.wish == "reasoning":
        return chat.shown(its)
    return Kept("thoughts that nobody signed are left out of the answer")


_no_domains: Final = chat.searching(chat.NO_SUCH_SETTING)
_MARK: Final = _row(chat.cache_mark, chat.OWN_CACHE)
_EFFORT: Final = _row(chat.effort, Mapped("a level or a budget of thinking"), Mapped("reasoning.effort"))
_SCHEMA: Final = _row(chat.schema, Mapped("responseJsonSchema"), Mapped("text.format"))
_NO_TOOL: Final = _both(chat.NO_TOOL)
_AT_WORK: Final = Dropped("what one of Anthropic's own tools did; the text of the answer says what came of it")
_ACCOUNT: Final = Dropped("whose account at Anthropic it counts against")
_THOUGHTS: Final = {
    **_row(chat.thoughts, *2 * (Mapped("what its maker signed; the rest is left out"),)),
    ANTHROPIC_MESSAGES: OWN_THOUGHTS,
}
_CALLER: Final = Dropped("whether the model itself or a program of its own called")
_ALL_TOLD: Final = Dropped("the model is told of all tools from the start")
_OFTEN: Final = Dropped("how often it searches is the provider's own choice")
_SMALLER: Final = Dropped("how Anthropic makes a large one smaller")
_SPELLED: Final = Dropped("features are judged by the members that they bring")
_TOOL_CHANGES: Final = Refused("tools cannot change amid a conversation.")

TABLE: Final[Table] = {
    "anthropic_beta": _both(_SPELLED),
    "anthropic_version": _both(_SPELLED),
    "betas": _both(_SPELLED),
    "billing_policy": _both(_ACCOUNT),
    "cache_control": _MARK,
    "compaction": _both(Refused("only Anthropic compacts conversations in this form.")),
    "container": _both(Refused("containers are kept by Anthropic.")),
    "context_management": _both(Dropped("the conversation is sent whole, nothing of it is cleared")),
    "diagnostics": _both(Dropped("a question about Anthropic's cache, beside the answer")),
    "fallback_credit_token": _both(_ACCOUNT),
    "fallbacks": _both(Dropped("other models of Anthropic's to ask; the gateway has routes of its own")),
    "inference_geo": _both(Refused("where it computes cannot be chosen.", ("global",))),
    "max_tokens": _row(
        Mapped("the most tokens of the answer"),
        Mapped("the most tokens of the answer"),
        Mapped("max_output_tokens; 16 where it is less, the least that can be asked"),
    ),
    "mcp_servers": _both(Refused("it connects to no MCP servers.", ([],))),
    "messages": _both(Mapped()),
    "messages[].clear_at": _both(Refused("a message cannot be cleared later.", ("never",))),
    "messages[].content[].advisor_tool_result": _both(_AT_WORK),
    "messages[].content[].bash_code_execution_tool_result": _both(_AT_WORK),
    "messages[].content[].code_execution_tool_result": _both(_AT_WORK),
    "messages[].content[].compaction": _both(Mapped("its summary as text, below all that it sums up")),
    "messages[].content[].container_upload": _both(Refused("containers are kept by Anthropic.")),
    "messages[].content[].document": _both(Mapped("text as text, with its title and context")),
    "messages[].content[].document.citations": _both(Refused("it does not cite documents.", ({"enabled": False},))),
    "messages[].content[].document.source.base64": _row(chat.media, Mapped("inlineData"), Mapped("input_file")),
    "messages[].content[].document.source.url": _row(chat.file_url, Mapped("fileData"), Mapped("input_file")),
    "messages[].content[].fallback": _both(_AT_WORK),
    "messages[].content[].image": _row(chat.media, Mapped(), Mapped()),
    "messages[].content[].image.transformations": _row(chat.with_media(_SMALLER), _SMALLER, _SMALLER),
    "messages[].content[].mcp_tool_listing": _both(_AT_WORK),
    "messages[].content[].mcp_tool_result": _both(_AT_WORK),
    "messages[].content[].mcp_tool_use": _both(_AT_WORK),
    "messages[].content[].redacted_thinking": _THOUGHTS,
    "messages[].content[].search_result": _both(Mapped("a document of text; its source as the context")),
    "messages[].content[].server_tool_use": _both(_AT_WORK),
    "messages[].content[].text": _both(Mapped()),
    "messages[].content[].text.citations": _both(Dropped("where an earlier answer came from; its words are sent")),
    "messages[].content[].text_editor_code_execution_tool_result": _both(_AT_WORK),
    "messages[].content[].thinking": _THOUGHTS,
    "messages[].content[].tool_addition": _both(_TOOL_CHANGES),
    "messages[].content[].tool_removal": _both(_TOOL_CHANGES),
    "messages[].content[].tool_result": _both(Mapped()),
    "messages[].content[].tool_search_tool_result": _both(_AT_WORK),
    "messages[].content[].tool_use": _both(Mapped()),
    "messages[].content[].tool_use.caller": _both(_CALLER),
    "messages[].content[].web_fetch_tool_result": _both(_AT_WORK),
    "messages[].content[].web_search_tool_result": _both(_AT_WORK),
    "messages[].output_config": _both(Refused("effort cannot change amid a conversation.", ({},))),
    "messages[-1].role": _both(Refused("it begins an answer of its own and does not continue one.", ("user",))),
    "metadata": _row(chat.user, chat.NO_USER),
    "model": _both(Mapped()),
    "output_config": _both(Mapped("reasoning effort and structured output")),
    "output_config.effort": _EFFORT,
    "output_config.format": _SCHEMA,
    "output_config.task_budget": _both(Dropped("how many tokens the model is told to do with; max_tokens binds it")),
    "output_format": _SCHEMA,
    "service_tier": _row(chat.tier, Dropped("all that Anthropic's words stand for is its usual tier")),
    "speed": _both(Dropped("it makes an answer faster, not different")),
    "stop_sequences": _row(
        Mapped("stop sequences"), Mapped("stop sequences"), Refused("it knows no stop sequences.", ([],))
    ),
    "stream": _both(Mapped()),
    "system": _both(Mapped("the first system message")),
    "temperature": _both(Mapped()),
    "thinking": _EFFORT,
    "thinking.block_binding": _both(Dropped("how Anthropic checks the signatures of earlier thinking")),
    "thinking.display": _row(_display, Mapped("includeThoughts"), Mapped("reasoning.summary")),
    "thread": _both(Refused("threads are kept by Anthropic.")),
    "tool_choice": _row(chat.forced_call, Mapped(), Mapped()),
    "tool_choice.disable_parallel_tool_use": _row(Mapped("parallel_tool_calls"), ONE_CALL),
    "tools": _both(Mapped("functions; Anthropic's own tools as below")),
    "tools[].advisor": _NO_TOOL,
    "tools[].allowed_callers": _both(Refused("only the model itself calls tools.", (["direct"], []))),
    "tools[].bash": _NO_TOOL,
    "tools[].browser_toolset": _NO_TOOL,
    "tools[].cache_control": _MARK,
    "tools[].code_execution": _row(chat.NO_TOOL, Mapped("codeExecution")),
    "tools[].computer": _NO_TOOL,
    "tools[].computer_toolset": _NO_TOOL,
    "tools[].defer_loading": _both(_ALL_TOLD),
    "tools[].eager_input_streaming": _both(Dropped("arguments come as fast as the provider sends them")),
    "tools[].input_examples": _both(Dropped("the schema says what the tool takes")),
    "tools[].mcp_toolset": _NO_TOOL,
    "tools[].memory": _NO_TOOL,
    "tools[].strict": _both(Mapped()),
    "tools[].text_editor": _NO_TOOL,
    "tools[].tool_search_tool_bm25": _both(_ALL_TOLD),
    "tools[].tool_search_tool_regex": _both(_ALL_TOLD),
    "tools[].web_fetch": _row(chat.NO_TOOL, Mapped("urlContext")),
    "tools[].web_search": _row(chat.web_search, Mapped("googleSearch"), Mapped("web_search")),
    "tools[].web_search.allowed_domains": _row(_no_domains, chat.NO_SUCH_SETTING, Mapped("filters.allowed_domains")),
    "tools[].web_search.blocked_domains": _row(_no_domains, chat.NO_SUCH_SETTING),
    "tools[].web_search.max_uses": _row(chat.searching(_OFTEN), _OFTEN),
    "tools[].web_search.user_location": _row(
        chat.searching(Mapped()), Dropped("its search is told of no place"), Mapped()
    ),
    "top_k": _row(chat.top_k, Mapped("topK")),
    "top_p": _both(Mapped()),
    "user_profile_id": _both(_ACCOUNT),
    "workspace_id": _both(_ACCOUNT),
}


def judge(row: str, field: str, value: Any, target: str) -> None:
    """Raises InvalidRequest where `target` cannot express what stands at `field`; null is as good as absent."""
    fate = TABLE[row][target]
    if value is not None and isinstance(fate, Refused) and value not in fate.idle:
        refuse(field, fate.reason, target)


def judge_block(kind: str, field: str, target: str) -> Fate | None:
    """What becomes of a block of this kind, None where nobody knows it. Raises InvalidRequest where it is refused."""
    row = TABLE.get(f"messages[].content[].{kind}")
    if row is None:
        return None
    fate = row[target]
    if isinstance(fate, Refused):
        refuse(field, fate.reason, target)
    return fate
