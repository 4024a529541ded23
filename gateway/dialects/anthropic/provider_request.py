"""A conversation as a request to create a message (https://platform.claude.com/docs/en/api/messages/create)."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.dialects.anthropic.provider_messages import Messages, messages_of
from gateway.dialects.anthropic.provider_models import Abilities, abilities
from gateway.dialects.anthropic.provider_refusals import refused
from gateway.dialects.anthropic.provider_sampling import check_sampling
from gateway.dialects.anthropic.provider_schemas import closed
from gateway.dialects.anthropic.provider_thinking import Circumstances, Plan, plan
from gateway.dialects.anthropic.provider_tools import Toolbox, toolbox
from gateway.dialects.anthropic.provider_wire import Format, Metadata, OutputConfig, Request, TextBlock
from gateway.dialects.codec import Steps
from gateway.dialects.conversation import Conversation
from gateway.errors import InvalidRequest

JSON_ALONE: Final = "Answer with a single JSON object and nothing else: no prose around it, no code fence."
"""What stands for OpenAI's json_object, which this API has no member for."""

_SERVICE_TIERS: Final = {
    "auto": "auto",
    "default": "standard_only",
    "standard_only": "standard_only",
    "priority": "auto",
}
"""Priority is had here by whoever has bought it in advance, and `auto` uses it."""

_encode = msgspec.json.Encoder().encode


def encode_request(request: Conversation, model: str, limit: int | None) -> Steps[bytes]:
    """The body, some turns a step. `limit` is how many tokens the model can write, where a catalogue says it.

    Raises InvalidRequest that names the client's field for what this API or the model does not take.
    """
    can = abilities(model)
    _check_unheard_of(request)
    try:
        talk = yield from messages_of(request.turns, prefills=can.prefills)
        tools = toolbox(request, can, talk.called)
        around = Circumstances(tools.forced, talk.bare, limit or can.writes)
        return _encode(_request(request, model, can, talk, tools, plan(request, can, around)))
    except RecursionError as problem:
        raise InvalidRequest("A schema in the request is nested too deeply.") from problem


def _request(
    request: Conversation, model: str, can: Abilities, talk: Messages, tools: Toolbox, planned: Plan
) -> Request:
    thinking = planned.thinking
    sampling = check_sampling(request, can, thinks=thinking is not None and thinking.type in ("enabled", "adaptive"))
    return Request(
        model=model,
        max_tokens=planned.max_tokens,
        messages=talk.messages,
        system=[*talk.system, *_json_wish(request)],
        tools=tools.tools,
        tool_choice=tools.choice,
        thinking=thinking,
        output_config=_output_config(request, planned.effort),
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        stop_sequences=_stop_sequences(request),
        service_tier=_service_tier(request),
        metadata=Metadata(request.user) if request.user else None,
        stream=request.stream,
    )


def _check_unheard_of(request: Conversation) -> None:
    """What would change the answer and has no place here. What would not (a seed, a cache's key) is passed over."""
    if request.choices != 1:
        raise refused(request, "n", "it gives one answer at a time.")
    if request.logprobs is not None:
        raise refused(request, "logprobs", "it does not tell probabilities.")
    for member in ("frequency_penalty", "presence_penalty"):
        if getattr(request, member):
            raise refused(request, member, "it has no penalties.")


def _json_wish(request: Conversation) -> list[TextBlock]:
    wish = request.output_format
    return [TextBlock(JSON_ALONE)] if wish is not None and wish.schema is None else []


def _output_config(request: Conversation, effort: str | None) -> OutputConfig | None:
    wish = request.output_format
    schema = None if wish is None or wish.schema is None else Format(closed(wish.schema))
    return None if schema is None and effort is None else OutputConfig(schema, effort)


def _stop_sequences(request: Conversation) -> list[str]:
    if not all(sequence.strip() for sequence in request.stop):
        raise refused(request, "stop", "a stop sequence must hold more than white space.")
    return request.stop


def _service_tier(request: Conversation) -> str | None:
    tier = request.service_tier
    if tier is None:
        return None
    if tier not in _SERVICE_TIERS:
        raise refused(request, "service_tier", f"it has no tier '{tier}'.")
    return _SERVICE_TIERS[tier]
