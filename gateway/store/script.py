"""The scripts that run in the store."""

from __future__ import annotations

from importlib.resources import files

from gateway.world import Words


class Script(str):
    """One's text, which knows its file's name: a server that refuses it says only a line's number."""

    __slots__ = ("name",)

    name: str


def read_script(package: str, name: str) -> Script:
    """A package's, by its file's name."""
    script = Script(files(package).joinpath(name).read_text(encoding="ascii"))
    script.name = name
    return script


def command_name(words: Words) -> str:
    """What is run: a script's file, or Redis's own word."""
    for word in words[:2]:
        if isinstance(word, Script):
            return word.name
    return str(words[0])
