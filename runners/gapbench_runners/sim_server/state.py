"""What all connections of a sim server share: personas, places, counters, and the log of true times."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import IO, Any

import orjson

from gapbench_runners.sim_server.batch_routes import make_batch_routes
from gapbench_runners.sim_server.batch_store import BatchStore
from gapbench_runners.sim_server.persona import ServerCapacity
from gapbench_runners.sim_server.sim_model import SimModel

MAX_LOGGED_REQUESTS = 20_000
"""Requests that ``/sim/log`` tells of; the file has all."""


class ConcurrencySlots:
    """One persona's places: as many replies at once as it has streams, the rest in line."""

    def __init__(self, capacity: ServerCapacity) -> None:
        """Start empty."""
        self._capacity = capacity
        self.running = 0
        self.waiting: deque[Callable[[], None]] = deque()

    def acquire(self, start: Callable[[], None]) -> bool:
        """Call ``start`` as soon as there is a place; False: the queue is full."""
        streams, queue = self._capacity.streams, self._capacity.queue
        if not streams or self.running < streams:
            self.running += 1
            start()
            return True
        if queue is not None and len(self.waiting) >= queue:
            return False
        self.waiting.append(start)
        return True

    def cancel(self, start: Callable[[], None]) -> None:
        """Take a request out of the queue whose client has gone."""
        if start in self.waiting:
            self.waiting.remove(start)

    def release(self) -> None:
        """Give a place back to the next in the queue."""
        self.running -= 1
        if self.waiting:
            self.running += 1
            self.waiting.popleft()()


class Simulation:
    """The personas by model name, and what is known of all requests.

    Args:
        models: By model name; "" answers for any other.
        api_key: The API key that is accepted. None: any.
        log: Where each request's true times go, one JSON object a line. None: kept in memory alone.

    Attributes:
        batches: What was submitted to the batch APIs, and what it costs.
        batch_routes: What answers requests about batches.
    """

    def __init__(
        self, models: Mapping[str, SimModel], api_key: str | None = None, log: IO[bytes] | None = None
    ) -> None:
        """Start idle."""
        self.models = models
        self.slots = {name: ConcurrencySlots(mind.persona.capacity) for name, mind in models.items()}
        self.api_key = api_key
        self._log = log
        self.recent_log: deque[bytes] = deque(maxlen=MAX_LOGGED_REQUESTS)
        self.counts: Counter[str] = Counter()
        self.sums_s: dict[str, float] = {"queue": 0.0, "first": 0.0, "whole": 0.0}
        self.batches = BatchStore(self)
        self.batch_routes = make_batch_routes(self.batches)

    def persona_name(self, model: str) -> str | None:
        """Return the name of a model's persona, or None if no persona answers for it."""
        return model if model in self.models else "" if "" in self.models else None

    def next_number(self) -> int:
        """Count a request and return its number, from 1."""
        self.counts["requests"] += 1
        return self.counts["requests"]

    def record_request(self, entry: Mapping[str, Any]) -> None:
        """Write down one request."""
        line = orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE)
        self.recent_log.append(line)
        if self._log is not None:
            self._log.write(line)

    def metrics(self) -> str:
        """Return the counters under vLLM's names, where it has one."""
        counts, sums_s = self.counts, self.sums_s
        finished = counts["finished"]
        rows: dict[str, float] = {
            "vllm:num_requests_running": sum(places.running for places in self.slots.values()),
            "vllm:num_requests_waiting": sum(len(places.waiting) for places in self.slots.values()),
            "vllm:prompt_tokens_total": counts["prompt_tokens"],
            "vllm:generation_tokens_total": counts["generation_tokens"],
            "vllm:prefix_cache_queries_total": counts["prompt_tokens"],
            "vllm:prefix_cache_hits_total": counts["cached_tokens"],
            "vllm:num_preemptions_total": 0,
            "vllm:request_success_total": finished,
            "vllm:request_queue_time_seconds_sum": sums_s["queue"],
            "vllm:request_queue_time_seconds_count": finished,
            "vllm:time_to_first_token_seconds_sum": sums_s["first"],
            "vllm:time_to_first_token_seconds_count": finished,
            "vllm:e2e_request_latency_seconds_sum": sums_s["whole"],
            "vllm:e2e_request_latency_seconds_count": finished,
            "sim:requests_total": counts["requests"],
            "sim:finished_total": finished,
            "sim:refused_queue_total": counts["refused_queue"],
            "sim:abandoned_total": counts["abandoned"],
            "sim:unknown_prompts_total": counts["unknown_prompts"],
            "sim:chunks_total": counts["chunks"],
            "sim:late_chunks_total": counts["late_chunks"],
            "sim:faults_total": counts["faults"],
            "sim:batches_total": counts["batches"],
            "sim:batch_requests_total": counts["batch_requests"],
        }
        return "".join(f"{name} {value}\n" for name, value in rows.items())
