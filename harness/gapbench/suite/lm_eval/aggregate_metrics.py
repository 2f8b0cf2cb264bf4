"""lm-eval's own ``evaluate`` over the stored replies: its figures to the last digit, and its group aggregates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from gapbench.suite.lm_eval import library
from gapbench.suite.lm_eval.sample_scores import response
from gapbench.suite.tasks.grader import Reply

if TYPE_CHECKING:
    Place = tuple[str, int, int]


def results(
    name: str, loaded: Mapping[str, Any], limit: int | None, replies: Mapping[str, Sequence[Reply]]
) -> list[dict[str, Any]]:
    """Return lm-eval's figures for each whole pass over the documents, and for the first however it stands.

    Args:
        name: What the suite calls the entry.
        loaded: lm-eval's ``{"tasks": …, "groups": …}``, requests built.
        limit: First N documents of each task. None: all.
        replies: By task name. A task that is not there was not run, and groups are left out.
    """
    passes: list[dict[str, Any]] = []
    number = 0
    while True:
        judged = _one_pass(name, loaded, limit, replies, number)
        if judged is None or (number > 0 and any(judged["documents_without_reply"].values())):
            return passes
        passes.append(judged)
        number += 1


def _one_pass(
    name: str,
    loaded: Mapping[str, Any],
    limit: int | None,
    replies: Mapping[str, Sequence[Reply]],
    number: int,
) -> dict[str, Any] | None:
    answered: dict[Place, list[Any]] = {}
    whole: dict[str, list[int]] = {}
    lacking: dict[str, int] = {}
    for task_name in replies:
        task = loaded["tasks"][task_name]
        times = int(task.get_config("repeats") or 1)
        texts = {(reply.sample_id, reply.repeat): reply.text for reply in replies[task_name]}
        complete: dict[int, bool] = {}
        for instance in task.instances:
            found = [
                text
                for repeat in range(number * times, (number + 1) * times)
                for sample_id in (f"{instance.doc_id}.{instance.idx}", str(instance.doc_id))
                if (text := texts.get((sample_id, repeat))) is not None
            ]
            answered[task_name, instance.doc_id, instance.idx] = [response(instance, text) for text in found]
            complete[instance.doc_id] = complete.get(instance.doc_id, True) and len(found) == times
        whole[task_name] = [doc_id for doc_id, is_whole in complete.items() if is_whole]
        lacking[task_name] = len(complete) - len(whole[task_name])
    judged = {task_name: loaded["tasks"][task_name] for task_name in whole if whole[task_name]}
    if not judged:
        return None
    groups = loaded.get("groups", {}) if len(judged) == len(loaded["tasks"]) else {}
    figures = _evaluated(judged, groups, limit, answered, whole if any(lacking.values()) else None)
    return {
        "harness": "lm-eval",
        "version": version("lm-eval"),
        "entry": name,
        "pass": number,
        "documents_without_reply": lacking,
        **{key: _plain(figures.get(key, {})) for key in _KEPT},
    }


_KEPT = ("results", "groups", "group_subtasks", "versions", "n-shot", "higher_is_better", "n-samples")


def _evaluated(
    tasks: Mapping[str, Any],
    groups: Mapping[str, Any],
    limit: int | None,
    answered: Mapping[Place, list[Any]],
    only: Mapping[str, list[int]] | None,
) -> Mapping[str, Any]:
    from lm_eval.api.model import LM  # noqa: PLC0415 - an extra, imported late
    from lm_eval.evaluator import evaluate  # noqa: PLC0415

    class Stored(LM):  # type: ignore[misc]  # lm-eval has no types of its own for mypy
        """An lm-eval model whose replies are already there."""

        MULTIMODAL = True

        def generate_until(self, requests: Iterable[Any]) -> list[Any]:
            seen: dict[int, int] = {}
            given: list[Any] = []
            for request in requests:
                doc_id = request.doc_id if only is None else only[request.task_name][request.doc_id]
                nth = seen.get(id(request), 0)
                seen[id(request)] = nth + 1
                given.append(answered[request.task_name, doc_id, request.idx][nth])
            return given

        loglikelihood = loglikelihood_rolling = generate_until

    with library.seeded(), library.quiet():
        requests = {name: task.instances for name, task in tasks.items()}
        try:
            for task in tasks.values():
                task.set_fewshot_seed(seed=library.OTHER_SEED)
            figures: Mapping[str, Any] = evaluate(
                lm=Stored(),
                task_dict={"tasks": dict(tasks), "groups": dict(groups)},
                limit=limit if only is None else None,
                samples=None if only is None else {name: list(only[name]) for name in tasks},
                bootstrap_iters=library.BOOTSTRAP_DRAWS,
                log_samples=False,
            )
        finally:
            for name, task in tasks.items():
                task._instances = requests[name]  # noqa: SLF001 - evaluate builds its own, cells go on with ours
    return figures


def _plain(value: Any) -> Any:
    """Return a figure as plain JSON: numpy's numbers as Python's, NaN and "N/A" as null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    if value == "N/A" or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
