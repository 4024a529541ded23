"""The admin API's endpoints in words."""

from __future__ import annotations

from typing import Any, Final

from gateway.config.client_keys import NewKey, NewTerms
from gateway.face.openapi.operation import EVENTS_TYPE, Access, Operation, Parameter
from gateway.keys.report import GROUPS

_MODEL: Final = {"type": "string", "minLength": 1, "description": "As the provider knows it."}
_LIMIT: Final = {"type": "integer", "minimum": 0, "description": "0 is no limit."}
_LEVEL: Final = {"type": "string", "enum": ["debug", "info", "warning", "error", "critical"]}
_BREAKER: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["action"],
    "properties": {
        "action": {"type": "string", "enum": ["open", "close", "reset"]},
        "model": {**_MODEL, "description": "As the provider knows it; * is its host."},
        "for_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 86_400},
    },
    "additionalProperties": False,
}
_LIMITS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "model": _MODEL,
        "requests_per_minute": _LIMIT,
        "tokens_per_minute": _LIMIT,
        "max_concurrent": {"type": "integer", "minimum": 1, "description": "Of the provider only."},
    },
    "additionalProperties": False,
}
_LEVELS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "level": _LEVEL,
        "levels": {
            "type": "object",
            "maxProperties": 100,
            "additionalProperties": {"anyOf": [_LEVEL, {"type": "null"}]},
            "description": "By module; null takes a module's own away.",
        },
    },
    "additionalProperties": False,
}
_ROTATION: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "grace_s": {
            "type": "number",
            "minimum": 0,
            "maximum": 2_592_000,
            "default": 86_400,
            "description": "For so long those before it go on.",
        }
    },
    "additionalProperties": False,
}
_DAY: Final = {"type": "string", "format": "date"}
_SPENT: Final = (
    Parameter("from", _DAY, "The first day, in UTC; the first of the last day's month where it is left out."),
    Parameter("to", _DAY, "The last day, at most 92 after the first; today where it is left out."),
    Parameter(
        "group_by",
        {"type": "string", "pattern": f"^({'|'.join(GROUPS)})(,({'|'.join(GROUPS)}))*$"},
        "What is told apart, each once; all of it where it is left out.",
    ),
    Parameter("key", {"type": "string"}, "One client key's label."),
)
_ORDER: Final = (404, 409, 503)
_BODY: Final = (413, 415)


def _look(summary: str, *failures: int, parameters: tuple[Parameter, ...] = ()) -> Operation:
    return Operation(summary=summary, tag="Admin", access=Access.ADMIN, parameters=parameters, failures=failures)


def _order(summary: str, request: Any = None, *, status: int = 200, request_required: bool = True) -> Operation:
    """What changes something."""
    failures = _ORDER if request is None else (*_ORDER, *_BODY)
    return Operation(
        summary=summary,
        tag="Admin",
        access=Access.ADMIN,
        request=request,
        request_required=request_required,
        status=status,
        failures=failures,
    )


ADMIN_OPERATIONS: Final = {
    "GET /admin/actors": _look("The tree of actors, each with its state, mailbox and detail"),
    "GET /admin/actors/{name}": _look("One actor", 404),
    "POST /admin/actors/{name}/restart": _order("Stop an actor and start it afresh"),
    "GET /admin/events": Operation(
        summary="How everything stands once a second, and what happens as it happens",
        tag="Admin",
        access=Access.ADMIN,
        answers=(EVENTS_TYPE,),
        failures=(503,),
    ),
    "GET /admin/requests": _look("The requests in flight, the oldest first"),
    "DELETE /admin/requests/{id}": _order("End a request in flight"),
    "POST /admin/providers/{name}/pause": _order("Let a provider's new calls wait"),
    "POST /admin/providers/{name}/drain": _order("Send a provider's new calls elsewhere"),
    "POST /admin/providers/{name}/resume": _order("Let a provider take calls again"),
    "POST /admin/providers/{name}/breaker": _order("Open or shut a breaker", _BREAKER),
    "PATCH /admin/providers/{name}/limits": _order("Change a limit, until the settings are read again", _LIMITS),
    "GET /admin/log-levels": _look("The log levels in force"),
    "PATCH /admin/log-levels": _order("Change log levels, until the settings are read again", _LEVELS),
    "GET /admin/config": _look("The settings in force, secrets masked"),
    "POST /admin/reload": _order("Read the settings again"),
    "GET /admin/keys": _look("The client keys, without what opens them", 503),
    "POST /admin/keys": _order("Make a client key, which is shown this once", NewKey, status=201),
    "PATCH /admin/keys/{label}": _order("Change what a client key may", NewTerms),
    "DELETE /admin/keys/{label}": _order("Revoke a client key"),
    "POST /admin/keys/{label}/rotate": _order(
        "Another secret for a client key, which is shown this once", _ROTATION, request_required=False
    ),
    "GET /admin/spend": _look("What was spent, by key, model, provider and day", 503, parameters=_SPENT),
}
