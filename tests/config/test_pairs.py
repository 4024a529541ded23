"""No mistake hides another: put in two at a time, both are told, and nothing but what was put in."""

from __future__ import annotations

import functools
import itertools
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.config import ConfigError, load
from gateway.config.mistakes import Path as Place
from tests.config.test_any_text import toml

FINE = tomli.loads("""
[server]
host = "0.0.0.0"
tls_cert = ""
tls_key = ""
cors_origins = ["*", "http://a.test"]
[[auth.keys]]
label = "ann"
env = "ANN"
models = ["a"]
tags = {team = "x"}
[[auth.keys]]
label = "bob"
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
[[routes]]
match = "mine-*"
provider = "q"
[retry]
backoff_base_s = 1.0
backoff_max_s = 8.0
budget_start = 3.0
budget_cap = 100.0
[providers.q]
kind = "openai"
base_url = "http://q.test"
adaptive_concurrency = true
min_concurrent = 1
max_concurrent = 9
[providers.p]
kind = "anthropic"
base_url = "http://p.test"
[providers.p.upstream]
engine = "httpx"
[models.x]
target = "mine-1"
fallbacks = ["p/1", "sandbox/echo"]
[models.x.prices]
input = 1
[cms]
url = "http://cms.test"
enabled = "on"
[health]
required = ["redis", "q"]
[tools.t]
url = "http://t.test"
schema = {type = "object"}
[metrics]
[traces]
endpoint = "http://traces.test"
[log]
levels = {}
""")
ENVIRON = {"ANN": "ann-has-this", "REDIS_URL": "redis://store.test"}
GONE = object()


@dataclass(frozen=True, eq=False)
class Wrong:
    """What is put in: settings, or GONE, by their places; a place of one upper-case name is a variable."""

    put: dict[Place, Any]
    told: str
    """The keys of all that is told of it, separated by blanks."""
    by: tuple[Place, ...] = ()
    """What it is judged by: nothing is said of it where this is wrong."""

    def clashes_with(self, other: Wrong) -> bool:
        """Whether both are about one setting, or one about a table around the other's."""
        return any(one[: len(two)] == two or two[: len(one)] == one for one in self.put for two in other.put)

    def rests_on(self, other: Wrong) -> bool:
        return any(place[: len(put)] == put for place in self.by for put in other.put)


def wrong(key: str, value: Any, told: str = "", *by: str) -> Wrong:
    """One setting, by its key with dots; `told` where another place is named, `by` as `Wrong` has it."""
    return Wrong({place(key): value}, told or shown(key), tuple(map(place, by)))


def place(key: str) -> Place:
    return tuple(int(part) if part.isdecimal() else part for part in key.split("."))


def shown(key: str) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place(key)).removeprefix(".")


MISTAKES = [
    wrong("servr", {}),
    wrong("server.prot", 1),
    wrong("server.port", "abc"),
    wrong("LLM_GATEWAY_PORT", "abc"),
    wrong("LLM_GATEWAY_LOG_LEVEL", "loud"),
    Wrong({place("server.tls_cert"): "/nope", place("server.tls_key"): ""}, "server.tls_cert server.tls_key"),
    wrong("server.tls_key", 5),
    wrong("server.cors_origins.0", 5),
    wrong("server.cors_origins.1", "a.test"),
    wrong("auth.keys.0.label", 5),
    wrong("auth.keys.1.label", "ann", "auth.keys[1].label", "auth.keys.0.label"),
    wrong("auth.keys.0.env", "NOPE"),
    wrong("auth.keys.0.sha256", "zz", "auth.keys[0].sha256 auth.keys[0].env"),
    wrong("auth.keys.0.models.0", ""),
    wrong("auth.keys.0.tags.team", 5),
    wrong("auth.keys.1.sha256", "zz"),
    wrong("auth.keys.1.budget_usd_per_day", -1),
    wrong("auth.unpriced_models", "maybe"),
    wrong("LLM_GATEWAY_API_KEYS", "two words"),
    wrong("routes.0.match", 5),
    wrong("routes.0.provider", "nobody"),
    wrong("retry.backoff_base_s", 0),
    wrong("retry.backoff_max_s", 0.5, "", "retry.backoff_base_s"),
    wrong("retry.budget_start", "many"),
    wrong("retry.budget_cap", 1, "", "retry.budget_start"),
    wrong("providers.q.kind", "zap"),
    wrong("providers.q.base_url", "nope"),
    wrong("providers.q.max_concurrent", 0),
    wrong("providers.q.min_concurrent", 10, "", "providers.q.max_concurrent"),
    wrong("providers.q.timeouts", {"idle": 1}, "providers.q.timeouts.idle"),
    wrong("providers.p.responses", True, "", "providers.p.kind"),
    wrong("providers.p.base_url", GONE, "", "providers.p.kind"),
    wrong("providers.p.kind", 5),
    wrong("providers.p.api_key_env", ["A", "A"]),
    wrong("providers.p.upstream.engine", "curl"),
    wrong("providers.p.upstream.proxy", "nope"),
    wrong("providers.r", {"kind": "sandbox", "fail": "501"}, "providers.r.fail"),
    wrong("providers.s", {"base_url": "nope"}, "providers.s providers.s.base_url"),
    wrong("providers.A-B", {"kind": "sandbox"}),
    wrong("models.x.target", 5),
    wrong("models.x.fallbacks.0", "x"),
    wrong("models.x.fallbacks.1", "sandbox/ech"),
    wrong("models.x.prices", {"cached_input": 1}),
    wrong("models.x.parameters", {"max_tokens": 1, "max_completion_tokens": 1}, "models.x.parameters.max_tokens"),
    wrong("models.y", {"target": "nobodys"}, "models.y.target", "routes.0.match"),
    wrong("models.z", {"target": "z"}, "models.z.target"),
    wrong("cms.url", "nope"),
    wrong("cms.timeout_s", 0),
    wrong("health.required.0", 5),
    wrong("health.required.1", "nobody"),
    wrong("tools.t.url", 5),
    wrong("tools.t.schema", {"type": "string"}),
    wrong("tools.t.token_env", "NOPE", "NOPE"),
    wrong("tools.generate_embeddings", {}, "tools.generate_embeddings tools.generate_embeddings.url"),
    wrong("tools.max_turns", 0),
    wrong("metrics.token_env", "a token"),
    wrong("traces.endpoint", "nope"),
    wrong("traces.ratio", 2),
    wrong("log.levels.a", "loud"),
    wrong("REDIS_URL", "nope"),
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(MISTAKES), st.sampled_from(MISTAKES))
@example(wrong("routes.0.match", 5), wrong("routes.0.provider", "nobody"))
@example(wrong("providers.q.kind", "zap"), wrong("providers.q.base_url", "nope"))
@example(wrong("auth.keys.0.label", 5), wrong("auth.keys.0.env", "NOPE"))
def test_of_two_mistakes_both_are_told_and_nothing_else(tmp_path: Path, one: Wrong, two: Wrong) -> None:
    pair = {one} if one.clashes_with(two) else {one, two}
    told = [each.told.split() for each in pair if not any(map(each.rests_on, pair - {each}))]
    put = {place: value for each in pair for place, value in each.put.items()}
    assert told_of(put, tmp_path) == sorted(itertools.chain(*told))


def told_of(put: dict[Place, Any], folder: Path) -> list[str]:
    """The keys of all that is wrong in what is fine otherwise."""
    document, environ = deepcopy(FINE), dict(ENVIRON)
    for at, value in put.items():
        if at[0] == str(at[0]).upper():
            environ[str(at[0])] = value
            continue
        around = functools.reduce(lambda table, part: table[part], at[:-1], document)
        around[at[-1]] = value
        if value is GONE:
            del around[at[-1]]
    file = folder / "gateway.toml"
    file.write_text("\n".join(f'"{name}" = {toml(value)}' for name, value in document.items()))
    try:
        load(file, environ)
    except ConfigError as refused:
        return sorted(mistake.key for mistake in refused.mistakes)
    return []
