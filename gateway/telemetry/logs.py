"""One gateway's own structlog: a JSON object a line, levels per module, nothing configured globally.

Several gateways live in one process, so nobody calls `structlog.configure`: a `Logs` makes bound loggers that write
finished lines to the world's sink and take the time from the world's wall clock. A line never carries more than its
caller wrote down: values that are not plain JSON become their type's name, a traceback comes without the exception's
message, which may quote a client's text or a key.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger

WriteLog = Callable[[str], None]

URGENT_PREFIXES = ('{"level":"warning"', '{"level":"error"', '{"level":"critical"')
"""How a line begins that a buffering sink should not keep; `Logs` puts the level first in every line."""
MAX_TEXT: Final = 200
"""Characters of what a client chose (a model's name, an id) that a line repeats."""
_UNSEEN: Final = re.compile("[\x80-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
"""What JSON may hold as it is and a terminal obeys or hides: control characters, line ends, other ways to write."""


class Logs:
    """Makes loggers that write JSON lines to `write_log`, stamped by `wall_clock` (seconds since the epoch).

    `level` holds for every module but those in `levels`: a dotted name there speaks for itself and all below it, the
    longest one wins. Level names are structlog's: debug, info, warning, error, critical. Raises ValueError for others.
    Where there are several, every line names its `worker`.
    """

    def __init__(
        self,
        write_log: WriteLog,
        wall_clock: Callable[[], float],
        *,
        level: str = "info",
        levels: Mapping[str, str] | None = None,
        worker: str | None = None,
    ) -> None:
        self._write_log = write_log
        self._lines = _Lines(write_log)
        self._renderer = _Renderer(wall_clock)
        self._processors = (self._renderer,)
        self._whose = {} if worker is None else {"worker": worker}
        self.set_levels(level, levels or {})

    def set_levels(self, level: str, levels: Mapping[str, str]) -> None:
        """For loggers that are made from here on. Raises ValueError."""
        self._level = _checked(level)
        self._levels = {module: _checked(name) for module, name in levels.items()}

    @property
    def levels(self) -> tuple[str, Mapping[str, str]]:
        """As they were set last."""
        return self._level, self._levels

    def get(self, module: str) -> FilteringBoundLogger:
        """The logger of `module`; calls below its level cost next to nothing.

        `log.info(event, fields={...})` merges a ready dict into the line, at half the price of keyword arguments;
        `often` is cheaper still.
        """
        logger = structlog.make_filtering_bound_logger(self.level_of(module))
        context = {"level": "", "timestamp": "", "logger": module, **self._whose}  # their places in the line
        bound: FilteringBoundLogger = logger(self._lines, self._processors, context)  # type: ignore[call-arg]
        return bound

    def often(self, module: str, event: str) -> Callable[[msgspec.Struct], None] | None:
        """What `get(module).info(event, fields=...)` does, with all but the fields made ready; None below the level.

        For the one line that every request costs: structlog takes it through five calls and three dictionaries, which
        is half of its price. The line is the same, byte for byte; the struct has at least one field.
        """
        if self.level_of(module) not in ("debug", "info"):
            return None
        now, to_json, write_log = self._renderer.now, self._renderer.to_json, self._write_log
        whose = "".join(f'"{name}":{to_json(value)},' for name, value in self._whose.items())
        after_time = f'","logger":{to_json(module)},{whose}"event":{to_json(event)},'

        def log(fields: msgspec.Struct) -> None:
            write_log(f'{{"level":"info","timestamp":"{now()}{after_time}{to_json(fields)[1:]}')

        return log

    def level_of(self, module: str) -> str:
        """The level name in force for `module`."""
        name = module
        while name not in self._levels:
            name, dot, _ = name.rpartition(".")
            if not dot:
                return self._level
        return self._levels[name]


def render_crash(crash: BaseException) -> list[str]:
    """Type and frames of an exception and of what caused it, innermost cause first, without any message."""
    lines: list[str] = []
    cause = crash.__cause__ or (None if crash.__suppress_context__ else crash.__context__)
    if cause is not None:
        lines += render_crash(cause)
    lines.append(f"{type(crash).__module__}.{type(crash).__qualname__}")
    lines += [
        f"{frame.filename}:{frame.lineno} in {frame.name}: {frame.line}"
        for frame in traceback.extract_tb(crash.__traceback__)
    ]
    if isinstance(crash, BaseExceptionGroup):
        for member in crash.exceptions:
            lines += render_crash(member)
    return lines


def rounded(seconds: float) -> float:
    """As a line has them, to the microsecond; `round` costs three times as much."""
    return (seconds * 1e6 + 0.5) // 1.0 / 1e6


_MILLISECONDS: Final = tuple(f".{millisecond:03d}Z" for millisecond in range(1000))
"""How a time stamp ends; made once, since formatting one costs as much as the rest of it."""


class Stamps:
    """The wall clock as ISO 8601 in UTC with milliseconds; formats the date once a second."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self._wall_clock = wall_clock
        self._second = -1
        self._prefix = ""

    def now(self) -> str:
        second, millisecond = divmod(int(self._wall_clock() * 1000 + 0.5), 1000)
        if second != self._second:
            self._second = second
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return self._prefix + _MILLISECONDS[millisecond]


class _Renderer:
    """The one structlog processor: completes the event and makes a JSON line of it."""

    def __init__(self, wall_clock: Callable[[], float]) -> None:
        self.now = Stamps(wall_clock).now
        self._encode_into = msgspec.json.Encoder(enc_hook=_type_name).encode_into
        self._json = bytearray()
        """Of the last line; the same memory for all of them."""

    def __call__(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        event["level"] = method
        event["timestamp"] = self.now()
        if (fields := event.pop("fields", None)) is not None:
            event.update(fields)
        if "exc_info" in event:
            _render_exc_info(event)
        return self.to_json(event)

    def to_json(self, value: object) -> str:
        try:
            self._encode_into(value, self._json)
            text = self._json.decode()
            return text if text.isascii() else _UNSEEN.sub(_escaped, text)
        except (ValueError, OverflowError):  # lone surrogates, integers beyond 64 bits: slow, but no line is lost
            plain = msgspec.structs.asdict(value) if isinstance(value, msgspec.Struct) else value
            return json.dumps(plain, default=_type_name, separators=(",", ":"))


class _Lines:
    """What structlog calls the wrapped logger: one method a level, all of them the sink."""

    def __init__(self, write_log: WriteLog) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = write_log


def _render_exc_info(event: MutableMapping[str, Any]) -> None:
    """`log.exception(...)` or `exc_info=...` becomes the member `crash`."""
    found = event.pop("exc_info")
    crash = found if isinstance(found, BaseException) else sys.exc_info()[1] if found else None
    if crash is not None:
        event["crash"] = render_crash(crash)


def _escaped(character: re.Match[str]) -> str:
    return f"\\u{ord(character[0]):04x}"


def _type_name(value: object) -> str:
    """Stands in for what JSON does not know; its repr might say too much."""
    return f"<{type(value).__name__}>"


def _checked(level: str) -> str:
    if level not in ("debug", "info", "warning", "error", "critical"):
        raise ValueError(f"no such log level: {level}")
    return level
