"""The admin API's endpoints in words."""

from __future__ import annotations

from typing import Final

from gateway.face.openapi.operation import Access, Operation


def _admin(summary: str, *failures: int) -> Operation:
    return Operation(summary=summary, tag="Admin", access=Access.ADMIN, failures=failures)


ADMIN_OPERATIONS: Final = {
    "GET /admin/actors": _admin("The tree of actors, each with its state, mailbox and detail"),
    "GET /admin/actors/{name}": _admin("One actor", 404),
    "GET /admin/config": _admin("The settings in force, secrets masked"),
    "GET /admin/spend": _admin("What was spent, by key, model, provider and day", 503),
}
