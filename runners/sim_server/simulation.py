"""What all connections of a sim server share: places, counters, and the log of true times."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import IO, Any

import orjson

from runners.sim_server.reply import Mind

LOG_KEPT = 100_000


class Simulation:
    """What all connections share: the minds, the places, the counters and the log.

    Args:
        minds: By model name; "" answers for any other.
        key: The API key that is accepted. None: any.
        log: Where each request's true times go, one JSON object a line. None: kept in memory alone.
    """

    def __init__(
        self, minds: Mapping[str, Mind], key: str | None = None, log: IO[bytes] | None = None
    ) -> None:
        """Start idle."""
        self.minds = minds
        self.key = key
        self._log = log
        self.kept: deque[dict[str, Any]] = deque(maxlen=LOG_KEPT)
        self.counts: dict[str, float] = {
            "requests": 0, "finished": 0, "faults": 0, "refused_queue": 0, "unknown_prompts": 0,
            "prompt_tokens": 0, "cached_tokens": 0, "generation_tokens": 0, "late_chunks": 0,
        }  # fmt: skip
        self.running = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def mind(self, model: str) -> Mind | None:
        """Return who answers for a model; None: nobody."""
        return self.minds.get(model) or self.minds.get("")

    def enter(self, mind: Mind, begin: Callable[[], None]) -> bool:
        """Call ``begin`` as soon as there is a place; False: the queue is full."""
        capacity = mind.persona.capacity
        if not capacity.streams or self.running < capacity.streams:
            self.running += 1
            begin()
            return True
        if capacity.queue is not None and len(self._waiting) >= capacity.queue:
            self.counts["refused_queue"] += 1
            return False
        self._waiting.append(begin)
        return True

    def forget(self, begin: Callable[[], None]) -> None:
        """Take a request out of the queue whose client has gone."""
        if begin in self._waiting:
            self._waiting.remove(begin)

    def leave(self) -> None:
        """Give a place back to the next in the queue."""
        self.running -= 1
        if self._waiting:
            self.running += 1
            self._waiting.popleft()()

    def record(self, entry: dict[str, Any]) -> None:
        """Write down one request."""
        self.kept.append(entry)
        if self._log is not None:
            self._log.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def metrics(self) -> str:
        """Return the counters under vLLM's names, where it has one."""
        counts = self.counts
        rows = {
            "vllm:num_requests_running": self.running,
            "vllm:num_requests_waiting": len(self._waiting),
            "vllm:prompt_tokens_total": counts["prompt_tokens"],
            "vllm:generation_tokens_total": counts["generation_tokens"],
            "vllm:prefix_cache_queries_total": counts["prompt_tokens"],
            "vllm:prefix_cache_hits_total": counts["cached_tokens"],
            "vllm:num_preemptions_total": 0,
            "sim:requests_total": counts["requests"],
            "sim:finished_total": counts["finished"],
            "sim:faults_total": counts["faults"],
            "sim:refused_queue_total": counts["refused_queue"],
            "sim:unknown_prompts_total": counts["unknown_prompts"],
            "sim:late_chunks_total": counts["late_chunks"],
        }
        return "".join(f"{name} {value}\n" for name, value in rows.items())
