"""Log lines: their shape, their levels, and what never stands in one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gateway.telemetry.logs import URGENT_PREFIXES, Logs, Stamps, render_crash

CANARY = "sk-canary-0123456789"


class Named(msgspec.Struct):
    """The fields of a line."""

    model: str


class Book:
    """A sink that keeps what is written."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(line)

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def clock_at(*seconds: float) -> Callable[[], float]:
    times = iter(seconds)
    return lambda: next(times)


def always(seconds: float) -> Callable[[], float]:
    return lambda: seconds


def test_a_line_is_one_json_object_with_level_time_and_logger() -> None:
    """The level comes first, the time is UTC with milliseconds, and what the caller said follows."""
    book = Book()
    Logs(book.write, always(1_700_000_000.1239)).get("gateway.face").info("hello", count=3)
    assert book.lines == [
        '{"level":"info","timestamp":"2023-11-14T22:13:20.124Z","logger":"gateway.face","count":3,"event":"hello"}'
    ]


def test_stamps_follow_the_wall_clock_over_a_second_and_back() -> None:
    """The cached date is made anew whenever the second changes, in either direction."""
    stamps = Stamps(clock_at(59.9994, 59.9996, 60.5, 59.25))
    assert [stamps.now() for _ in range(4)] == [
        "1970-01-01T00:00:59.999Z",
        "1970-01-01T00:01:00.000Z",
        "1970-01-01T00:01:00.500Z",
        "1970-01-01T00:00:59.250Z",
    ]


def test_a_ready_dict_is_merged_into_the_line() -> None:
    """`fields` is the cheap way to say much; nothing of it is nested."""
    book = Book()
    Logs(book.write, always(0)).get("a").info("request", fields={"status": 200, "stream": False})
    (line,) = book.read()
    assert line["status"] == 200
    assert line["stream"] is False
    assert "fields" not in line


@pytest.mark.parametrize("fields", [{"status": 200, "model": 'a "name"\n'}, {"model": "\ud800"}, {"number": 2**70}])
def test_a_line_that_is_written_often_is_the_same_line(fields: dict[str, Any]) -> None:
    """Only the way there is shorter."""
    book = Book()
    logs = Logs(book.write, always(1_700_000_000.1239))
    logs.get("gateway.face").info("request", fields=fields)
    often = logs.often("gateway.face", "request")
    assert often is not None
    often(msgspec.defstruct("Fields", list(fields))(*fields.values()))
    assert book.lines[0] == book.lines[1]


def test_one_of_several_workers_signs_its_lines() -> None:
    book = Book()
    logs = Logs(book.write, always(0), worker="3")
    logs.get("gateway.face").info("request", fields={"status": 200})
    often = logs.often("gateway.face", "request")
    assert often is not None
    often(msgspec.defstruct("Fields", ["status"])(200))
    first, second = book.read()
    assert first == second
    assert (first["logger"], first["worker"], first["status"]) == ("gateway.face", "3", 200)


def test_a_line_that_is_written_often_keeps_to_its_modules_level() -> None:
    """Nobody even puts its fields together then."""
    logs = Logs(Book().write, always(0), level="debug", levels={"quiet": "warning", "plain": "info"})
    assert [logs.often(module, "x") is None for module in ("quiet", "plain", "loud")] == [True, False, False]


@pytest.mark.parametrize(
    ("module", "level"),
    [
        ("gateway", "warning"),
        ("gateway.edge", "debug"),
        ("gateway.edge.server", "debug"),
        ("gateway.edges", "warning"),
        ("gateway.edge.client", "error"),
        ("actors.router", "info"),
    ],
)
def test_the_longest_name_in_the_levels_speaks_for_a_module(module: str, level: str) -> None:
    """A dotted name speaks for all below it, and not for names that merely begin alike."""
    levels = {"gateway": "warning", "gateway.edge": "debug", "gateway.edge.client": "error"}
    assert Logs(Book().write, always(0), level="info", levels=levels).level_of(module) == level


def test_each_module_writes_from_its_own_level_on() -> None:
    """One module says everything, another only what is wrong, the rest follows the global level."""
    book = Book()
    logs = Logs(book.write, always(0), level="info", levels={"loud": "debug", "quiet": "error"})
    for module in ("loud", "quiet", "plain"):
        logger = logs.get(module)
        logger.debug("debug")
        logger.info("info")
        logger.error("error")
    assert [(line["logger"], line["event"]) for line in book.read()] == [
        ("loud", "debug"),
        ("loud", "info"),
        ("loud", "error"),
        ("quiet", "error"),
        ("plain", "info"),
        ("plain", "error"),
    ]


def test_a_level_nobody_knows_is_refused() -> None:
    """Globally and for a module."""
    with pytest.raises(ValueError, match="verbose"):
        Logs(Book().write, always(0), level="verbose")
    with pytest.raises(ValueError, match="loud"):
        Logs(Book().write, always(0), levels={"gateway": "loud"})


def test_two_logs_in_one_process_do_not_see_each_other() -> None:
    """Each has its own sink, clock and levels; nothing is configured globally."""
    one, two = Book(), Book()
    first = Logs(one.write, always(1), level="debug").get("m")
    second = Logs(two.write, always(2), level="error").get("m")
    first.debug("mine")
    second.debug("unheard")
    second.error("yours")
    assert [line["event"] for line in one.read()] == ["mine"]
    assert [line["event"] for line in two.read()] == ["yours"]


def test_urgent_lines_begin_as_the_sink_expects() -> None:
    """A buffering sink tells a line that must leave at once by its first bytes."""
    book = Book()
    logger = Logs(book.write, always(0), level="debug").get("m")
    for say in (logger.debug, logger.info, logger.warning, logger.error, logger.critical):
        say("x")
    assert [line.startswith(URGENT_PREFIXES) for line in book.lines] == [False, False, True, True, True]


@pytest.mark.parametrize("value", ["\ud800", 2**70, float("nan"), {1: "x"}, b"\xff", "line\nbreak\u2028"])
def test_no_value_loses_a_line_or_breaks_it_in_two(value: object) -> None:
    """What JSON or UTF-8 has no word for still leaves one encodable line."""
    book = Book()
    Logs(book.write, always(0)).get("m").info("odd", value=value)
    (line,) = book.lines
    assert "\n" not in line
    assert json.loads(line.encode())["event"] == "odd"


def test_what_a_client_chose_is_text_on_a_terminal_and_nothing_else() -> None:
    """No colour, no cursor, no line of its own, nothing written backwards; a reader of the JSON gets what was said."""
    said = "\x1b[2J\x9b31m\x85\u2028\u202egpt\ufeff\u200b é"
    book = Book()
    logs = Logs(book.write, always(0))
    logs.get("m").info("odd", model=said)
    write = logs.often("m", "odd")
    assert write is not None
    write(Named(said))
    for line, read in zip(book.lines, book.read(), strict=True):
        assert line.isprintable()
        assert "é" in line
        assert read["model"] == said


def test_an_object_is_named_by_its_type_only() -> None:
    """Its repr might hold a key or a message."""

    class Secretive:
        def __repr__(self) -> str:
            return CANARY

    book = Book()
    Logs(book.write, always(0)).get("m").info("odd", value=Secretive(), many=[Secretive()], huge=[2**70, Secretive()])
    assert CANARY not in book.lines[0]
    assert book.read()[0]["value"] == "<Secretive>"


def explode() -> None:
    try:
        raise KeyError(CANARY)
    except KeyError as error:
        raise ValueError("about " + CANARY) from error


def test_a_crash_tells_types_and_frames_but_no_message() -> None:
    """The cause comes first; exception messages quote clients, so none is written."""
    book = Book()
    logger = Logs(book.write, always(0)).get("m")
    try:
        explode()
    except ValueError:
        logger.exception("crashed")
    crash = book.read()[0]["crash"]
    assert crash[0] == "builtins.KeyError"
    assert "builtins.ValueError" in crash
    assert any("in explode: raise ValueError(" in line for line in crash)
    assert CANARY not in book.lines[0]


def test_a_group_shows_its_members() -> None:
    """Nurseries raise groups; what matters is inside."""
    group = ExceptionGroup(CANARY, [OSError(CANARY), ExceptionGroup("inner", [LookupError(CANARY)])])
    assert render_crash(group) == [
        "builtins.ExceptionGroup",
        "builtins.OSError",
        "builtins.ExceptionGroup",
        "builtins.LookupError",
    ]
