"""Tasks that need log-probabilities of the prompt, and what to ask closed models instead."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from gapbench.errors import InputError

GENERATIVE_EQUIVALENTS: Mapping[str, str] = {
    "arc_challenge": "arc_challenge_chat",
    "gpqa_diamond_n_shot": "gpqa_diamond_generative_n_shot",
    "gpqa_diamond_zeroshot": "gpqa_diamond_cot_zeroshot",
    "gpqa_extended_n_shot": "gpqa_extended_generative_n_shot",
    "gpqa_extended_zeroshot": "gpqa_extended_cot_zeroshot",
    "gpqa_main_n_shot": "gpqa_main_generative_n_shot",
    "gpqa_main_zeroshot": "gpqa_main_cot_zeroshot",
    "leaderboard_bbh": "bbh_cot_fewshot",
    "leaderboard_gpqa": "gpqa_main_cot_zeroshot",
    "leaderboard_gpqa_diamond": "gpqa_diamond_cot_zeroshot",
    "leaderboard_gpqa_extended": "gpqa_extended_cot_zeroshot",
    "leaderboard_gpqa_main": "gpqa_main_cot_zeroshot",
    "leaderboard_mmlu_pro": "mmlu_pro",
    "mmlu": "mmlu_generative",
    "mmlu_continuation": "mmlu_generative",
    "mmlu_flan_n_shot_loglikelihood": "mmlu_flan_n_shot_generative",
    "truthfulqa_mc1": "truthfulqa_gen",
    "truthfulqa_mc2": "truthfulqa_gen",
}
"""Task or group to the one over the same questions that generates its answer; a test compares both with lm-eval."""

_LOGPROB_OUTPUT_TYPES = {"multiple_choice", "loglikelihood", "loglikelihood_rolling"}


def generative_equivalent(name: str, known: Container[str]) -> str | None:
    """Return the generative task over the same questions. None: lm-eval has none.

    Args:
        name: The task that needs log-probabilities.
        known: lm-eval's names.
    """
    if name in GENERATIVE_EQUIVALENTS:
        return GENERATIVE_EQUIVALENTS[name]
    return f"{name}_generative" if f"{name}_generative" in known else None


def closed_model_error(name: str, closed_models: Iterable[str], known: Container[str]) -> InputError:
    """Return why a task cannot be asked of closed models, and what can be.

    Args:
        name: The task.
        closed_models: The closed models of the suite.
        known: lm-eval's names.
    """
    instead = generative_equivalent(name, known)
    generative = f"take its generative twin {instead!r}, or " if instead else ""
    return InputError(
        f"lm-eval's {name!r} is scored by log-probabilities of the prompt, which no closed chat API returns "
        f"({', '.join(closed_models)}); {generative}leave the closed models out"
    )


def needs_logprobs(spec: Any, index: Mapping[str, Any]) -> bool:
    """Return whether a task, group or tag holds a task that needs log-probabilities, before any data are read.

    A task written as a Python class can be recognized only once it is loaded.

    Args:
        spec: A name, or a config as a task YAML holds it.
        index: lm-eval's ``TaskManager.task_index``.
    """
    if isinstance(spec, str):
        entry = index.get(spec)
        if entry is None:
            return False
        if entry.cfg is None:
            return any(needs_logprobs(name, index) for name in entry.tags)
        spec = entry.cfg
    if spec.get("output_type") in _LOGPROB_OUTPUT_TYPES:
        return True
    members = spec.get("task")
    if not isinstance(members, list):
        return False
    return any(
        needs_logprobs(_member_name(member) if _member_name(member) in index else member, index)
        for member in members
    )


def _member_name(member: Any) -> Any:
    return (member.get("group") or member.get("task")) if isinstance(member, Mapping) else member
