"""What becomes of each property of a Messages request on its way to another dialect.

A row for every property of Anthropic's API, those of its betas included. A name with a dot or `[]` is a member within a
property; one with `[].content[].` is a kind of block. Those rows are judged where the request is read (`judge`).
"""

from __future__ import annotations

from typing import Any, Final

from gateway.dialects.fidelity import (
    ANTHROPIC_MESSAGES,
    GEMINI,
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    Dropped,
    Fate,
    Mapped,
    Refused,
    Table,
)
from gateway.dialects.reading import refuse

NAME: Final = ANTHROPIC_MESSAGES

_AS_IT_IS: Final = Mapped("travels as the client wrote it")


def _row(chat: Fate, gemini: Fate, responses: Fate | None = None) -> dict[str, Fate]:
    """`responses` are OpenAI's, of models that reason; left out: as in chat completions."""
    responses = chat if responses is None else responses
    return {ANTHROPIC_MESSAGES: _AS_IT_IS, OPENAI_CHAT: chat, OPENAI_RESPONSES: responses, GEMINI: gemini}


def _both(fate: Fate) -> dict[str, Fate]:
    return _row(fate, fate)


_MARK: Final = _row(
    Mapped("sent on where the provider takes it; the others find cached prompts by themselves"),
    Dropped("it finds cached prompts by itself"),
)
_AT_WORK: Final = Dropped("what one of Anthropic's own tools did; the text of the answer says what came of it")
_ACCOUNT: Final = Dropped("whose account at Anthropic it counts against")
_REASONING: Final = Mapped("what the target's maker signed; the rest is left out")
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
    "messages[].content[].document": _both(Mapped("bytes, text and URLs where the provider takes them")),
    "messages[].content[].fallback": _both(_AT_WORK),
    "messages[].content[].image": _both(Mapped()),
    "messages[].content[].mcp_tool_listing": _both(_AT_WORK),
    "messages[].content[].mcp_tool_result": _both(_AT_WORK),
    "messages[].content[].mcp_tool_use": _both(_AT_WORK),
    "messages[].content[].redacted_thinking": _both(_REASONING),
    "messages[].content[].search_result": _both(Mapped("a document of text; its source as the context")),
    "messages[].content[].server_tool_use": _both(_AT_WORK),
    "messages[].content[].text": _both(Mapped()),
    "messages[].content[].text_editor_code_execution_tool_result": _both(_AT_WORK),
    "messages[].content[].thinking": _both(_REASONING),
    "messages[].content[].tool_addition": _both(_TOOL_CHANGES),
    "messages[].content[].tool_removal": _both(_TOOL_CHANGES),
    "messages[].content[].tool_result": _both(Mapped()),
    "messages[].content[].tool_search_tool_result": _both(_AT_WORK),
    "messages[].content[].tool_use": _both(Mapped()),
    "messages[].content[].web_fetch_tool_result": _both(_AT_WORK),
    "messages[].content[].web_search_tool_result": _both(_AT_WORK),
    "messages[].output_config": _both(Refused("effort cannot change amid a conversation.", ({},))),
    "messages[-1].role": _both(Refused("it begins an answer of its own and does not continue one.", ("user",))),
    "metadata": _row(Mapped("user_id: the end user"), Dropped("it takes no end user's name")),
    "model": _both(Mapped()),
    "output_config": _both(Mapped("reasoning effort and structured output")),
    "output_config.effort": _both(Mapped("the provider's own terms of effort or budget")),
    "output_config.format": _both(Mapped("structured output")),
    "output_config.task_budget": _both(Dropped("how many tokens the model is told to do with; max_tokens binds it")),
    "output_format": _both(Mapped("structured output, as it was written before output_config")),
    "service_tier": _both(Mapped("the provider's own word for it, where it has tiers")),
    "speed": _both(Dropped("it makes an answer faster, not different")),
    "stop_sequences": _row(
        Mapped("stop sequences"), Mapped("stop sequences"), Refused("it knows no stop sequences.", ([],))
    ),
    "stream": _both(Mapped()),
    "system": _both(Mapped("the first system message")),
    "temperature": _both(Mapped()),
    "thinking": _both(Mapped("the provider's own terms of effort or budget")),
    "thinking.block_binding": _both(Dropped("how Anthropic checks the signatures of earlier thinking")),
    "thread": _both(Refused("threads are kept by Anthropic.")),
    "tool_choice": _both(Mapped()),
    "tool_choice.disable_parallel_tool_use": _row(
        Mapped("parallel_tool_calls"), Refused("it cannot be kept to one call at a time.", (False,))
    ),
    "tools": _both(Mapped("functions; web search and the like where the provider has one")),
    "tools[].allowed_callers": _both(Refused("only the model itself calls tools.", (["direct"], []))),
    "tools[].cache_control": _MARK,
    "tools[].defer_loading": _both(Dropped("the model is told of the tool from the start")),
    "tools[].eager_input_streaming": _both(Dropped("arguments come as fast as the provider sends them")),
    "tools[].input_examples": _both(Dropped("the schema says what the tool takes")),
    "tools[].strict": _both(Mapped()),
    "top_k": _row(Mapped("where the provider has it"), Mapped("topK"), Refused("it has no such setting.")),
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
