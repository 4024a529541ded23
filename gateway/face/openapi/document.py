"""The OpenAPI document (https://spec.openapis.org/oas/v3.1.1.html), made of routes and what is said of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from gateway.face.openapi.operation import EVENTS_TYPE, JSON_TYPE, Access, Operation, Parameter

Document = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/{name}"
_VARIABLE: Final = re.compile(r"<(?:\w+:)?(\w+)>")
_FROM_ANY: Final = (400, 405, 431, 500)
"""What any endpoint may answer: a request that is none, a method it has not, too many headers, a crash of ours."""
_OF_ACCESS: Final[Mapping[Access, tuple[int, ...]]] = {
    Access.OPEN: (),
    Access.CLIENT: (401, 403),
    Access.ADMIN: (401, 403),
    Access.METRICS: (401,),
}
_SECURITY: Final[Mapping[Access, list[Document]]] = {
    Access.OPEN: [],
    Access.CLIENT: [{}, {"clientKey": []}, {"anthropicKey": []}],
    Access.ADMIN: [{}, {"adminToken": []}],
    Access.METRICS: [{}, {"metricsToken": []}],
}
_SCHEMES: Final[Document] = {
    "clientKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A client key, where the gateway asks for one (auth.mode).",
    },
    "anthropicKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "The same key."},
    "adminToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "LLM_GATEWAY_ADMIN_TOKEN; where there is none, only requests from the same machine come in.",
    },
    "metricsToken": {"type": "http", "scheme": "bearer", "description": "metrics.token, where one is set."},
}
_MESSAGE: Final[Document] = {"type": "string", "description": "What happened, to what, and what to do."}
_ERRORS: Final[Document] = {
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["message"],
                "properties": {
                    "message": _MESSAGE,
                    "type": {"type": ["string", "null"]},
                    "param": {"type": ["string", "null"], "description": "The field, like messages[0].role."},
                    "code": {"type": ["string", "integer", "null"]},
                },
            }
        },
    },
    "AnthropicError": {
        "type": "object",
        "required": ["type", "error"],
        "properties": {
            "type": {"const": "error"},
            "error": {
                "type": "object",
                "required": ["type", "message"],
                "properties": {"type": {"type": "string"}, "message": _MESSAGE},
            },
        },
    },
}


def path_of(rule: str) -> str:
    """A route's path as OpenAPI writes it: `/v1/models/<path:id>` is `/v1/models/{id}`."""
    return _VARIABLE.sub(r"{\1}", rule)


def document(routes: Iterable[tuple[str, str]], operations: Mapping[str, Operation], version: str) -> Document:
    """Describes `routes`, methods and rules, with the words in `operations` by method and path.

    Raises LookupError for a route without words.
    """
    types = list({it.request: None for it in operations.values() if isinstance(it.request, type)})
    references, shapes = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    bodies = dict(zip(types, references, strict=True))
    paths: Document = {}
    for method, rule in routes:
        path = path_of(rule)
        if (operation := operations.get(f"{method} {path}")) is None:
            raise LookupError(f"{method} {path} is served, and has no words in gateway/face/openapi")
        described = _operation(operation, f"{method.lower()}{re.sub(r'[^A-Za-z0-9]+', '_', path)}", bodies)
        described["parameters"] = [*_path_parameters(path), *map(_parameter, operation.parameters)]
        paths.setdefault(path, {})[method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "llm-gateway",
            "version": version,
            "description": "An OpenAI-compatible gateway. Members of a request that are not named here travel on to "
            "providers that speak the client's dialect.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": {**_open(shapes), **_ERRORS}, "securitySchemes": _SCHEMES},
    }


def _operation(operation: Operation, identifier: str, bodies: Mapping[Any, Document]) -> Document:
    described: Document = {
        "operationId": identifier,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": _SECURITY[operation.access],
        "responses": {str(operation.status): _answer(operation), **_failures(operation)},
    }
    if operation.request is not None:
        schema = operation.request if isinstance(operation.request, dict) else bodies[operation.request]
        described["requestBody"] = {
            "required": operation.request_required,
            "content": {JSON_TYPE: {"schema": schema}},
        }
    return described


def _answer(operation: Operation) -> Document:
    schemas = {JSON_TYPE: operation.answer, EVENTS_TYPE: {"description": "Server-sent events."}}
    content = {kind: {"schema": schemas.get(kind, {"type": "string"})} for kind in operation.answers}
    described: Document = {"description": HTTPStatus(operation.status).phrase}
    return {**described, "content": content} if content else described


def _failures(operation: Operation) -> Document:
    ours, theirs = ({"$ref": _REFERENCE.format(name=name)} for name in ("Error", "AnthropicError"))
    envelope: Document = theirs if operation.anthropic_errors else ours
    content = {JSON_TYPE: {"schema": {"anyOf": [ours, theirs]} if operation.either_errors else envelope}}
    if operation.tag == "Health":
        content = {JSON_TYPE: {"schema": {"type": "object"}}}
    statuses = sorted({*_FROM_ANY, *_OF_ACCESS[operation.access], *operation.failures} - {operation.status})
    return {str(status): {"description": _phrase(status), "content": content} for status in statuses}


def _phrase(status: int) -> str:
    return "Overloaded (Anthropic)" if status == 529 else HTTPStatus(status).phrase


def _path_parameters(path: str) -> list[Document]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _parameter(parameter: Parameter) -> Document:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": False,
        "schema": parameter.schema,
        "description": parameter.description,
    }


def _open(shapes: Mapping[str, Document]) -> Document:
    """Without the decoders' strictness: what a translation refuses may be fine for a provider of the same dialect."""
    return {
        name: {word: value for word, value in shape.items() if word != "additionalProperties" or value is not False}
        for name, shape in shapes.items()
    }
