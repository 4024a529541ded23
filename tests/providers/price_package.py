"""What the genai-prices package knows of models, and the file of ours that is written from it.

`make models` writes gateway/providers/model_data.json anew, when a newer package is locked.
The package itself stays out of the gateway: loading it takes 0.1 s in which no request is answered, and 14 MB.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
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
    ConditionalPrice,
    MatchLogic,
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from gateway.providers.model_data import FILE

OURS = ("openai", "anthropic", "google", "deepseek", "openrouter")
"""Providers that the package knows by the same names."""

RATES = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
    "output_reasoning_mtok": "reasoning_output",
}
"""The package's prices that a Usage can be charged by, as `gateway.providers.prices.Rates` calls them."""

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
    if tariff := _tariff(model):
        entry["tariff"] = tariff
    if rules := [_rule(clause) for clause in _clauses(model.match) if not isinstance(clause, ClauseEquals)]:
        entry["rules"] = rules
    return entry


def _tariff(model: ModelInfo) -> dict[str, Any]:
    if isinstance(model.prices, ModelPrice):
        prices = _prices(model.prices)
        return {"prices": prices} if prices else {}
    first, *later = model.prices
    if first.constraint is not None:
        raise NotImplementedError(f"prices of {model.id} that hold under a condition only")
    prices, changes = _prices(first.prices), [_change(each) for each in later]
    # What else may change (the price of a tool call, for instance) is no change here.
    while changes and changes[0]["prices"] == prices:
        del changes[0]
    return {"prices": prices, **({"changes": changes} if changes else {})}


def _change(conditional: ConditionalPrice) -> dict[str, Any]:
    prices = _prices(conditional.prices)
    match conditional.constraint:
        case StartDateConstraint(day):
            return {"prices": prices, "since": day.isoformat()}
        case TimeOfDateConstraint(begins, ends) if not begins.utcoffset() and not ends.utcoffset():
            return {"prices": prices, **{name: f"{at:%H:%M:%S}" for name, at in (("begins", begins), ("ends", ends))}}
    raise NotImplementedError(f"a condition of a new kind: {conditional.constraint}")


def _prices(model_price: ModelPrice) -> dict[str, Any]:
    """Base rates, and a whole set of rates for each tier."""
    given = {ours: price for theirs, ours in RATES.items() if (price := getattr(model_price, theirs)) is not None}
    tiered = [price for price in given.values() if isinstance(price, TieredPrices)]
    starts = sorted({tier.start for price in tiered for tier in price.tiers})
    tiers = [
        {"above_input_tokens": start, **{name: _rate(price, start) for name, price in given.items()}}
        for start in starts
    ]
    return {**{name: _rate(price, 0) for name, price in given.items()}, **({"tiers": tiers} if tiers else {})}


def _rate(price: Decimal | TieredPrices, start: int) -> float:
    """What applies to calls with a prompt a little longer than `start`."""
    if not isinstance(price, TieredPrices):
        rate = price
    else:
        rate = next((tier.price for tier in reversed(price.tiers) if tier.start <= start and start), price.base)
    return int(rate) if rate == int(rate) else float(rate)


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
