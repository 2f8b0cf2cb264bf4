"""Who joins: only who knows the token, has the same version and the right suite; and a machine works for no one else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from importlib.metadata import version

import pytest

from gapbench.errors import BenchError, InputError, SetupError
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.machines import messages, peer_listener
from gapbench.execution.machines.address import MachinesAddress
from gapbench.execution.machines.certificate import joining_context, make_run_certificate
from gapbench.execution.machines.frames import FrameChannel
from gapbench.execution.machines.handshake import join, prove
from gapbench.execution.machines.machine_group import MachineGroup
from tests.gapbench.execution.machines.joined import HOST, TOKEN, TOKEN_ENV

GAPBENCH = version("gapbench")


def joined(
    monkeypatch: pytest.MonkeyPatch, scenario: Callable[[MachineGroup, int], Awaitable[object]]
) -> tuple[str, list[str]]:
    """Run a scenario at a conductor of one machine; returns the error's words, "" for none, and the conductor's lines."""
    monkeypatch.setenv(TOKEN_ENV, TOKEN)
    lines: list[str] = []

    async def main() -> str:
        group = MachineGroup(
            MachinesAddress("listen", HOST, 0, 1, TOKEN_ENV), ("suite", "hash-of-it"), lines.append
        )
        port = await group.listen(HOST, 0)
        try:
            await scenario(group, port)
        except (BenchError, OSError) as exc:
            return str(exc)
        finally:
            await group.close("over")
            await asyncio.sleep(0.01)
        return ""

    return asyncio.run(main()), lines


async def come(
    port: int, *, token: str = TOKEN, gapbench: str = GAPBENCH, suite: str | None = None
) -> tuple[FrameChannel, messages.Welcome]:
    about = messages.Proof("", "m1", 2, {}, suite)
    return await join(HOST, port, token.encode(), TOKEN_ENV, "machine", about, gapbench)


def test_who_knows_the_token_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is told the suite."""

    async def scenario(group: MachineGroup, port: int) -> None:
        channel, welcome = await come(port, suite="hash-of-it")
        await group.wait_for_machines(1, StopSignal(), "a hint")
        channel.close()
        assert ("suite", "hash-of-it") == (welcome.suite, welcome.suite_sha256)
        assert ["m1"] == [machine.name for machine in group.living]

    words, lines = joined(monkeypatch, scenario)

    assert "" == words
    assert ["m1 joined (1 of 1)", "waiting for 1 machine; a hint"] == sorted(lines)[:2]


@pytest.mark.parametrize("is_reading", [True, False])
def test_no_connection_stays_open(monkeypatch: pytest.MonkeyPatch, is_reading: bool) -> None:
    """When the group is closed, a machine that reads the goodbye ends the connection; another's is cut."""
    monkeypatch.setenv(TOKEN_ENV, TOKEN)
    monkeypatch.setattr(peer_listener, "GOODBYE_S", 0.05)

    async def main() -> list[int]:
        address = MachinesAddress("listen", HOST, 0, 1, TOKEN_ENV)
        group = MachineGroup(address, ("suite", "hash-of-it"), lambda _: None)
        channel, _ = await come(await group.listen(HOST, 0))
        await group.wait_for_machines(1, StopSignal(), "a hint")
        assert group._listener is not None
        sockets = [writer.get_extra_info("socket") for writer in group._listener._kept]
        if not is_reading:
            channel._writer.transport.pause_reading()  # type: ignore[attr-defined]
        await group.close("over")
        channel.abort()
        await asyncio.sleep(0)
        return [connection.fileno() for connection in sockets]

    assert [-1] == asyncio.run(main())


def test_a_wrong_token_is_said_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither side repeats a token."""
    words, lines = joined(monkeypatch, lambda _, port: come(port, token="another-0123456789-token"))

    assert "refuses this machine: the token is wrong; give both machines the same in $GAPBENCH_TOKEN" in words
    assert "it has another token" in lines[0]
    assert TOKEN not in words + lines[0]


def test_another_version_is_said_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both versions are named."""
    words, lines = joined(monkeypatch, lambda _, port: come(port, gapbench="0.0.1"))

    assert f"has gapbench {GAPBENCH}, and this machine 0.0.1; install the same version on both" in words
    assert f"it has gapbench 0.0.1, and this machine {GAPBENCH}" in lines[0]


def test_a_machine_for_another_suite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It said which one it works for."""
    words, _ = joined(monkeypatch, lambda _, port: come(port, suite="other"))

    assert "the suite is another one: this run's is 'suite' with hash hash-of-it" in words


def test_one_machine_too_many_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run waits for one."""

    async def scenario(group: MachineGroup, port: int) -> None:
        channel, _ = await come(port)
        await group.wait_for_machines(1, StopSignal(), "")
        try:
            await come(port)
        finally:
            channel.close()

    words, _ = joined(monkeypatch, scenario)

    assert "the run has its 1 machines already; raise machines=N" in words


def test_a_worker_that_nobody_expects_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows the token, but no pool has asked for it."""
    about = messages.Proof("", "m1", 2, machine="made-up", pool=1, number=0)

    words, _ = joined(
        monkeypatch, lambda _, port: join(HOST, port, TOKEN.encode(), TOKEN_ENV, "worker", about, GAPBENCH)
    )

    assert "no such worker is expected" in words


def test_someone_in_between_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another certificate in front of the true conductor: what is passed on proves nothing, and no machine joins."""

    async def scenario(group: MachineGroup, port: int) -> None:
        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            to_reader, to_writer = await asyncio.open_connection(HOST, port, ssl=joining_context())

            async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
                while data := await source.read(65536):
                    target.write(data)
                target.close()

            await asyncio.gather(copy(reader, to_writer), copy(to_reader, writer))

        async with await asyncio.start_server(pass_on, HOST, 0, ssl=make_run_certificate().context) as relay:
            try:
                await come(relay.sockets[0].getsockname()[1])
            finally:
                assert [] == group.living

    words, _ = joined(monkeypatch, scenario)

    assert "the token is wrong" in words


def test_a_machine_works_for_no_one_who_does_not_know_the_token() -> None:
    """A conductor that welcomes everyone with its own proof, or in other letters, and one that sends back the machine's."""

    async def main(answer: str, nonce: str) -> str:
        certificate = make_run_certificate()

        async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            channel = FrameChannel(reader, writer, messages.TO_CONDUCTOR_FIRST, messages.TO_MACHINE_FIRST)
            await channel.read()
            channel.send(messages.Challenge(GAPBENCH, nonce))
            proof = await channel.read()
            channel.send(messages.Welcome(answer or proof.proof, "id", "suite", "hash"))
            channel.close()

        async with await asyncio.start_server(pretend, HOST, 0, ssl=certificate.context) as server:
            with pytest.raises(SetupError) as caught:
                await come(server.sockets[0].getsockname()[1])
        return str(caught.value)

    for answer in (prove(b"guess", "conductor", "f", "a", "b"), "é", "\ud800", ""):
        for nonce in ("n" * 64, "\ud800"):
            assert "does not know the token in $GAPBENCH_TOKEN" in asyncio.run(main(answer, nonce))


@pytest.mark.parametrize(
    "data", [b"GET / HTTP/1.1\r\n\r\n", (2**31 - 1).to_bytes(4) + b"x", (4).to_bytes(4) + b"o{}}"]
)
def test_a_stranger_takes_nothing(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Another protocol, a frame that would fill the memory, broken JSON: closed at once, and said."""

    async def scenario(_: MachineGroup, port: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port, ssl=joining_context())
        writer.write(data)
        assert b"" == await reader.read()
        writer.close()

    words, lines = joined(monkeypatch, scenario)

    assert "" == words
    assert lines[0].endswith("it does not speak gapbench's protocol")


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4) + body


HELLO = framed(f'o{{"@": "Hello", "version": "{GAPBENCH}", "role": "machine", "nonce": "n"}}'.encode())
PROOF = 'j{{"@": "Proof", "proof": {}, "name": "m1", "cores": 2, "facts": {{}}, "suite_sha256": {}, "machine": "", "pool": 0, "number": 0}}'


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        (HELLO + framed(PROOF.format('"é"', "null").encode()), "it has another token"),
        (HELLO + framed(PROOF.format(r'"\ud800"', "null").encode()), "it has another token"),
        (HELLO + framed(PROOF.format('"a"', '{"@": []}').encode()), "it does not speak gapbench's protocol"),
        (framed(HELLO[4:].replace(b'"n"', rb'"\ud800"').replace(b"o{", b"j{")) + framed(PROOF.format('"a"', "null").encode()), "it has another token"),
    ],
    ids=["a proof in other letters", "a proof that is no text", "a class without a name", "a nonce that is no text"],
)  # fmt: skip
def test_a_strange_proof_is_refused_and_its_connection_ended(
    monkeypatch: pytest.MonkeyPatch, frames: bytes, words: str
) -> None:
    """Without the token no one keeps a connection, whatever it sends."""

    async def scenario(group: MachineGroup, port: int) -> None:
        reader, writer = await asyncio.open_connection(HOST, port, ssl=joining_context())
        writer.write(frames)
        await asyncio.wait_for(reader.read(), 5)
        writer.close()
        await until(lambda: taken(group) == 0)

    said, lines = joined(monkeypatch, scenario)

    assert ("", [words]) == (said, [line.partition(": ")[2] for line in lines])


def test_an_error_in_a_handshake_ends_that_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fails here, the peer is sent away, and the next one can join."""

    async def scenario(group: MachineGroup, port: int) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("gapbench.execution.machines.machine_group.receive", broken)
            reader, writer = await asyncio.open_connection(HOST, port, ssl=joining_context())
            with contextlib.suppress(ConnectionError):
                assert b"" == await asyncio.wait_for(reader.read(), 5)
            writer.close()
        channel, _ = await come(port)
        channel.close()

    async def broken(*_: object) -> None:
        raise KeyError

    words, lines = joined(monkeypatch, scenario)

    assert "" == words
    assert lines[0].endswith("its handshake ended with KeyError")


def taken(group: MachineGroup) -> int:
    assert group._listener is not None
    return group._listener.unknown_peers


async def until(is_so: Callable[[], bool]) -> None:
    ends_s = asyncio.get_running_loop().time() + 5
    while not is_so():
        assert asyncio.get_running_loop().time() < ends_s
        await asyncio.sleep(0)


def test_strangers_take_only_so_many_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two places; two strangers do not even begin with TLS. A third connection waits until one of them goes."""
    monkeypatch.setattr(peer_listener, "MAX_UNKNOWN_PEERS", 2)

    async def scenario(group: MachineGroup, port: int) -> None:
        strangers = [await asyncio.open_connection(HOST, port) for _ in range(2)]
        machine = asyncio.create_task(come(port))
        await until(lambda: taken(group) == 2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not machine.done()
        strangers[0][1].close()
        channel, _ = await machine
        await until(lambda: taken(group) == 1)
        channel.close()
        strangers[1][1].close()

    assert "" == joined(monkeypatch, scenario)[0]


def test_who_is_refused_and_does_not_go_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads nothing, so it never sees that its connection is closed; its place is free all the same."""
    monkeypatch.setattr(peer_listener, "CLOSE_S", 0.01)

    async def scenario(group: MachineGroup, port: int) -> None:
        _, writer = await asyncio.open_connection(HOST, port, ssl=joining_context())
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport of a stream can
        writer.write(HELLO + framed(PROOF.format('"a"', "null").encode()))
        await until(lambda: taken(group) == 1)
        await until(lambda: taken(group) == 0)
        writer.transport.abort()

    assert "" == joined(monkeypatch, scenario)[0]


def test_a_port_in_use_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, bad input."""

    async def scenario(_: MachineGroup, port: int) -> None:
        second = MachineGroup(MachinesAddress("listen", HOST, port, 1, TOKEN_ENV), ("s", "h"), print)
        with pytest.raises(
            InputError, match=f"cannot listen on {HOST}:{port}: .*; end what listens there, or name"
        ):
            await second.listen(HOST, port)

    assert "" == joined(monkeypatch, scenario)[0]
