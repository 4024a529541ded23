"""Client keys from the command line: in the shared store, which running gateways hear from within two seconds.

Where there is no store keys live in gateway.toml, as their SHA-256: `create` says what to paste there.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import trio

from gateway.config import Config
from gateway.config.client_keys import KeyTerms
from gateway.edge.sockets import connect
from gateway.errors import GatewayError, NotFound, StoreUnavailable
from gateway.keys.registry import Ask, Registry, shown, shown_of_config
from gateway.keys.secret import NewKey, new_key
from gateway.keys_command.terms import WrongUsage, grace_of, terms_of
from gateway.standard_output import put_out
from gateway.store.redis_client import in_threads
from gateway.store.search import StoreSearch
from gateway.world import RedisDown, RedisExecutor, RedisRefused

DONE: Final = 0
NOT_DONE: Final = 1
WRONG_USAGE: Final = 2
LIMIT_S: Final = 5.0


def run(given: Namespace, config: Config) -> int:
    """The exit code: 0 done, 1 it cannot be done, 2 written wrongly. What went wrong is told on standard error."""
    try:
        terms = terms_of(given)
        if given.action == "rotate":
            given.grace_s = grace_of(given)
    except WrongUsage as wrong:
        return _complain(f"{wrong}", WRONG_USAGE)
    try:
        return trio.run(_run, given, config, terms)
    except GatewayError as failure:
        return _complain(failure.message, NOT_DONE)


async def _run(given: Namespace, config: Config, terms: KeyTerms) -> int:
    place = await StoreSearch(config.store_address, connect, variable=config.store.url_env)()
    if place.address is None:
        return _without_store(given, config, terms, place.because)
    redis = in_threads()(place.address, config.store.ca_file)
    try:
        registry = Registry(_asker(redis), prefix=config.store.prefix, wall_clock=time.time)
        return await _ACTIONS[given.action](registry, given, config, terms)
    except NotFound as unknown:
        return _complain(_where_else(given.label, config) or unknown.message, NOT_DONE)
    finally:
        await redis.close()


def _where_else(label: str, config: Config) -> str | None:
    """Where a key stands that the store does not have; None: nowhere."""
    if any(key.label == label for key in config.auth.keys):
        return f"The key '{label}' stands in gateway.toml: change [[auth.keys]] there and send the gateway SIGHUP."
    if any(key.label == label for key in config.client_keys):
        return f"The key '{label}' stands in LLM_GATEWAY_API_KEYS: change it there and start the gateway again."
    return None


def _asker(redis: RedisExecutor) -> Ask:
    """Stands in for a StoreLine: one command a round trip."""

    async def ask(operation: str, *words: Any) -> Any:
        reason = "it does not answer"
        with trio.move_on_after(LIMIT_S):
            try:
                (reply,) = await redis.execute([words])
            except RedisDown as down:
                reason = down.reason
            else:
                if not isinstance(reply, RedisRefused):
                    return reply
                reason = reply.reason
        raise StoreUnavailable(f"The store cannot be used: {reason}.")

    return ask


async def _create(registry: Registry, given: Namespace, config: Config, terms: KeyTerms) -> int:
    if any(key.label == given.label for key in config.client_keys):
        return _complain(f"The configuration has a key '{given.label}' already.", NOT_DONE)
    made, _ = await registry.create(given.label, terms)
    return _show_once(made, f"The key of '{given.label}', shown this once. Gateways of this store know it now.")


async def _rotate(registry: Registry, given: Namespace, _config: Config, _terms: KeyTerms) -> int:
    made, _ = await registry.rotate(given.label, given.grace_s)
    return _show_once(made, f"The new key of '{given.label}', shown this once. {_grace(given.grace_s)}")


async def _revoke(registry: Registry, given: Namespace, _config: Config, _terms: KeyTerms) -> int:
    await registry.revoke(given.label)
    _say(f"The key of '{given.label}' is refused from now on, by running gateways within two seconds.")
    return DONE


async def _list(registry: Registry, _given: Namespace, config: Config, _terms: KeyTerms) -> int:
    now = time.time()
    _print_rows(
        [
            *(shown_of_config(key, now) for key in config.client_keys),
            *(shown(record, now) for record in await registry.all()),
        ]
    )
    return DONE


_ACTIONS: Final[dict[str, Callable[[Registry, Namespace, Config, KeyTerms], Awaitable[int]]]] = {
    "create": _create,
    "list": _list,
    "rotate": _rotate,
    "revoke": _revoke,
}


def _without_store(given: Namespace, config: Config, terms: KeyTerms, because: str) -> int:
    match given.action:
        case "list":
            now = time.time()
            _print_rows([shown_of_config(key, now) for key in config.client_keys])
            return DONE
        case "create":
            made = new_key()
            told = f"There is no store ({because}), so put this into gateway.toml and send the gateway SIGHUP:"
            return _show_once(made, f"{told}\n\n{_table(given.label, made, terms)}")
        case "rotate":
            advice = "make another key with `keys create`, and delete the old table once its clients have the new one"
        case _:
            advice = "delete its table [[auth.keys]] in gateway.toml and send the gateway SIGHUP"
    return _complain(f"There is no store ({because}): {advice}.", NOT_DONE)


def _table(label: str, made: NewKey, terms: KeyTerms) -> str:
    """A table of gateway.toml; what JSON and TOML write alike is written by JSON."""
    lines = ["[[auth.keys]]", f"label = {json.dumps(label)}", f"sha256 = {json.dumps(made.digest)}"]
    for name, value in msgspec.to_builtins(terms).items():
        if name == "expires":
            lines.append(f"expires = {value}")
        elif isinstance(value, dict):
            pairs = ", ".join(f"{json.dumps(tag)} = {json.dumps(text)}" for tag, text in value.items())
            lines.append(f"{name} = {{ {pairs} }}")
        else:
            lines.append(f"{name} = {json.dumps(value)}")
    return "\n".join(lines)


def _print_rows(keys: list[dict[str, Any]]) -> None:
    """One line a key: what there is of it, and then what it may do."""
    if not keys:
        _say("There are no client keys.")
    for key in keys:
        state, source = key.pop("state"), key.pop("source")
        hints = ", ".join(secret["hint"] for secret in key.pop("hints", ()))
        for name in ("created_at", "revoked_at"):
            if name in key:
                key[name] = datetime.fromtimestamp(key[name], UTC).isoformat(timespec="seconds")
        label = key.pop("label")
        terms = " ".join(f"{name}={json.dumps(value)}" for name, value in key.items())
        put_out(f"{label:<24} {state:<8} {source:<7} {hints:<14} {terms}".rstrip() + "\n")


def _show_once(made: NewKey, told: str) -> int:
    """The key alone on standard output, so that a script can take it; what is to be said of it beside that."""
    _say(told)
    put_out(made.text + "\n")
    return DONE


def _grace(grace_s: float) -> str:
    if grace_s == 0:
        return "The one before it is refused from now on."
    return f"The one before it opens for another {grace_s:g} s."


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def _complain(text: str, code: int) -> int:
    for line in text.splitlines():
        _say(f"llm-gateway keys: {line}")
    return code
