"""A tool of the operator's own: one HTTP request to the fixed address that the configuration names.

Arguments never reach the address: POST sends them as a JSON body, GET as a query.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec

from actors.errors import ActorDied
from actors.service import ServiceActor
from gateway.errors import InvalidRequest
from gateway.neighbour import Behalf, Client, Neighbour
from gateway.orchestrator.tools import Tool
from gateway.providers.profile import RawHeader

_LONGEST_QUERY: Final = 8000


def title_of(name: str) -> str:
    """What people call a tool."""
    return f"The tool {name}"


class HttpTool:
    """Runs one; outlives its actor, which `find` finds, None while there is none."""

    def __init__(
        self,
        name: str,
        url: str,
        method: str,
        client: Client,
        find: Callable[[], ServiceActor | None],
        *,
        user_agent: str,
        token: str | None = None,
    ) -> None:
        """It is sent `token` as a Bearer. Raises ValueError for what is no http or https address."""
        self._name = name
        self._method = method
        self._path = urlsplit(url).path or "/"
        origin = url[: len(url) - len(urlsplit(url).path)]
        self._neighbour = Neighbour(title_of(name), origin, client, user_agent=user_agent)
        self._find = find
        self._headers = [] if token is None else [(b"authorization", b"Bearer " + token.encode())]
        self._encode = msgspec.json.Encoder().encode

    def tool(self, description: str, schema: Mapping[str, Any]) -> Tool:
        return Tool(name=self._name, description=description, schema=schema, run=self.run)

    async def run(self, arguments: dict[str, Any], behalf: Behalf) -> object:
        """What it says: JSON, else its text. Raises Failure; InvalidRequest for what a query cannot carry."""
        actor = self._find()
        if actor is None:
            raise ActorDied(f"{title_of(self._name)} cannot be run at the moment.")
        work = partial(self._ask, *self._request(arguments), behalf.headers)
        return await actor.ask(self._name, work, behalf.deadline, asker=behalf.asker)

    def _request(self, arguments: dict[str, Any]) -> tuple[str, bytes]:
        if self._method != "GET":
            return self._path, self._encode(arguments)
        for name, value in arguments.items():
            if isinstance(value, dict | list):
                raise InvalidRequest(
                    f"Invalid 'arguments.{name}': a query carries no lists and objects.", param=f"arguments.{name}"
                )
        words = {name: value if isinstance(value, str) else _word(value) for name, value in arguments.items()}
        query = urlencode(words)
        if len(query) > _LONGEST_QUERY:
            raise InvalidRequest("Invalid 'arguments': too long for a query.", param="arguments")
        return f"{self._path}?{query}" if query else self._path, b""

    async def _ask(self, path: str, body: bytes, headers: Sequence[RawHeader]) -> object:
        said = await self._neighbour.ask(self._method, path, body, [*self._headers, *headers])
        try:
            msgspec.json.decode(said)
        except (ValueError, RecursionError):
            return said.decode(errors="replace")
        return msgspec.Raw(said)


def _word(value: object) -> str:
    return msgspec.json.encode(value).decode()
