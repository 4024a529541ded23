"""What a simulated run is made of, as plain data: settings, clients, providers' moods and faults.

Everything is drawn from one seed (`drawing.py`) and nothing else happens, so that a scenario can be printed, shrunk
(`shrink.py`) and played on real sockets (`chaos.py`). All times are seconds from the run's beginning.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

CALM_AT = 20.0
"""When the last fault is over at the latest, and from when on everybody is well."""


class Dialect(enum.Enum):
    """What a client speaks."""

    CHAT = "/v1/chat/completions"
    RESPONSES = "/v1/responses"
    MESSAGES = "/v1/messages"
    EMBEDDINGS = "/v1/embeddings"


class Temper(enum.Enum):
    """How a client behaves."""

    PATIENT = "patient"
    IMPATIENT = "impatient"
    """Goes away after `limit` seconds, whatever it waits for."""
    HANGS_UP_SENDING = "hangs up sending"
    """Goes away after `limit` bytes of its request."""
    HANGS_UP_READING = "hangs up reading"
    """Goes away after `limit` bytes of the answer."""
    SLOW = "slow"
    """Pauses for `limit` seconds now and then while it reads."""
    PIPELINING = "pipelining"
    """Sends all its requests at once, then reads."""
    ABUSIVE = "abusive"
    """Sends what is no HTTP."""


class Mood(enum.Enum):
    """What a provider does with a request."""

    WELL = "well"
    SLOW = "slow"
    SERVER_ERROR = "5xx"
    THROTTLED = "429"
    THROTTLED_UNTIL = "429 with Retry-After"
    BAD_REQUEST = "400"
    KEY_REFUSED = "401"
    RESET = "reset"
    CLOSED = "closed without an answer"
    SILENT = "hangs"
    THINKING = "accepts, and thinks for long"
    CUT = "stream ends in the middle"
    STREAM_RESET = "stream is reset in the middle"
    STALLED = "stream falls silent"
    NO_END = "stream without its end"
    ERROR_FIRST = "error as the first event"
    ERROR_WITHIN = "error amid the stream"
    GARBAGE = "no answer but something else"
    SHORT = "shorter than its length says"
    LONG = "longer than its length says"
    LONG_HEAD = "an endless head"
    FAREWELL = "well, and closes"


class Blow(enum.Enum):
    """A fault of the world around a gateway, or of its own actors."""

    MOOD = "mood"
    """The provider `target` is in `mood` for a while."""
    REFUSED = "refused"
    """Nobody listens at the provider `target`."""
    UNREACHABLE = "unreachable"
    """Connecting to the provider `target` never ends."""
    KILL = "kill"
    """The actor `target` of `worker` crashes."""
    RELOAD = "reload"
    """`worker` goes over to settings in which the provider `target` may do less at a time."""
    DRAIN = "drain"
    """`worker` is told to stop, and a fresh one takes its place."""
    MEMORY = "memory"
    """`worker` holds `amount` percent of its threshold for a while."""
    STORE_HANGS = "store hangs"
    STORE_FAILS = "store fails"
    STORE_SLOW = "store is slow"
    STORE_MUTE = "store does and is not heard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request of a client."""

    dialect: Dialect
    model: str
    streamed: bool = False
    pause_s: float = 0.0
    """Before it, since the answer to the last one."""
    timeout_s: int | None = None
    """The client's X-Gateway-Timeout."""
    priority: str = ""
    padding: int = 0
    """Characters that make it longer."""
    tools: bool = False
    """It offers functions to call."""
    thinks: bool = False
    """It wants the model to think, and to see it."""
    structured: bool = False
    """It wants JSON of a schema."""
    goes_on: bool = False
    """It goes on from the last whole answer in its dialect, where there is one."""
    hires: bool = False
    """The gateway is to run a tool for the model."""
    background: bool = False
    """The response is made in the background, and polled."""
    cancels_after_s: float | None = None
    """When who asked for one in the background wants it no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """One connection."""

    number: int
    worker: int
    starts_at: float
    temper: Temper
    limit: float
    asks: tuple[Ask, ...]
    key: str = "sk-team-a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong at `at` for `lasts_s`."""

    at: float
    lasts_s: float
    blow: Blow
    target: str = ""
    worker: int = 0
    mood: Mood = Mood.WELL
    amount: float = 0.0

    @property
    def until(self) -> float:
        return self.at + self.lasts_s

    @property
    def words(self) -> str:
        """For whoever reads of it."""
        spell = f"for {self.lasts_s:.3g} s"
        match self.blow:
            case Blow.MOOD:
                return f"{self.target} is in a mood {spell}: {self.mood.value}"
            case Blow.REFUSED:
                return f"nobody listens at {self.target} {spell}"
            case Blow.UNREACHABLE:
                return f"connecting to {self.target} does not end {spell}"
            case Blow.KILL:
                return f"{self.target} of worker {self.worker} crashes"
            case Blow.RELOAD:
                return f"worker {self.worker} goes over to other settings"
            case Blow.DRAIN:
                return f"worker {self.worker} is to be replaced"
            case Blow.MEMORY:
                return f"worker {self.worker} holds {self.amount:g} % of its memory {spell}"
            case _:
                return f"the {self.blow.value} {spell}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A whole run."""

    seed: int
    engine: str
    workers: int
    shared: bool
    """The workers have a store."""
    settings: str
    """The gateways' TOML, beside what every run has (`town.py`)."""
    reloaded: str
    """What a reload goes over to."""
    timeouts: Timeouts
    retry_start: float
    write_stall_s: float
    drain_grace_s: float
    requests_per_minute: int
    """Of one provider, 0: no limit."""
    window_bytes: int
    """What fits into a connection."""
    moody: float
    """The share of requests that meet a mood without any fault."""
    clients: tuple[Client, ...]
    faults: tuple[Fault, ...]
    hires: bool = False
    """There is a tool that the gateways run."""
    caches: bool = False
    """Answers are kept and given again, and who asks what is being asked reads along."""
    overlong: bool = True
    """Providers may say more than the length of their answer."""
    tokens_per_minute: int = 0
    """Of one provider, 0: no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The settings of that name."""

    connect_s: float
    first_token_s: float
    idle_s: float
    total_s: float
    hedge_after_s: float
    queue_s: float
