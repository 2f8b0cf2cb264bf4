"""The machines of one run: the conductor listens, lets those in that know the token, and starts workers on them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from importlib.metadata import version

from gapbench.errors import BenchError, InputError, SetupError
from gapbench.execution.limits.stop_signal import StopSignal
from gapbench.execution.machines import messages
from gapbench.execution.machines.address import MachinesAddress, read_token
from gapbench.execution.machines.certificate import RunCertificate, make_run_certificate
from gapbench.execution.machines.handshake import RefusedPeerError, receive
from gapbench.execution.machines.machine import Machine, WorkerLink
from gapbench.execution.machines.peer_listener import PeerListener
from gapbench.formatting import escape_invisible

MAX_NAME_CHARS = 60
WORKER_START_S = 180.0


class MachineGroup:
    """The machines of one run. Use :func:`open_machines`.

    Args:
        address: Where they come from.
        suite: The suite's name and hash.
        notify: Receives one line for the user.
    """

    def __init__(
        self, address: MachinesAddress, suite: tuple[str, str], notify: Callable[[str], None]
    ) -> None:
        self.address = address
        self._suite = suite
        self._notify = notify
        self._token = read_token(address.token_env)
        self._certificate: RunCertificate | None = None
        self._listener: PeerListener | None = None
        self._machines: dict[str, Machine] = {}
        self._joined = asyncio.Event()
        self._expected: dict[tuple[str, int, int], asyncio.Future[WorkerLink]] = {}
        self._last_pool = 0
        self._wanted = address.machines

    @property
    def living(self) -> list[Machine]:
        """The machines that are not lost, in the order in which they joined."""
        return [machine for machine in self._machines.values() if machine.lost is None]

    async def listen(self, host: str, port: int) -> int:
        """Listen for machines, and return the port.

        Raises:
            InputError: The address cannot be used.
        """
        self._certificate = await asyncio.to_thread(make_run_certificate)
        self._listener = PeerListener(self._certificate.context, self._let_in)
        try:
            return await self._listener.open(host, port)
        except OSError as exc:
            raise InputError(
                f"--machines: cannot listen on {host}:{port}: {exc.strerror or exc}; "
                "end what listens there, or name another port"
            ) from None

    async def wait_for_machines(self, count: int, stop_signal: StopSignal, hint: str) -> None:
        """Wait until so many machines have joined.

        Args:
            count: How many.
            stop_signal: Ends the wait.
            hint: How a machine joins, for the user.

        Raises:
            SetupError: They have not joined in time.
        """
        self._wanted = count
        self._notify(f"waiting for {count} {'machine' if count == 1 else 'machines'}; {hint}")
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + self.address.wait_s
        stopped = asyncio.create_task(stop_signal.wait())
        try:
            while len(self.living) < count and stop_signal.reason is None:
                self._joined.clear()
                joined = asyncio.create_task(self._joined.wait())
                left_s = ends_s - loop.time()
                done, _ = await asyncio.wait(
                    (joined, stopped), timeout=max(0.0, left_s), return_when=asyncio.FIRST_COMPLETED
                )
                joined.cancel()
                if not done:
                    raise SetupError(
                        f"{len(self.living)} of {count} machines joined within {self.address.wait_s:g} s; {hint}"
                    )
        finally:
            stopped.cancel()

    async def start_workers(self, wanted: Mapping[str, Sequence[int]]) -> list[WorkerLink]:
        """Start workers and wait until each has connected.

        Args:
            wanted: By machine id, the numbers of its workers.

        Returns:
            Their connections, by number.

        Raises:
            BenchError: One does not start; the others are ended.
        """
        self._last_pool += 1
        pool = self._last_pool
        futures: list[asyncio.Future[WorkerLink]] = []
        for machine_id, numbers in wanted.items():
            for number in numbers:
                future: asyncio.Future[WorkerLink] = asyncio.get_running_loop().create_future()
                self._expected[machine_id, pool, number] = future
                futures.append(future)
            self._machines[machine_id].send(messages.StartWorkers(pool, tuple(numbers)))
        try:
            async with asyncio.timeout(WORKER_START_S):
                links = await asyncio.gather(*futures)
        except BaseException as exc:
            for future in futures:
                if future.done() and not future.cancelled() and future.exception() is None:
                    future.result().channel.close()
                future.cancel()
            if isinstance(exc, TimeoutError):
                raise BenchError(f"not all workers connected within {WORKER_START_S:g} s") from None
            raise
        finally:
            self._expected = {key: value for key, value in self._expected.items() if key[1] != pool}
        return sorted(links, key=lambda link: link.number)

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Let a peer in that knows the token and is expected; returns whether it is."""
        certificate = self._certificate
        assert certificate is not None
        peer = writer.get_extra_info("peername")
        place = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "a peer"
        try:
            channel, role, proof, welcome = await receive(
                reader, writer, self._token, self.address.token_env, certificate.fingerprint,
                version("gapbench"), self._check,
            )  # fmt: skip
        except RefusedPeerError as exc:
            self._notify(f"refused {place}: {exc}")
            return False
        except OSError:  # it has gone, or is too slow
            writer.transport.abort()
            return False
        except Exception as exc:  # noqa: BLE001 - no stranger may end what lets machines in
            writer.transport.abort()
            self._notify(f"refused {place}: its handshake ended with {type(exc).__name__}")
            return False
        if role == "machine":
            machine = Machine(
                welcome.machine,
                proof,
                self._unused_name(proof.name),
                channel,
                self._worker_ended,
                self._machine_lost,
            )
            self._machines[machine.id] = machine
            self._notify(f"{machine.name} joined ({len(self.living)} of {self._wanted or '?'})")
            self._joined.set()
            return True
        machine = self._machines[proof.machine]
        link = WorkerLink(proof.number, machine, channel, self._notify)
        future = self._expected.get((proof.machine, proof.pool, proof.number))
        if future is None or future.done():
            return False
        machine.links.append(link)
        future.set_result(link)
        return True

    def _check(self, role: messages.Role, proof: messages.Proof) -> messages.Welcome | str:
        """Decide about a peer that knows the token."""
        name, sha256 = self._suite
        if role == "worker":
            if (proof.machine, proof.pool, proof.number) not in self._expected:
                return "no such worker is expected"
            return messages.Welcome("", proof.machine, name, sha256)
        if proof.suite_sha256 not in {None, sha256}:
            return (
                f"the suite is another one: this run's is {name!r} with hash {sha256[:12]}, and the machine works only for "
                f"{str(proof.suite_sha256)[:12]}; give both the same file"
            )
        if self._wanted is not None and len(self.living) >= self._wanted:
            return f"the run has its {self._wanted} machines already; raise machines=N"
        return messages.Welcome("", secrets.token_hex(8), name, sha256)

    def _unused_name(self, name: str) -> str:
        base = escape_invisible(name[:MAX_NAME_CHARS]) or "machine"
        taken = {machine.name for machine in self._machines.values()}
        return next(
            found
            for found in (base, *(f"{base}-{n}" for n in range(2, len(taken) + 3)))
            if found not in taken
        )

    def _worker_ended(self, machine: Machine, ended: messages.WorkerEnded) -> None:
        future = self._expected.get((machine.id, ended.pool, ended.number))
        if future is not None and not future.done():
            last = escape_invisible(ended.last_line) or f"it ended with code {ended.code}"
            future.set_exception(BenchError(f"worker {ended.number} on {machine.name} cannot start: {last}"))

    def _machine_lost(self, machine: Machine) -> None:
        self._notify(f"{machine.name} is lost: {machine.lost}")
        for (machine_id, _, number), future in self._expected.items():
            if machine_id == machine.id and not future.done():
                future.set_exception(BenchError(f"worker {number}: {machine.name} is lost: {machine.lost}"))

    async def close(self, reason: str) -> None:
        """Send the machines away."""
        for machine in self._machines.values():
            machine.close(reason)
        if self._listener is not None:
            await self._listener.close()
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def open_machines(
    address: MachinesAddress | None,
    suite: tuple[str, str],
    stop_signal: StopSignal,
    notify: Callable[[str], None],
) -> AsyncIterator[MachineGroup | None]:
    """Wait for a run's machines, and send them away when the block ends. None: the run has no other machines.

    Args:
        address: Where they come from. None: this machine sends.
        suite: The suite's name and hash.
        stop_signal: Ends the wait.
        notify: Receives one line for the user.

    Raises:
        InputError: The address cannot be listened on.
        SetupError: There is no token, the machines did not join in time, or Ray cannot be used.
    """
    if address is None:
        yield None
        return
    group = MachineGroup(address, suite, notify)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(group.close, "the run has ended")
        if address.kind == "ray":
            from gapbench.execution.machines.ray_nodes import start_on_nodes  # noqa: PLC0415 - optional

            count = await start_on_nodes(group, stack)
            await group.wait_for_machines(count, stop_signal, "Ray starts one on each node")
        else:
            assert address.machines is not None
            port = await group.listen(address.host, address.port)
            hint = f"on each: bench worker --join THIS_HOST:{port} --token-env {address.token_env}"
            await group.wait_for_machines(address.machines, stop_signal, hint)
        yield group
