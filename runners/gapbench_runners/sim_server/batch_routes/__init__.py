"""The batch APIs of the three vendors over HTTP."""

from __future__ import annotations

from gapbench_runners.sim_server.batch_routes.anthropic_routes import AnthropicRoutes
from gapbench_runners.sim_server.batch_routes.google_routes import GoogleRoutes
from gapbench_runners.sim_server.batch_routes.openai_routes import OpenAIRoutes
from gapbench_runners.sim_server.batch_routes.routes import BatchRoutes
from gapbench_runners.sim_server.batch_store import BatchStore

__all__ = ["make_batch_routes"]


def make_batch_routes(store: BatchStore) -> tuple[BatchRoutes, ...]:
    """Return what answers requests about batches, over one store."""
    return (OpenAIRoutes(store), AnthropicRoutes(store), GoogleRoutes(store))
