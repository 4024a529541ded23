"""The usual way to write this proxy on Trio: Hypercorn, Quart-Trio and httpx, and nothing of a gateway.

python -m bench.bare_hypercorn LISTEN_PORT UPSTREAM_PORT
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from functools import partial

import httpx
import trio
from hypercorn.config import Config
from hypercorn.trio import serve
from quart import Response, request
from quart_trio import QuartTrio

HOP_BY_HOP = frozenset(("connection", "content-length", "host", "keep-alive", "te", "transfer-encoding", "upgrade"))


def build(client: httpx.AsyncClient) -> QuartTrio:
    """An app that passes chat completions on to the client's base URL."""
    app = QuartTrio(__name__)
    app.config["RESPONSE_TIMEOUT"] = None

    @app.post("/v1/chat/completions")
    async def chat() -> Response:
        body = await request.get_data()
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
        upstream = await client.send(
            client.build_request("POST", request.path, content=body, headers=headers), stream=True
        )
        kept = {name: value for name, value in upstream.headers.items() if name not in HOP_BY_HOP}
        if "content-length" in upstream.headers:
            content = await upstream.aread()
            await upstream.aclose()
            return Response(content, upstream.status_code, kept)
        return Response(passed_on(upstream), upstream.status_code, kept)

    return app


async def passed_on(upstream: httpx.Response) -> AsyncIterator[bytes]:
    """The upstream's body as it comes."""
    try:
        async for piece in upstream.aiter_raw():
            yield piece
    finally:
        await upstream.aclose()


async def main(listen_port: int, upstream_port: int) -> None:
    config = Config()
    config.bind = [f"127.0.0.1:{listen_port}"]
    config.backlog = 4096
    config.accesslog = None
    config.keep_alive_timeout = 600
    limits = httpx.Limits(max_connections=1024, max_keepalive_connections=1024)
    base_url = f"http://127.0.0.1:{upstream_port}"
    async with httpx.AsyncClient(base_url=base_url, limits=limits, timeout=60) as client:
        await serve(build(client), config, shutdown_trigger=trio.sleep_forever)


if __name__ == "__main__":
    trio.run(partial(main, int(sys.argv[1]), int(sys.argv[2])))
