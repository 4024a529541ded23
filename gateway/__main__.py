"""The command line: llm-gateway serve, check, version."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gateway import __version__
from gateway.check import report
from gateway.config import ConfigError, load

BAD_CONFIGURATION = 2
CANNOT_SERVE = 1


def main(arguments: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    """Runs one command and returns its exit code: 0 fine, 1 something cannot be served, 2 wrong settings or usage."""
    parser = _parser()
    given = parser.parse_args(arguments)
    command: Callable[[argparse.Namespace, Mapping[str, str]], int] | None = given.command
    if command is None:
        parser.print_help()
        return 0
    try:
        return command(given, environ)
    except ConfigError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return BAD_CONFIGURATION


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="llm-gateway", description="An OpenAI-compatible gateway to LLM providers.")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="{serve,check,version}")

    serve = commands.add_parser("serve", help="answer requests until SIGTERM or SIGINT")
    serve.add_argument("--host", help="the address to listen on (environment: LLM_GATEWAY_HOST)")
    serve.add_argument("--port", help="the port to listen on (environment: LLM_GATEWAY_PORT)")
    serve.add_argument("--workers", metavar="N", help="how many processes (environment: LLM_GATEWAY_WORKERS)")
    serve.set_defaults(command=_serve)

    check = commands.add_parser("check", help="validate the settings, print the routing table and who has a key")
    check.set_defaults(command=_check)
    for command in (serve, check):
        command.add_argument(
            "--config", type=Path, metavar="FILE", help="gateway.toml (environment: LLM_GATEWAY_CONFIG)"
        )

    commands.add_parser("version", help="print the version").set_defaults(command=_version)
    return parser


def _serve(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    options = {f"--{name}": getattr(given, name) for name in ("host", "port", "workers")}
    config = load(given.config, environ, {name: text for name, text in options.items() if text is not None})
    # What serves takes a good part of a second to import, and a wrong setting should be told before.
    from gateway.serve import run

    return run(config)


def _check(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    text, all_served = report(load(given.config, environ))
    sys.stdout.write(text)
    return 0 if all_served else CANNOT_SERVE


def _version(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    sys.stdout.write(f"llm-gateway {__version__}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
