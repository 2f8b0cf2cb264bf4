"""lm-eval's own ``evaluate`` over the stored replies: its figures to the last digit, and its group aggregates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from gapbench.suite.lm_eval import library
from gapbench.suite.lm_eval.sample_scores import to_lm_eval_response
from gapbench.suite.tasks.grader import StoredReply

if TYPE_CHECKING:
    RequestKey = tuple[str, int, int]


def aggregate_metrics(
    name: str, task_dict: Mapping[str, Any], limit: int | None, replies: Mapping[str, Sequence[StoredReply]]
) -> list[dict[str, Any]]:
    """Return lm-eval's figures for each whole pass over the documents, and for the first wherever it is in the file.

    Args:
        name: What the suite calls the entry.
        task_dict: lm-eval's ``{"tasks": …, "groups": …}``, requests built.
        limit: First N documents of each task. None: all.
        replies: By task name. A task that is not there was not run, and groups are left out.
    """
    passes: list[dict[str, Any]] = []
    number = 0
    while True:
        judged = _evaluate_pass(name, task_dict, limit, replies, number)
        if judged is None or (number > 0 and any(judged["documents_without_reply"].values())):
            return passes
        passes.append(judged)
        number += 1


def _evaluate_pass(
    name: str,
    task_dict: Mapping[str, Any],
    limit: int | None,
    replies: Mapping[str, Sequence[StoredReply]],
    number: int,
) -> dict[str, Any] | None:
    answered: dict[RequestKey, list[Any]] = {}
    whole: dict[str, list[int]] = {}
    lacking: dict[str, int] = {}
    for task_name in replies:
        task = task_dict["tasks"][task_name]
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
            answered[task_name, instance.doc_id, instance.idx] = [
                to_lm_eval_response(instance, text) for text in found
            ]
            complete[instance.doc_id] = complete.get(instance.doc_id, True) and len(found) == times
        whole[task_name] = [doc_id for doc_id, is_whole in complete.items() if is_whole]
        lacking[task_name] = len(complete) - len(whole[task_name])
    judged = {task_name: task_dict["tasks"][task_name] for task_name in whole if whole[task_name]}
    if not judged:
        return None
    groups = task_dict.get("groups", {}) if len(judged) == len(task_dict["tasks"]) else {}
    figures = _run_evaluator(judged, groups, limit, answered, whole if any(lacking.values()) else None)
    return {
        "harness": "lm-eval",
        "version": version("lm-eval"),
        "entry": name,
        "pass": number,
        "documents_without_reply": lacking,
        **{key: _to_json_value(figures.get(key, {})) for key in _KEPT_KEYS},
    }


_KEPT_KEYS = ("results", "groups", "group_subtasks", "versions", "n-shot", "higher_is_better", "n-samples")


def _run_evaluator(
    tasks: Mapping[str, Any],
    groups: Mapping[str, Any],
    limit: int | None,
    responses: Mapping[RequestKey, list[Any]],
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
                given.append(responses[request.task_name, doc_id, request.idx][nth])
            return given

        loglikelihood = loglikelihood_rolling = generate_until

    with library.seed_generators(), library.suppress_output():
        requests = {name: task.instances for name, task in tasks.items()}
        try:
            for task in tasks.values():
                task.set_fewshot_seed(seed=library.NUMPY_AND_FEWSHOT_SEED)
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


def _to_json_value(value: Any) -> Any:
    """Return a figure as plain JSON: numpy's numbers as Python's, NaN and "N/A" as null."""
    if isinstance(value, Mapping):
        return {str(key): _to_json_value(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json_value(inner) for inner in value]
    if hasattr(value, "item"):
        value = value.item()
    if value == "N/A" or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
