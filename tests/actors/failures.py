"""The ways in which a scripted provider fails, and a router whose retries come without a pause."""

from __future__ import annotations

from actors.errors import Blame, Failure
from actors.policy.retry_plan import RetrySettings
from actors.router import RouterSettings

EXACT = RouterSettings(retry=RetrySettings(backoff_base_s=0.0))
"""Retries without a random pause, so that times can be asserted."""


class ServerError(Failure):
    retryable = True
    blame = Blame.MODEL


class BadRequest(Failure):
    pass


class Throttled(Failure):
    retryable = True
    throttled = True


class TooLong(Failure):
    wants_window = True
