"""Draws a scenario from a seed."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from tests.memory_network import WINDOW_BYTES
from tests.sim.scenario import CALM_AT, Ask, Blow, Client, Dialect, Fault, Mood, Scenario, Temper, Timeouts
from tests.sim.town import CLIENT_KEYS, EMBEDDERS, HOUSES, RINGS, SINGLES, takes
from tests.sim.twists import MOST_KILLS, with_twists

LEAST_CLIENTS, LEAST_ASKS, LEAST_FAULTS = 8, 26, 3
"""Of the 26 some are not asked any more when it is calm; 20 always are."""
SPELLS = (
    Mood.SERVER_ERROR,
    Mood.SERVER_ERROR,
    Mood.SERVER_ERROR,
    Mood.THINKING,
    Mood.THINKING,
    Mood.THROTTLED,
    Mood.THROTTLED_UNTIL,
    Mood.RESET,
    Mood.SILENT,
    Mood.SLOW,
    Mood.CUT,
    Mood.CUT,
    Mood.STREAM_RESET,
    Mood.STALLED,
    Mood.NO_END,
    Mood.ERROR_FIRST,
    Mood.ERROR_WITHIN,
    Mood.GARBAGE,
    Mood.SHORT,
    Mood.CLOSED,
    Mood.KEY_REFUSED,
)
WISHES: tuple[dict[str, bool], ...] = (
    *[{}] * 8,
    {"tools": True},
    {"tools": True, "thinks": True},
    {"thinks": True},
    {"structured": True},
)
TEMPERS = (
    *[Temper.PATIENT] * 5,
    *[Temper.IMPATIENT] * 3,
    Temper.HANGS_UP_SENDING,
    Temper.HANGS_UP_READING,
    Temper.SLOW,
    Temper.PIPELINING,
)
KILLED = ("openai", "anthropic", "google", "deepseek", "openai", "router", "store")


def scenario_of(seed: int) -> Scenario:
    """The scenario of a seed: at least 8 clients, 20 requests and 3 faults."""
    chance = Random(seed)
    workers = chance.choice([1, 1, 1, 2, 2, 3])
    shared = workers > 1 or chance.random() < 0.2
    timeouts = Timeouts(
        connect_s=chance.choice([0.5, 1.0, 2.0]),
        first_token_s=chance.choice([2.0, 3.0, 5.0]),
        idle_s=chance.choice([1.0, 2.0, 4.0]),
        total_s=chance.choice([6.0, 10.0, 15.0]),
        hedge_after_s=chance.choice([0.5, 1.0, 2.0]),
        queue_s=chance.choice([0.5, 2.0, 4.0]),
    )
    retry_start = chance.choice([0.0, 3.0, 3.0, 20.0])
    write_stall_s = chance.choice([2.0, 4.0, 10.0])
    drain_grace_s = chance.choice([1.0, 4.0, 8.0])
    rate = chance.choice([0, 0, 0, 12, 60])
    tokens = Random(f"{seed}/tokens").choice([0, 0, 60_000])
    settings = _settings(chance, timeouts, retry_start, write_stall_s, drain_grace_s, rate, tokens)
    settings = settings.replace('env = "TEAM_B"\n', f'env = "TEAM_B"\n{_budget(Random(f"{seed}/budget"))}')
    scenario = Scenario(
        seed=seed,
        engine="hypercorn" if chance.random() < 0.12 else chance.choice(["edge"] * 7 + ["edge-quart-only"]),
        workers=workers,
        shared=shared,
        settings=settings,
        reloaded=settings.replace("max_concurrent = ", "max_concurrent = 1"),
        timeouts=timeouts,
        retry_start=retry_start,
        write_stall_s=write_stall_s,
        drain_grace_s=drain_grace_s,
        requests_per_minute=rate,
        tokens_per_minute=tokens,
        window_bytes=chance.choice([500, 4000, WINDOW_BYTES]),
        moody=chance.choice([0.0, 0.1, 0.3]),
        clients=_with_wishes(Random(f"{seed}/wishes"), _clients(chance, workers)),
        faults=_faults(chance, workers, shared=shared),
    )
    return with_twists(scenario)


def _settings(
    chance: Random, timeouts: Timeouts, retry_start: float, write_stall_s: float, grace_s: float, rate: int, tokens: int
) -> str:
    names = ("connect_s", "first_token_s", "idle_s", "total_s", "hedge_after_s", "queue_s")
    times = "".join(f"{name} = {getattr(timeouts, name)}\n" for name in names)
    houses = []
    for name in HOUSES:
        adapts = "adaptive_concurrency = true\nmin_concurrent = 1\n" if chance.random() < 0.15 else ""
        # A reload turns this into ten times as much and more (see `reloaded`): the provider's actor is replaced.
        houses.append(
            f"[providers.{name}]\nmax_concurrent = {chance.choice([1, 2, 16])}\nmemory_mb = {chance.choice([1, 8])}\n"
            f"requests_per_minute = {rate if name == 'openai' else 0}\n"
            f"tokens_per_minute = {tokens if name == 'anthropic' else 0}\n{adapts}"
        )
        if name == "openai":
            houses.append('api_key_env = ["OPENAI_API_KEY", "OPENAI_SECOND_KEY"]\n')
    team = "max_concurrent = 2\nrequests_per_minute = 30\n" if chance.random() < 0.3 else ""
    return (
        f"[timeouts]\n{times}"
        f"[retry]\nattempts = {chance.choice([1, 2, 3])}\nbudget_start = {retry_start}\n"
        f'[midstream]\npolicy = "{chance.choice(["resume"] * 4 + ["error"])}"\n'
        f"[memory]\nthreshold_mb = 1000\ningress_mb = {chance.choice([1, 64])}\n"
        f"[server]\nwrite_stall_s = {write_stall_s}\ndrain_grace_s = {grace_s}\nkeep_alive_s = 30.0\nheader_s = 3.0\n"
        f'[auth]\nmode = "keys"\n[[auth.keys]]\nlabel = "team-a"\nenv = "TEAM_A"\n'
        f'[[auth.keys]]\nlabel = "team-b"\nenv = "TEAM_B"\n{team}' + "".join(houses)
    )


def _budget(chance: Random) -> str:
    """Of the second key: half of them have one, and some use it up."""
    edge = chance.choice(["", "", "soft", "hard"])
    usd = chance.choice([0.002, 0.03, 0.3])
    return f'budget_usd_per_day = {usd}\nbudget_edge = "{edge}"\n' if edge else ""


def _clients(chance: Random, workers: int) -> tuple[Client, ...]:
    """Most of the time a third of them comes at once, and half of what they ask is of one model."""
    clients: list[Client] = []
    asks = 0
    favourite = chance.choice(list(RINGS) + list(SINGLES))
    rush_at = chance.uniform(1.0, CALM_AT - 10.0)
    while len(clients) < LEAST_CLIENTS or asks < LEAST_ASKS:
        temper = chance.choice(TEMPERS)
        several = tuple(_ask(chance, favourite) for _ in range(chance.randint(1, 4)))
        clients.append(
            Client(
                number=len(clients),
                worker=chance.randrange(workers),
                starts_at=rush_at if chance.random() < 0.35 else chance.uniform(0.0, CALM_AT - 9.0),
                temper=temper,
                limit=_limit(chance, temper),
                asks=several,
                key=chance.choice(list(CLIENT_KEYS)),
            )
        )
        asks += len(several)
    abusive = Client(
        number=len(clients),
        worker=chance.randrange(workers),
        starts_at=chance.uniform(0.0, CALM_AT - 8.0),
        temper=Temper.ABUSIVE,
        limit=chance.randrange(1000),
        asks=(),
    )
    return (*clients, abusive)


def _with_wishes(chance: Random, clients: tuple[Client, ...]) -> tuple[Client, ...]:
    """A third of the questions is for more than a text."""
    return tuple(replace(client, asks=tuple(_wishing(chance, ask) for ask in client.asks)) for client in clients)


def _wishing(chance: Random, ask: Ask) -> Ask:
    wish = chance.choice(WISHES)
    return ask if ask.dialect is Dialect.EMBEDDINGS else replace(ask, **wish)


def _limit(chance: Random, temper: Temper) -> float:
    match temper:
        case Temper.IMPATIENT:
            return chance.choice([0.0, chance.uniform(0, 1), chance.uniform(0, 6)])
        case Temper.HANGS_UP_SENDING:
            return chance.randint(1, 400)
        case Temper.HANGS_UP_READING:
            return chance.choice([1, chance.randint(1, 300), chance.randint(300, 3000)])
        case Temper.SLOW:
            return chance.choice([0.3, 1.0, 15.0])
        case _:
            return 0.0


def _ask(chance: Random, favourite: str) -> Ask:
    model = favourite if chance.random() < 0.5 else chance.choice([*RINGS, *RINGS, *SINGLES, *EMBEDDERS])
    dialect = chance.choice(takes(model))
    return Ask(
        dialect=dialect,
        model=model,
        streamed=dialect is not Dialect.EMBEDDINGS and chance.random() < 0.65,
        pause_s=chance.choice([0.0, 0.1, chance.uniform(0, 3)]),
        timeout_s=chance.randint(1, 5) if chance.random() < 0.25 else None,
        priority=chance.choice(["", "", "", "low", "high"]),
        padding=chance.choice([0, 0, 0, 300, 5000]),
    )


def _faults(chance: Random, workers: int, *, shared: bool) -> tuple[Fault, ...]:
    kinds = [Blow.MOOD] * 6 + [Blow.KILL] * 2 + [Blow.REFUSED] * 2
    kinds += [Blow.UNREACHABLE, Blow.RELOAD, Blow.MEMORY, Blow.DRAIN]
    if shared:
        kinds += [Blow.STORE_HANGS, Blow.STORE_FAILS, Blow.STORE_SLOW, Blow.STORE_MUTE]
    faults: list[Fault] = []
    ill = chance.choice(list(HOUSES))
    for _ in range(chance.randint(LEAST_FAULTS, 7)):
        blow = chance.choice(kinds)
        kills = sum(fault.blow is Blow.KILL for fault in faults)
        if blow is Blow.KILL and kills >= MOST_KILLS:  # more of them, and a supervisor rightly gives up
            blow = Blow.MOOD
        at = chance.uniform(0.5, CALM_AT - 6.0)
        target = chance.choice(KILLED) if blow is Blow.KILL else chance.choice([*HOUSES, ill])
        faults.append(
            Fault(
                at=at,
                lasts_s=min(chance.choice([0.2, 2.0, 6.0, 13.0]), CALM_AT - at),
                blow=blow,
                target=target,
                worker=chance.randrange(workers),
                mood=chance.choice(SPELLS),
                amount=chance.choice([85.0, 97.0]),
            )
        )
    return tuple(sorted(faults, key=lambda fault: fault.at))
