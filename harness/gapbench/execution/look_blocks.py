"""The parts of a plan between two looks: whole clusters, for all models, spread over tasks and tiers."""

from __future__ import annotations

from dataclasses import dataclass

from gapbench.suite.plan import Cell, Plan, PlannedRequest
from gapbench.suite.tasks.sample_order import order_by_labels
from gapbench.suite.tasks.task import Task
from gapbench.values import Sample

MIN_BLOCK_SAMPLES = 10
"""Fewest samples of each task between two looks, where the number of looks is free."""
STREAMS_PER_BLOCK = 2
"""Samples of a block for each request in flight, so that the load is kept up for most of a block."""


@dataclass(frozen=True)
class LookBlock:
    """The samples that all models are asked before a look.

    Attributes:
        samples: (task, sample id) of each sample.
        pairs: Planned pairs up to and including this block.
    """

    samples: frozenset[tuple[str, str]]
    pairs: int

    def includes(self, cell: Cell, request: PlannedRequest, *, is_first: bool) -> bool:
        """Return whether a request belongs to this block. Warm-up requests belong to the first block."""
        if request.phase == "warmup":
            return is_first
        return (cell.task.name, request.sample.sample_id) in self.samples


def split_into_blocks(plan: Plan, looks: int | None) -> list[LookBlock]:
    """Return the blocks of a plan in order; together they hold every sample once.

    Args:
        plan: The plan. All its models have the same tasks and loads.
        looks: Number of looks. None: as many as whole clusters and the load allow.
    """
    clusters = [cluster for task in plan.tasks for cluster in _clusters_of(plan, task)]
    order = order_by_labels([cluster.labels for cluster in clusters], f"{plan.seed}:clusters")
    total = sum(cluster.pairs for cluster in clusters)
    if looks is None:
        streams = max(int(cell.load.value) for cell in plan.cells)
        block_pairs = max(MIN_BLOCK_SAMPLES, STREAMS_PER_BLOCK * streams) * len(plan.tasks)
        bounds = [float(done) for done in range(block_pairs, total, block_pairs)]
    else:
        bounds = [total * number / looks for number in range(1, looks)]
    blocks: list[LookBlock] = []
    samples: list[tuple[str, str]] = []
    pairs = 0
    for place in order:
        samples += clusters[place].samples
        pairs += clusters[place].pairs
        if bounds and pairs >= bounds[0]:
            blocks.append(LookBlock(frozenset(samples), pairs))
            samples = []
            bounds = [bound for bound in bounds if bound > pairs]
    return [*blocks, LookBlock(frozenset(samples), pairs)] if samples else blocks


def largest_cluster(plan: Plan) -> int:
    """Return the number of pairs in the largest cluster of a plan, over repeats and loads."""
    return max(cluster.pairs for task in plan.tasks for cluster in _clusters_of(plan, task))


@dataclass(frozen=True)
class _Cluster:
    labels: tuple[str | None, ...]
    samples: list[tuple[str, str]]
    pairs: int


def _clusters_of(plan: Plan, task: Task) -> list[_Cluster]:
    """Return the clusters of a task, with the labels by which they are spread: the task, and the tags of their samples."""
    model = plan.models[0].id
    pairs_per_sample = sum(
        cell.repeats for cell in plan.cells if cell.model.id == model and cell.task.name == task.name
    )
    members: dict[str, list[Sample]] = {}
    for sample in task.ordered_samples(plan.seed):
        members.setdefault(sample.cluster_id or sample.sample_id, []).append(sample)
    return [
        _Cluster(
            (
                task.name,
                *(",".join(sorted(set(tags))) for tags in zip(*(s.tags for s in samples), strict=False)),
            ),
            [(task.name, sample.sample_id) for sample in samples],
            pairs_per_sample * len(samples),
        )
        for samples in members.values()
    ]
