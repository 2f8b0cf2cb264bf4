"""The response cache on a Redis or Valkey server, shared by any number of runs on any number of machines.

An answer is stored under the hash of its own bytes, and the key of a request points to it. The first run that misses a
key holds a lock with an expiry while it asks; others wait for its answer, and the next takes over if it dies. All keys
share one hash tag, so that the scripts also work on a cluster. What the server returns is not trusted: it is bounded in
size, checked against its hash and its key, and never unpickled.

A server that goes away never ends a run: requests are sent without it, with one line for the user.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from gapbench import credentials, transport
from gapbench.errors import SetupError
from gapbench.execution.attempts.cached_reply import CACHE_VERSION, decode_reply, encode_reply
from gapbench.execution.attempts.response_cache import ResponseCache, StoppedWaitError
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.values import Response, sha256
from gapbench.values.cache_place import RedisPlace

if TYPE_CHECKING:
    from redis.asyncio import Redis

PREFIX = f"{{gapbench:{CACHE_VERSION}}}"
"""Start of every key: the hash tag of a cluster, and the version of entries."""
MAX_ENTRY_BYTES = 8 * 2**20
"""Largest answer that is stored or read."""
LOCK_S = 15.0
"""Seconds after which the lock of a run that died expires; a living one renews it three times in that time."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.02, 0.5
"""Seconds between two looks for another run's answer: from the first, growing to the longest."""
TIMEOUT_S = 2.0
"""Longest wait for the server."""
PAUSE_S = 30.0
"""Seconds for which a server that failed is left alone."""
CONNECTIONS = 16

_FIND = """
if ARGV[5] == '0' then
  local address = redis.pcall('GET', KEYS[1])
  if type(address) == 'string' and #address == 64 then
    local size = redis.pcall('STRLEN', ARGV[1] .. address)
    if type(size) == 'number' and size > 0 and size <= tonumber(ARGV[4]) then
      return {address, redis.call('GET', ARGV[1] .. address)}
    end
  end
end
if redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3]) then return 1 end
return 0
"""
"""Return {address, answer}; or 1: there is none, and the lock is ours; or 0: another run asks."""

_STORE = """
local now = tonumber(redis.call('TIME')[1])
local size = #ARGV[3]
redis.call('SET', ARGV[1] .. ARGV[2], ARGV[3], 'EX', ARGV[4])
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[4])
local member = ARGV[7] .. ':' .. ARGV[2] .. ':' .. size
if redis.call('ZADD', KEYS[3], now + tonumber(ARGV[4]), member) == 1 then redis.call('INCRBY', KEYS[4], size) end
local function forget(entry)
  local key, address, bytes = string.match(entry, '^(%x+):(%x+):(%d+)$')
  redis.call('ZREM', KEYS[3], entry)
  if not key then return end
  redis.call('DECRBY', KEYS[4], bytes)
  if redis.call('GET', ARGV[8] .. key) == address then redis.call('DEL', ARGV[8] .. key) end
  redis.call('DEL', ARGV[1] .. address) -- an answer holds its key, so no other key points to it
end
for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 100)) do forget(entry) end
for _ = 1, 1000 do
  if tonumber(redis.call('GET', KEYS[4]) or '0') <= tonumber(ARGV[5]) then break end
  local oldest = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
  if not oldest then redis.call('DEL', KEYS[4]) break end
  forget(oldest)
end
if redis.call('GET', KEYS[2]) == ARGV[6] then redis.call('DEL', KEYS[2]) end
return 1
"""
"""Store an answer, forget expired ones and the oldest above the limit, and give the lock back."""

_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
_RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"


class RedisCache(ResponseCache):
    """Cached responses on a server. Use :meth:`open`.

    Args:
        place: The server.
        client: Its client.
        notify: Receives one line if the server goes away.
        stop_signal: Ends the wait for another run's answer.
        lock_s: Seconds after which a lock that is not renewed expires.
    """

    def __init__(
        self,
        place: RedisPlace,
        client: Redis,
        notify: Callable[[str], None],
        stop_signal: StopSignal,
        *,
        lock_s: float = LOCK_S,
    ) -> None:
        self._place = place
        self._client = client
        self._notify = notify
        self._stop_signal = stop_signal
        self._lock_ms = max(1, round(lock_s * 1000))
        self._find = client.register_script(_FIND)
        self._store = client.register_script(_STORE)
        self._release = client.register_script(_RELEASE)
        self._renew = client.register_script(_RENEW)
        self._claims: dict[str, str] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._down_until_s = 0.0
        self._has_notified = False

    @classmethod
    def open(
        cls,
        place: RedisPlace,
        notify: Callable[[str], None],
        stop_signal: StopSignal,
        *,
        lock_s: float = LOCK_S,
    ) -> Self:
        """Return the cache on a server; connects at the first request.

        Raises:
            SetupError: The package ``redis`` is missing, or the password.
        """
        settings = _connection_settings(place)
        from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection  # noqa: PLC0415 - an extra package
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415

        if place.is_tls:
            settings |= {"connection_class": SSLConnection, "ssl_ca_certs": place.ca_file}
        pool = BlockingConnectionPool(
            max_connections=CONNECTIONS, timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 1), **settings
        )
        return cls(place, Redis.from_pool(pool), notify, stop_signal, lock_s=lock_s)

    async def find(self, key: str) -> Response | None:
        """Return a cached response; waits while another run asks for it. None: the caller asks, and holds the lock.

        Raises:
            StoppedWaitError: It waited, and the run stops.
        """
        token, wait_s, skip = secrets.token_hex(16), FIRST_WAIT_S, "0"
        while not self._is_down:
            keys = [f"{PREFIX}key:{key}", f"{PREFIX}lock:{key}"]
            arguments: list[str | bytes | int] = [
                f"{PREFIX}value:",
                token,
                self._lock_ms,
                MAX_ENTRY_BYTES,
                skip,
            ]
            found = await self._call(self._find(keys=keys, args=arguments))
            if found == 1:
                self._claims[key] = token
                self._keep_renewing()
                return None
            if isinstance(found, list):
                response = self._read(key, found)
                if response is not None:
                    return response
                skip = "1"  # damaged: it is asked for again
                continue
            skip = "0"
            # Waiting runs must not look all at once.
            await self._stop_signal.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - not a secret
            if self._stop_signal.reason is not None:
                raise StoppedWaitError(self._stop_signal.reason)
            wait_s = min(wait_s * 1.5, LONGEST_WAIT_S)
        return None

    async def settle(self, key: str, response: Response | None) -> None:
        """Store a complete response, and let the runs that wait for it go on."""
        token = self._claims.pop(key, None)
        entry = None if response is None else encode_reply(key, response)
        if self._is_down:
            return
        if entry is None or len(entry) > min(MAX_ENTRY_BYTES, self._place.max_bytes):
            if token is not None:
                await self._call(self._release(keys=[f"{PREFIX}lock:{key}"], args=[token]))
            return
        keys = [f"{PREFIX}key:{key}", f"{PREFIX}lock:{key}", f"{PREFIX}index", f"{PREFIX}bytes"]
        arguments: list[str | bytes | int] = [
            f"{PREFIX}value:", sha256(entry), entry, self._place.ttl_s, self._place.max_bytes, token or "-",
            key, f"{PREFIX}key:",
        ]  # fmt: skip
        await self._call(self._store(keys=keys, args=arguments))

    async def close(self) -> None:
        """Give back the locks that are held, and close the connections."""
        if self._renewing is not None:
            self._renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewing
        for key in list(self._claims):
            await self.settle(key, None)
        with contextlib.suppress(OSError, _redis_error()):
            await self._client.aclose(close_connection_pool=True)

    def _read(self, key: str, found: list[Any]) -> Response | None:
        if len(found) != 2 or not all(isinstance(part, bytes) for part in found):
            return None
        address, entry = found
        if len(entry) > MAX_ENTRY_BYTES or sha256(entry).encode() != address:
            return None
        return decode_reply(key, entry, transport.now())

    @property
    def _is_down(self) -> bool:
        return transport.now() < self._down_until_s

    async def _call(self, command: Any) -> Any:
        """Return what the server answers. None: it does not, and is left alone for a while."""
        try:
            return await asyncio.wait_for(command, 2 * TIMEOUT_S)
        except (OSError, TimeoutError, ValueError, _redis_error()) as exc:
            self._down_until_s = transport.now() + PAUSE_S
            if not self._has_notified:
                self._has_notified = True
                reason = transport.redact_and_truncate(str(exc) or type(exc).__name__)
                self._notify(f"the cache {self._place} failed ({reason}); requests are sent without it")
            return None

    def _keep_renewing(self) -> None:
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew_claims())

    async def _renew_claims(self) -> None:
        while self._claims:
            await asyncio.sleep(self._lock_ms / 3000)
            for key, token in list(self._claims.items()):
                if not self._is_down:
                    await self._call(self._renew(keys=[f"{PREFIX}lock:{key}"], args=[token, self._lock_ms]))


def check_reachable(place: RedisPlace) -> None:
    """Check that a server answers.

    Raises:
        SetupError: It does not; the message says why and what to do.
    """
    settings = _connection_settings(place)
    import redis  # noqa: PLC0415 - an extra package

    if place.is_tls:
        settings |= {"ssl": True, "ssl_ca_certs": place.ca_file}
    client = redis.Redis(**settings)
    try:
        client.ping()
    except (OSError, ValueError, redis.RedisError) as exc:
        reason = transport.redact_and_truncate(str(exc) or type(exc).__name__)
        variable = place.password_env
        hint = (
            f"check the password in {variable}"
            if isinstance(exc, redis.AuthenticationError)
            else "start the server, correct the address, or leave --cache out"
        )
        raise SetupError(f"the cache {place} does not answer ({reason}); {hint}") from exc
    finally:
        client.close()


def _connection_settings(place: RedisPlace) -> dict[str, Any]:
    try:
        import redis  # noqa: F401, PLC0415 - an extra package
    except ImportError as exc:
        raise SetupError(
            f"the cache {place} needs the package redis; run: pip install 'gapbench[redis]'"
        ) from exc
    password = credentials.read_key(place.password_env)
    if password is None and place.is_password_needed:
        raise SetupError(
            f"the cache {place}: {place.password_env} is not set; export the password in it, or leave password_env out"
        )
    return {
        "host": place.host,
        "port": place.port,
        "db": place.database,
        "username": place.username,
        "password": password,
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": TIMEOUT_S,
    }


def _redis_error() -> type[Exception]:
    from redis import RedisError  # noqa: PLC0415 - an extra package

    return RedisError
