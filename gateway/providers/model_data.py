"""What is known of providers' models without asking them: their names, context windows and prices.

model_data.json is written from the genai-prices package (tests/providers/price_package.py), which itself would cost
every process 14 MB, and requests the tenth of a second in which it is loaded.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import msgspec

from gateway.providers.prices import Tariff

FILE = Path(__file__).with_name("model_data.json")

_NO_TARIFF = msgspec.Raw()
_read_tariff = msgspec.json.Decoder(Tariff).decode
_COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class _Rule(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Names that are a model's too, without standing in its list: dated ones for instance."""

    starts: str = ""
    contains: str = ""
    ends: str = ""
    matches: str = ""
    """A pattern for what fits the rest; few names get as far."""

    def fits(self, name: str) -> bool:
        return (
            name.startswith(self.starts)
            and self.contains in name
            and name.endswith(self.ends)
            and (not self.matches or re.search(self.matches, name) is not None)
        )


class _Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    names: tuple[str, ...]
    """In lower case."""
    window: int | None = None
    tariff: msgspec.Raw = _NO_TARIFF
    """Read when somebody asks: few of a thousand models are ever used."""
    rules: tuple[_Rule, ...] = ()


class _Table:
    """One provider's models."""

    def __init__(self, models: list[_Model]) -> None:
        self.by_name = {name: model for model in models for name in model.names}
        self._by_rule = [(rule, model) for model in models for rule in model.rules]

    def find(self, name: str) -> _Model | None:
        """The model that a provider knows by `name`; the first rule wins, and a list beats all rules."""
        name = name.lower()
        dashed = _COMPACT_DATE.sub(r"-\1-\2-\3", name)  # OpenRouter writes dates without the dashes of their vendors
        return self._find(name) or (self._find(dashed) if dashed != name else None)

    def _find(self, name: str) -> _Model | None:
        model = self.by_name.get(name)
        if model is not None:
            return model
        return next((model for rule, model in self._by_rule if rule.fits(name)), None)


class ModelData:
    """The tables of our providers. A look-up takes some 10 µs for a name that is in no list."""

    def __init__(self) -> None:
        self._tables = _read()

    def window(self, provider: str, model: str) -> int | None:
        """The context window in tokens, None where it is not known."""
        found = self._find(provider, model)
        return None if found is None else found.window

    def tariff(self, provider: str, model: str) -> Tariff | None:
        """What the model costs, None where it is not known."""
        found = self._find(provider, model)
        return None if found is None or not found.tariff else _read_tariff(found.tariff)

    def lists(self, model: str) -> bool:
        """Whether a provider is known to offer exactly this name."""
        return any(model in table.by_name for table in self._tables.values())

    def _find(self, provider: str, model: str) -> _Model | None:
        table = self._tables.get(provider)
        return None if table is None else table.find(model)


@cache
def _read() -> dict[str, _Table]:
    """The file, once for all gateways of a process: it never changes."""
    providers = msgspec.json.decode(FILE.read_bytes(), type=dict[str, list[_Model]])
    return {name: _Table(models) for name, models in providers.items()}
