"""Redis through redis-py: one pipeline a round trip, in a thread, without retries.

redis-py has no Trio support, and importing it takes half a second: that happens in the thread too, and only where a
store is used. A session that has failed or been left alone by a cancellation is never used again: its thread ends at
its sockets' timeouts, and closes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import trio

from gateway.config.store_address import StoreAddress
from gateway.world import OpenRedis, RedisDown, RedisRefused, Words

if TYPE_CHECKING:
    from redis import Redis, RedisCluster

SOCKET_TIMEOUT_S: Final = 0.1
CONNECT_TIMEOUT_S: Final = 1.0
"""Nobody waits for a connection but the reconnecting itself."""
MAX_THREADS: Final = 4
"""One works; others may be waiting for a dead server's timeouts."""


class ThreadedRedis:
    """A RedisExecutor. To be made within `trio.run`."""

    def __init__(self, address: StoreAddress, ca_file: str, limiter: trio.CapacityLimiter) -> None:
        self._address = address
        self._ca_file = ca_file
        self._limiter = limiter
        self._session: _Session | None = None

    async def execute(self, commands: Sequence[Words]) -> list[Any]:
        session = self._session
        if session is None:
            session = self._session = _Session(self._address, self._ca_file)
        try:
            return await trio.to_thread.run_sync(
                session.round_trip, commands, limiter=self._limiter, abandon_on_cancel=True
            )
        except BaseException:
            session.abandoned = True
            self._session = None
            raise

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await trio.to_thread.run_sync(session.close, limiter=self._limiter, abandon_on_cancel=True)


def in_threads() -> OpenRedis:
    """Opens stores whose threads count towards one limit of their own. To be made within `trio.run`."""
    limiter = trio.CapacityLimiter(MAX_THREADS)
    return lambda address, ca_file: ThreadedRedis(address, ca_file, limiter)


class _Session:
    """A client of redis-py, and the one thread at a time that uses it."""

    def __init__(self, address: StoreAddress, ca_file: str) -> None:
        self._address = address
        self._ca_file = ca_file
        self._client: Redis | RedisCluster | None = None
        self.abandoned = False
        """Nobody waits for it any more."""

    def round_trip(self, commands: Sequence[Words]) -> list[Any]:
        from redis.exceptions import RedisClusterException, RedisError

        try:
            if self._client is None:
                self._client = connected(self._address, self._ca_file)
            with self._client.pipeline(transaction=False) as pipeline:
                for words in commands:
                    pipeline.execute_command(*words)
                replies = pipeline.execute(raise_on_error=False)
            return [_judged(reply) for reply in replies]
        except RedisDown:
            self.close()
            raise
        except (RedisError, RedisClusterException, OSError) as problem:
            self.close()
            raise RedisDown(_reason(problem)) from None  # its text and its causes tell addresses
        finally:
            if self.abandoned:
                self.close()

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


def connected(address: StoreAddress, ca_file: str) -> Redis | RedisCluster:
    """A client of redis-py for `address`; a cluster's asks for its slots at once. Raises RedisError, OSError."""
    import redis
    from redis.backoff import NoBackoff
    from redis.cluster import ClusterNode
    from redis.retry import Retry

    options: dict[str, Any] = {
        **_tls_options(address, ca_file),
        "username": address.username,
        "password": address.password,
        "socket_timeout": SOCKET_TIMEOUT_S,
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # no question at the beginning of a connection but the password
        "driver_info": None,
    }
    match address.kind:
        case "unix":
            return redis.Redis(unix_socket_path=address.path, db=address.db, **options)
        case "server":
            host, port = address.hosts[0]
            return redis.Redis(host=host, port=port, db=address.db, **options)
        case "sentinel":
            return _master(address, options)
        case "cluster":
            nodes = [ClusterNode(host, port) for host, port in address.hosts]  # type: ignore[no-untyped-call]
            return redis.RedisCluster(startup_nodes=nodes, **options)
        case _:
            raise ValueError(f"{address} is no Redis")


def _master(address: StoreAddress, options: dict[str, Any]) -> Redis:
    from redis.sentinel import Sentinel

    login = {
        "username": address.options.get("sentinel_username"),
        "password": address.options.get("sentinel_password"),
    }
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        address.hosts, sentinel_kwargs={**options, **login}, db=address.db, **options
    )
    master: Redis = sentinels.master_for(address.service)  # type: ignore[no-untyped-call]
    return master


def _tls_options(address: StoreAddress, ca_file: str) -> dict[str, Any]:
    if not address.tls:
        return {}
    given = {name: value for name, value in address.options.items() if name.startswith("ssl_")}
    check = given.pop("ssl_check_hostname", "true").lower() not in ("false", "no", "0")
    if given.get("ssl_cert_reqs") == "none":
        check = False
    return {"ssl": True, "ssl_ca_certs": ca_file or None, **given, "ssl_check_hostname": check}


def _judged(reply: Any) -> Any:
    """A reply as it is. Raises RedisDown where it says that the whole server is of no use now."""
    from redis.exceptions import (
        ClusterDownError,
        NoPermissionError,
        OutOfMemoryError,
        ReadOnlyError,
        RedisClusterException,
        RedisError,
    )

    if isinstance(reply, OutOfMemoryError | ReadOnlyError | ClusterDownError | NoPermissionError):
        raise RedisDown(_reason(reply))
    if isinstance(reply, RedisError | RedisClusterException):
        text = str(reply)
        # Servers older than their own error classes, and scripts, say it in words only.
        for mark, reason in (("OOM ", "out of memory"), ("READONLY ", "read-only"), ("NOAUTH ", "password asked for")):
            if mark in text[:200]:
                raise RedisDown(reason)
        if not type(reply).__name__.startswith("Response"):
            raise RedisDown(_reason(reply))
        return RedisRefused(text.partition(", with args")[0][:200])  # those may be anybody's words
    return reply


_REASONS: Final = {
    "AuthenticationError": "wrong password, or none",
    "AuthorizationError": "not allowed",
    "BusyLoadingError": "still loading its data",
    "ClusterDownError": "the cluster is down",
    "ConnectionError": "no connection",
    "MasterDownError": "the master is down",
    "MasterNotFoundError": "no master",
    "NoPermissionError": "not allowed",
    "OutOfMemoryError": "out of memory",
    "ReadOnlyError": "read-only",
    "RedisClusterException": "no usable cluster",
    "TimeoutError": "no answer in time",
}


def _reason(problem: BaseException) -> str:
    """A failure in a few words: its text may name addresses, users and values."""
    return _REASONS.get(type(problem).__name__, type(problem).__name__)
