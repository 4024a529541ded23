"""What must be true of how providers are asked: their own key, each header once, nothing that is a client's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.sim.evidence import Evidence, Life
from tests.sim.history import Exchange
from tests.sim.town import CLIENT_KEYS

CREDENTIALS = (b"authorization", b"x-api-key", b"x-goog-api-key")


def headers_come_once(evidence: Evidence) -> Iterator[str]:
    """A field that stands twice is read by one provider as this and by another as that."""
    for exchange in evidence.history.exchanges:
        for name, times in Counter(name for name, _ in _fields(exchange)).items():
            if times > 1:
                yield f"{exchange.request_id}: {exchange.provider} got {name!r} {times} times"


def clients_keys_stay_here(evidence: Evidence) -> Iterator[str]:
    """The key that a client has shown goes to no provider."""
    for exchange in evidence.history.exchanges:
        for key in CLIENT_KEYS:
            if key.encode() in exchange.head or key.encode() in exchange.body:
                yield f"{exchange.request_id}: {exchange.provider} has seen {key}"


def providers_get_their_present_key(evidence: Evidence) -> Iterator[str]:
    """One of those that the settings had at any time between the question and this attempt, and no other's."""
    heard = {each.id: each for each in evidence.all_heard}
    for life in evidence.lives:
        for request in life.calls_of:
            asked_at = heard[request].asked_at if request in heard else 0.0
            for exchange in evidence.by_request.get(request, ()):
                keys = _keys_between(life, exchange.provider, asked_at, exchange.at)
                if keys and _credential(exchange) not in keys:
                    yield f"{request}: {exchange.provider} was asked at {exchange.at:g} with {_credential(exchange)}"


def _keys_between(life: Life, provider: str, since: float, until: float) -> set[str]:
    return {
        key
        for terms in life.terms
        if terms.since <= until and since <= terms.until
        for key in terms.keys.get(provider, ())
    }


def _credential(exchange: Exchange) -> str:
    said = [value for name, value in _fields(exchange) if name in CREDENTIALS]
    return b" ".join(said).decode().removeprefix("Bearer ")


def _fields(exchange: Exchange) -> Iterator[tuple[bytes, bytes]]:
    for line in exchange.head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        yield name.strip().lower(), value.strip()
