"""A reply's own score by lm-eval's filters and metrics, as soon as its document is complete."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from gapbench.suite.lm_eval.entry import LmEvalEntry
from gapbench.suite.tasks.grader import StoredReply
from gapbench.values import Likelihood, Sample, Score

NO_MATCH = "[invalid]"
"""What lm-eval's regex filters give where nothing matches."""

_LM_EVAL_LOCK = threading.Lock()
"""lm-eval's tasks keep state, and cells of all models share them."""


class DocumentScorer:
    """The documents of one cell, each judged when it has all its replies.

    A document with several requests (the choices of a multiple choice) has one score, and the row of the
    last reply to come carries it; the others are ``unscored``. So the mean over scored rows is the mean over
    documents. With lm-eval's ``repeats`` each reply of a document is judged alone, as if all had been it.

    Args:
        task: lm-eval's task, with its requests built.
        entry: What the suite says.
        earlier_replies: Replies of an earlier session.
    """

    def __init__(self, task: Any, entry: LmEvalEntry, earlier_replies: Iterable[StoredReply]) -> None:
        """Take in what an earlier session left."""
        self._task = task
        self._entry = entry
        self._instances: dict[int, list[Any]] = {}
        for instance in task.instances:
            self._instances.setdefault(instance.doc_id, []).append(instance)
        for instances in self._instances.values():
            instances.sort(key=lambda instance: instance.idx)
        self._replies: dict[tuple[int, int], dict[int, str]] = {}
        # A metric that sets an alarm (sympy with a deadline) works in the main thread alone.
        self.is_slow = not _sets_alarms(task)
        for reply in earlier_replies:
            self._add_reply(reply)

    def __call__(self, reply: StoredReply, sample: Sample) -> Score:  # noqa: ARG002 - the document is found by its id
        """Return the document's score, or ``unscored`` while requests of it are out."""
        with _LM_EVAL_LOCK:
            doc_id, held = self._add_reply(reply)
            instances = self._instances[doc_id]
            if len(held) < len(instances):
                return Score(
                    None,
                    "unscored",
                    reason=f"{len(held)} of the {len(instances)} requests of document {doc_id}; the last to come carries the score",
                )
            return self._score_document(instances, held)

    def _add_reply(self, reply: StoredReply) -> tuple[int, dict[int, str]]:
        doc, _, index = reply.sample_id.partition(".")
        held = self._replies.setdefault((int(doc), reply.repeat), {})
        held[int(index or 0)] = reply.text
        return int(doc), held

    def _score_document(self, instances: list[Any], replies: Mapping[int, str]) -> Score:
        copies = [
            dataclasses.replace(
                instance,
                resps=[to_lm_eval_response(instance, replies[instance.idx])] * int(instance.repeats or 1),
                filtered_resps={},
            )
            for instance in instances
        ]
        original = self._task._instances  # noqa: SLF001 - apply_filters takes no argument
        self._task._instances = copies  # noqa: SLF001
        try:
            self._task.apply_filters()
        finally:
            self._task._instances = original  # noqa: SLF001
        answers = copies[0].filtered_resps
        wanted = self._entry.filter or next(iter(answers))
        filtered = [copy.filtered_resps[wanted] for copy in copies]
        metrics = self._task.process_results(copies[0].doc, filtered)
        return self._score_from_metrics(metrics, filtered, wanted)

    def _score_from_metrics(self, metrics: Mapping[str, Any], filtered: list[Any], filter_name: str) -> Score:
        better = self._task.higher_is_better()
        names = [self._entry.metric] if self._entry.metric else list(metrics)
        found = [
            (name, value)
            for name in names
            if (value := _metric_in_unit_interval(metrics.get(name))) is not None
            and better.get(name, True) is not False
        ]
        said = filtered[0] if len(filtered) == 1 else None
        said = said[0] if isinstance(said, list) and said else said
        answer = said if isinstance(said, str) else None
        if not found:
            return Score(
                None,
                "unscored",
                answer,
                f"{', '.join(metrics)} is made of all replies together; see `graded` in run.json",
            )
        name, value = found[0]
        if answer == NO_MATCH and value < 1:
            return Score(value, "unparsed", None, f"lm-eval {filter_name}: nothing found")
        return Score(
            value, "correct" if value >= 1 else "wrong", answer, f"lm-eval {name}, {filter_name}: {value:g}"
        )


def to_lm_eval_response(instance: Any, text: str) -> Any:
    """Return a stored answer as the value that an lm-eval model would have returned for a request."""
    if instance.request_type == "generate_until":
        return text
    found = Likelihood.from_answer(text)
    return (
        found.logprob if instance.request_type == "loglikelihood_rolling" else (found.logprob, found.greedy)
    )


def _metric_in_unit_interval(value: Any) -> float | None:
    """Return a metric's value for one document as a share. None: it is not a share, but one part of an aggregate."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number <= 1 else None


def _sets_alarms(task: Any) -> bool:
    functions = [task.get_config("process_results"), *getattr(task, "_metric_fn_list", {}).values()]
    return any("signal" in getattr(function, "__globals__", {}) for function in functions)
