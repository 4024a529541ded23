"""What the genai-prices package knows of models, and the file of ours that is written from it.

`python -m tests.providers.price_package` writes gateway/providers/model_data.json anew, when a newer package is locked.
The package itself stays out of the gateway: loading it takes 0.1 s in which no request is answered, and 14 MB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from genai_prices.data import providers
from genai_prices.types import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    MatchLogic,
    ModelInfo,
    Provider,
)

from gateway.providers.model_data import FILE

OURS = ("openai", "anthropic", "google", "deepseek", "openrouter")
"""Providers that the package knows by the same names."""

TABLES: dict[str, Provider] = {provider.id: provider for provider in providers if provider.id in OURS}


def written() -> str:
    """The whole file, one line a model."""
    return "{\n" + ",\n".join(_provider(name) for name in OURS) + "\n}\n"


def names_of(table: Provider) -> Iterator[str]:
    """All names that the package gives in full."""
    for model in table.models:
        yield model.id
        yield from (clause.equals for clause in _clauses(model.match) if isinstance(clause, ClauseEquals))


def _provider(name: str) -> str:
    table = TABLES[name]
    owned = _owned_names(table)
    lines = (json.dumps(_entry(model, owned[model.id]), separators=(",", ":")) for model in table.models)
    return f'"{name}": [\n' + ",\n".join(lines) + "\n]"


def _owned_names(table: Provider) -> dict[str, list[str]]:
    """Whose each name is: as the package itself finds it, where several models claim it."""
    owned: dict[str, list[str]] = {model.id: [] for model in table.models}
    for model in table.models:
        names = [model.id, *(clause.equals for clause in _clauses(model.match) if isinstance(clause, ClauseEquals))]
        for name in dict.fromkeys(map(str.lower, names)):
            owner = table.find_model(name) or model
            if name not in owned[owner.id]:
                owned[owner.id].append(name)
    return owned


def _entry(model: ModelInfo, names: list[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": model.id, "names": names}
    if model.context_window is not None:
        entry["window"] = model.context_window
    if rules := [_rule(clause) for clause in _clauses(model.match) if not isinstance(clause, ClauseEquals)]:
        entry["rules"] = rules
    return entry


def _clauses(match: MatchLogic) -> Iterator[MatchLogic]:
    if isinstance(match, ClauseOr):
        for clause in match.or_:
            yield from _clauses(clause)
    else:
        yield match


def _rule(clause: MatchLogic) -> dict[str, str]:
    match clause:
        case ClauseStartsWith(text):
            return {"starts": text.lower()}
        case ClauseContains(text):
            return {"contains": text.lower()}
        case ClauseEndsWith(text):
            return {"ends": text.lower()}
        case ClauseRegex(pattern):
            return {"starts": _literal_beginning(pattern), "matches": pattern}
        case ClauseAnd([ClauseStartsWith(text), ClauseRegex(pattern)]):
            return {"starts": text.lower(), "matches": pattern}
    raise NotImplementedError(f"a rule of a new kind: {clause}")


def _literal_beginning(pattern: str) -> str:
    """What every name begins with that matches: up to the first character that means something else."""
    beginning = re.match(r"\^((?:[a-z0-9/-]|\\\.)+)", pattern)
    if beginning is None or not re.match(r"\\d|\[|\(|$", pattern[beginning.end() :]):
        raise NotImplementedError(f"a pattern without a plain beginning: {pattern}")
    return beginning[1].replace("\\.", ".")


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
