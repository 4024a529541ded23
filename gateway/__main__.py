"""The command line: llm-gateway serve, check, keys, version."""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

from gateway import __version__
from gateway.keys_command.options import add_keys
from gateway.standard_output import Unprinted, put_out

if TYPE_CHECKING:
    from gateway.config import Config, Origin

CANNOT_SERVE = 1
BAD_CONFIGURATION = 2
SETTINGS = (
    "Settings stand in ./gateway.toml (another: --config, LLM_GATEWAY_CONFIG; the repository's has all of them with "
    "their defaults) and in the environment, which beats it. Secrets only there: providers' keys (OPENAI_API_KEY, "
    "ANTHROPIC_API_KEY, GEMINI_API_KEY, DEEPSEEK_API_KEY, OPENROUTER_API_KEY), clients' (LLM_GATEWAY_API_KEYS), the "
    "operator's for /admin (LLM_GATEWAY_ADMIN_TOKEN), and what workers and hosts share (REDIS_URL)."
)


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Runs one command and returns its exit code: 0 fine, 1 something cannot be served, 2 wrong settings or usage."""
    _open_standard_streams()
    parser = _parser()
    given = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace, Mapping[str, str]], int] | None = given.command
    if command is None:
        parser.print_help()
        return 0
    try:
        return command(given, environ)
    except Unprinted as problem:
        if problem.args[0]:
            sys.stderr.write(f"llm-gateway: nothing can be written to standard output: {problem}.\n")
        return CANNOT_SERVE


def _open_standard_streams() -> None:
    """Those that were closed lead nowhere: else what is opened next, a client's connection say, would get the log."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llm-gateway", description="An OpenAI-compatible gateway to LLM providers.", epilog=SETTINGS
    )
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="{serve,check,keys,version}")

    serve = commands.add_parser("serve", help="answer requests until SIGTERM or SIGINT")
    serve.add_argument("--host", help="the address to listen on (environment: LLM_GATEWAY_HOST)")
    serve.add_argument("--port", help="the port to listen on (environment: LLM_GATEWAY_PORT)")
    serve.add_argument("--workers", metavar="N", help="how many processes (environment: LLM_GATEWAY_WORKERS)")
    serve.set_defaults(command=_serve)

    check = commands.add_parser("check", help="validate the settings, print the routing table and who has a key")
    check.set_defaults(command=_check)
    for command in (serve, check, *add_keys(commands, _keys)):
        command.add_argument(
            "--config", type=Path, metavar="FILE", help="gateway.toml (environment: LLM_GATEWAY_CONFIG)"
        )

    commands.add_parser("version", help="print the version").set_defaults(command=_version)
    return parser


# Commands import what they need themselves. It takes `serve` half a second, in which it has to heed signals already,
# and wrong settings should be told before.


def _serve(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    options = {f"--{name}": getattr(given, name) for name in ("host", "port", "workers")}
    with _leaving_when_told(), _collector_off():
        origin = _origin(given, environ, {name: text for name, text in options.items() if text is not None})
        config = _configuration(origin)
        if config is None:
            return BAD_CONFIGURATION
        from gateway.workers.station import station_of

        if config.server.workers > 1 and station_of(environ) is None:
            from gateway.workers.parent import run as keep_workers

            return keep_workers(config, origin)
        from gateway.serve import run

        return run(config, origin)


def _check(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from gateway.check import report

    config = _configuration(_origin(given, environ, {}))
    if config is None:
        return BAD_CONFIGURATION
    text, all_served = report(config)
    put_out(text)
    return 0 if all_served else CANNOT_SERVE


def _keys(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    if given.action is None:
        given.print_help()
        return 0
    config = _configuration(_origin(given, environ, {}))
    if config is None:
        return BAD_CONFIGURATION
    from gateway.keys_command.actions import run

    return run(given, config)


def _version(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    put_out(f"llm-gateway {__version__}\n")
    return 0


def _origin(given: argparse.Namespace, environ: Mapping[str, str], options: Mapping[str, str]) -> Origin:
    from gateway.config import DEFAULT_FILE, Origin

    had_file = Path(DEFAULT_FILE).is_file()
    return Origin(path=given.config, environ=environ, options=options, had_default_file=had_file)


def _configuration(origin: Origin) -> Config | None:
    """The settings; None where they are wrong, which has been told then."""
    from gateway.config import ConfigError

    try:
        return origin.load()
    except ConfigError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return None


@contextmanager
def _leaving_when_told() -> Iterator[None]:
    """Until it serves, and from then on heeds signals itself, SIGTERM and SIGINT end the process at once."""
    before = {signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_IGN)}  # the settings are being read anyway
    before |= {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    # Nobody has been promised anything yet. An exception could be swallowed by whatever is being imported.
    os._exit(0)


@contextmanager
def _collector_off() -> Iterator[None]:
    """Imports leave no garbage worth looking for; `gateway.serve.run` switches it on again once they are done."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


if __name__ == "__main__":
    sys.exit(main())
