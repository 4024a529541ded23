"""What the scripts of spending and budgets do, in Python; test_budgets.py holds it against the real server."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.store.fake_redis import FakeServer


def reserve(server: FakeServer, keys: list[str], arguments: list[str]) -> list[int]:
    name, amount, day_limit, month_limit, hold_ms = arguments[0], *map(int, arguments[1:])
    now = server.now()
    holds: dict[str, tuple[int, float]] = server.get(keys[2]) or {}
    holds = {other: hold for other, hold in holds.items() if hold[1] > now}
    day, month = (int(server.get(key) or 0) for key in keys[:2])
    held = sum(other_amount for other, (other_amount, _) in holds.items() if other != name)
    granted = name in holds or not any(
        limit >= 0 and spent + held + amount > limit for limit, spent in ((day_limit, day), (month_limit, month))
    )
    if granted:
        holds.setdefault(name, (amount, now + hold_ms / 1000))
    server.values[keys[2]] = (holds, None)
    return [int(granted), day, month, held]


def spend(server: FakeServer, keys: list[str], arguments: list[str]) -> list[bytes]:
    parcel, on_day, in_month, rows, holds, _ = keys
    serial, amount, _, most, count = map(int, arguments[:5])
    ids, figures = arguments[5 : 5 + count], arguments[5 + count :]
    if int(server.get(parcel) or 0) < serial:
        server.values[parcel] = (serial, None)
        for key in (on_day, in_month):
            server.values[key] = (int(server.get(key) or 0) + amount, None)
        server.values[holds] = (
            {name: hold for name, hold in (server.get(holds) or {}).items() if name not in ids},
            None,
        )
        page: dict[str, int] = dict(server.get(rows) or {})
        full = len(page) >= most
        for place, name, more in zip(figures[::3], figures[1::3], figures[2::3], strict=True):
            field = f"{place}\t{name}"
            if full and field not in page:
                field = f"other\tother\t{name}"
            page[field] = page.get(field, 0) + int(more)
        server.values[rows] = (page, None)
    return [str(server.get(key) or 0).encode() for key in (on_day, in_month)]


def _script(name: str) -> str:
    return files("gateway.keys").joinpath(name).read_text(encoding="ascii")


BUDGETS: dict[str, Any] = {_script("reserve.lua"): reserve, _script("spend.lua"): spend}
