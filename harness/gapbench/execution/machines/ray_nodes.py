"""Machines from a Ray cluster: one actor on each node runs what ``bench worker --join`` runs.

Ray places, starts and ends them. Arrivals, instants, permits and rows go over our own connections: Ray's calls take
milliseconds. Keys and the token are read on each node from the environment in which ``ray start`` ran, or from the files
that it names; only their names travel.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import threading
from typing import TYPE_CHECKING, Any

from gapbench.errors import BenchError, SetupError
from gapbench.execution.machines.address import MachinesAddress, read_token
from gapbench.execution.machines.join import Joining, serve_conductor

if TYPE_CHECKING:
    from gapbench.execution.machines.machine_group import MachineGroup

START_S = 300.0
JOIN_WAIT_S = 30.0


class NodeWorker:
    """The actor: the control process of a machine, in a thread of its own."""

    def __init__(self) -> None:
        self._problem: str | None = None
        self._thread: threading.Thread | None = None

    def start(self, host: str, port: int, token_env: str, name: str) -> str | None:
        """Join the conductor, and return at once; returns why it cannot, or None.

        Args:
            host: The conductor's host.
            port: The conductor's port.
            token_env: Name of the variable with the token on this node.
            name: Name of this machine.
        """
        # Ray gives its processes a low priority, and the workers would inherit it: on a busy node they would be late.
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        try:
            joining = Joining(host, port, read_token(token_env), token_env, name, JOIN_WAIT_S)
        except SetupError as exc:
            return str(exc)
        self._thread = threading.Thread(target=self._serve, args=(joining,), daemon=True)
        self._thread.start()
        return None

    def _serve(self, joining: Joining) -> None:
        try:
            asyncio.run(serve_conductor(joining, lambda _: None))
        except Exception as exc:  # noqa: BLE001 - the conductor asks why
            self._problem = str(exc) if isinstance(exc, BenchError) else f"{type(exc).__name__}: {exc}"

    def problem(self) -> str | None:
        """Return why it stopped. None: it runs, or its run has ended."""
        return self._problem


async def start_on_nodes(group: MachineGroup, stack: contextlib.AsyncExitStack) -> int:
    """Listen, and start an actor on each node.

    Args:
        group: The run's machines.
        stack: Ends the actors, and this process's part in the cluster if it joined it here.

    Returns:
        The number of nodes.

    Raises:
        SetupError: Ray is not installed, the cluster cannot be reached, or a node lacks the token.
    """
    try:
        ray: Any = importlib.import_module("ray")
        importlib.import_module("ray.util.scheduling_strategies")
    except ImportError:
        raise SetupError(
            "--machines ray://…: Ray is not installed; install it on all nodes with `pip install 'gapbench[ray]'`"
        ) from None
    address = group.address
    if not ray.is_initialized():
        await asyncio.to_thread(_connect, ray, address)
        stack.callback(ray.shutdown)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    if address.machines is not None:
        if len(nodes) < address.machines:
            raise SetupError(
                f"--machines: the Ray cluster has {len(nodes)} nodes; {address.machines} were asked for"
            )
        nodes = nodes[: address.machines]
    host = ray.util.get_node_ip_address()
    port = await group.listen("0.0.0.0", 0)  # noqa: S104 - nodes are other machines; the handshake keeps strangers out
    actors = [_place(ray, node) for node in nodes]
    stack.callback(_end, ray, actors)
    started = [
        actor.start.remote(host, port, address.token_env, _name(node, nodes))
        for actor, node in zip(actors, nodes, strict=True)
    ]
    try:
        problems = await asyncio.to_thread(ray.get, started, timeout=START_S)
    except ray.exceptions.RayError as exc:
        first = str(exc).strip().splitlines()[0]
        raise SetupError(
            f"--machines: Ray could not start on every node: {first}; install the same gapbench, Ray and Python on all"
        ) from None
    for node, problem in zip(nodes, problems, strict=True):
        if problem is not None:
            raise SetupError(f"--machines: node {_name(node, nodes)}: {problem}, before `ray start`")
    return len(nodes)


def _connect(ray: Any, address: MachinesAddress) -> None:
    place = "auto" if address.host == "auto" else f"{address.host}:{address.port}"
    try:
        ray.init(address=place, log_to_driver=False, logging_level="error")
    except (ConnectionError, ValueError, RuntimeError) as exc:
        first = str(exc).strip().splitlines()[0]
        raise SetupError(
            f"--machines: no Ray cluster at {place}: {first}; run this on a node of the cluster, after "
            f"`ray start --head` there or `ray start --address=HEAD:{address.port or 6379}`"
        ) from None


def _place(ray: Any, node: Any) -> Any:
    """Return an actor on a node; it takes no CPU of Ray's count and is not started again when it dies."""
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    return ray.remote(NodeWorker).options(num_cpus=0, max_restarts=0, scheduling_strategy=here).remote()


def _name(node: Any, nodes: list[Any]) -> str:
    """Return a node's host name, with the start of its id where several nodes are on one host."""
    host = str(node.get("NodeManagerHostname") or node["NodeManagerAddress"])
    is_only = sum(other.get("NodeManagerHostname") == node.get("NodeManagerHostname") for other in nodes) == 1
    return host if is_only else f"{host}-{node['NodeID'][:6]}"


def _end(ray: Any, actors: list[Any]) -> None:
    for actor in actors:
        with contextlib.suppress(Exception):
            ray.kill(actor)
