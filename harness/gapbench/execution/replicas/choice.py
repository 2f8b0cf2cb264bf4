"""Which replica gets the next request: the one with the least in flight, or the one that has seen the prompt's start."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from gapbench.execution.replicas.replica import Replica
from gapbench.values import Message, Text, prompt_sha256

PREFIX_CHARS = 1024
"""Characters of a prompt's start that decide its replica: about 256 tokens, 16 blocks of vLLM's prefix cache."""
LOAD_BOUND = 1.25
"""A replica gets at most this many times the mean number in flight; more goes to the next of its prompt's order.
Mirrokni, Thorup, Zadimoghaddam: "Consistent Hashing with Bounded Loads", SODA 2018."""
LEAST_BOUND = 4
"""This many in flight are no load for any server, so a prompt stays at its replica up to here."""


def choose_replica(replicas: Sequence[Replica], first: int, prefix_key: str | None = None) -> Replica:
    """Return the replica for a request.

    A replica that was taken out and is due is tried first. If none is in use, it is the one that is due soonest: the
    failures are then those of the model.

    Args:
        replicas: All replicas.
        first: Number of the one that wins a tie; count it up.
        prefix_key: Result of :func:`prefix_key_of`. None: the one with the least in flight.
    """
    for replica in replicas:
        if replica.is_due:
            return replica
    in_use = [replica for replica in replicas if replica.is_in_use]
    if not in_use:
        return min(replicas, key=lambda replica: (replica.in_flight, replica.retry_at_s or 0.0))
    if prefix_key is None:
        start = first % len(in_use)
        return min((*in_use[start:], *in_use[:start]), key=lambda replica: replica.in_flight)
    mean = (1 + sum(replica.in_flight for replica in in_use)) / len(in_use)
    bound = max(LEAST_BOUND, math.ceil(LOAD_BOUND * mean))
    ordered = sorted(in_use, key=lambda replica: _weight(prefix_key, replica.address), reverse=True)
    return next((replica for replica in ordered if replica.in_flight < bound), ordered[0])


def prefix_key_of(messages: Iterable[Message]) -> str:
    """Return what the prompts have in common that should share a replica.

    It is the start of the prompt, up to its first user message: the same for all turns of a conversation, and for all
    prompts that begin with the same long instructions.
    """
    start: list[str] = []
    for message in messages:
        start.append(message.role)
        start += [
            part.text if isinstance(part, Text) else prompt_sha256((message,)) for part in message.parts
        ]
        if message.role == "user":
            break
    return "\x1f".join(start)[:PREFIX_CHARS]


def _weight(prefix_key: str, address: str) -> bytes:
    """Return a replica's weight for a prompt (rendezvous hashing): the same in every process."""
    return blake2b(f"{address}\n{prefix_key}".encode(), digest_size=8).digest()
