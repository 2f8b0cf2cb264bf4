"""`bench try`: one sample all the way."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from gapbench.commands.options import allow_code_option, json_option

if TYPE_CHECKING:
    from gapbench.execution.single_sample import TrialResult
    from gapbench.values import Image, Message, Sample, Score

LONGEST_SHOWN_CHARS = 4000


@click.command(
    "try",
    epilog="""\b
Examples:
  bench try reasoning/logic                                   what is asked, and the target
  bench try reasoning/algebra --answer '\\boxed{3/4}'          score an answer that you type; no call
  bench try my-suite.yaml --task tickets --sample t-17 --model gpt
  bench try multimodal/charts --sample pie-003 --model vllm:your/model@http://127.0.0.1:8000/v1""",
)
@click.argument("subject", metavar="TASK")
@click.option("--task", metavar="ID", help="Which task, where TASK is a suite.  [default: its first]")
@click.option("--sample", "sample_id", metavar="ID", help="Which sample.  [default: the first]")
@click.option("--model", metavar="ID", help="Ask it: a model of the suite, sim, or runner:model[@url].")
@click.option("--answer", metavar="TEXT", help="Score this reply instead; - reads it from stdin.")
@click.option("--full", is_flag=True, help="Show long texts whole.")
@allow_code_option
@json_option
def try_command(
    subject: str,
    task: str | None,
    sample_id: str | None,
    model: str | None,
    answer: str | None,
    *,
    full: bool,
    allow_code: bool,
    as_json: bool,
) -> int:
    """Show one sample of TASK (a task, or a suite): rendered messages, raw answer, extracted answer, score and why.

    With --model one call is made, and paid for where the model costs money; nothing is stored.
    """
    from gapbench.errors import InputError
    from gapbench.execution.single_sample import (
        find_trial_model,
        find_trial_sample,
        find_trial_task,
        run_trial,
        score_sample,
    )

    if model is not None and answer is not None:
        raise InputError("--model asks and --answer scores what you type; give one of them")
    found = find_trial_task(subject, task, allow_code=allow_code)
    sample = find_trial_sample(found.task, sample_id)
    told: dict[str, Any] = {
        "task": found.task.name,
        "sample": sample.sample_id,
        "tags": list(sample.tags),
        "messages": [_message(message) for message in sample.messages],
        "target": sample.target,
        "scorer": {"name": found.task.scorer_name, **found.task.scorer_options},
    }
    failed = False
    if answer is not None:
        reply = sys.stdin.read() if answer == "-" else answer
        outcome, value, score = score_sample(found.task, sample, reply)
        told |= {"reply": reply, **_describe_outcome(outcome, value, score)}
    elif model is not None:
        trial = asyncio.run(run_trial(found, sample, find_trial_model(found, model)))
        told |= _reply(trial, model)
        failed = trial.response.failure is not None
    if as_json:
        click.echo(json.dumps(told, default=str))
    else:
        _print_trial(told, sample, full=full)
    return 1 if failed else 0


def _message(message: Message) -> dict[str, Any]:
    return {
        "role": message.role,
        "text": message.text,
        "images": [_image(image) for image in message.images],
    }


def _image(image: Image) -> dict[str, Any]:
    from PIL import Image as Picture

    try:
        with Picture.open(io.BytesIO(image.data)) as opened:
            size: tuple[int, int] | None = opened.size
    except (OSError, ValueError, Picture.DecompressionBombError):
        size = None
    return {
        "media_type": image.media_type,
        "bytes": len(image.data),
        "width": None if size is None else size[0],
        "height": None if size is None else size[1],
        "detail": image.detail,
        "sha256": image.sha256,
    }


def _describe_outcome(
    outcome: str, value: float | None, score: Score | None, unasked: str = "the task has no scorer"
) -> dict[str, Any]:
    return {
        "answer": None if score is None else score.answer,
        "outcome": outcome,
        "score": value,
        "why": unasked if score is None else score.reason,
        "isolation": None if score is None else score.isolation,
    }


def _reply(trial: TrialResult, model: str) -> dict[str, Any]:
    response, timing = trial.response, trial.response.timing
    unasked = "the task has no scorer"
    if response.failure is not None:
        unasked = f"the call failed ({response.failure.kind}), so there is nothing to score"
    elif trial.outcome == "refused":
        unasked = "the reply is a refusal, which no scorer is asked about"
    began_s = timing.sent_s
    first_s = None if began_s is None or timing.first_token_s is None else timing.first_token_s - began_s
    return {
        "model": model,
        "model_served": response.model_served,
        "simulated": trial.simulated,
        "params_sent": dict(trial.call.params_sent),
        "params_changes": list(trial.call.changes),
        "reasoning": response.reasoning or None,
        "reply": response.answer,
        "finish_reason": response.finish_reason,
        "ttft_s": first_s,
        "latency_s": None if began_s is None else timing.done_s - began_s,
        "input_tokens": response.usage.input_tokens,
        "output_tokens": response.usage.output_tokens,
        "failure": None if response.failure is None else response.failure.message,
        **_describe_outcome(trial.outcome, trial.value, trial.score, unasked),
    }


def _print_trial(report: dict[str, Any], sample: Sample, *, full: bool) -> None:
    _print(
        f"{report['task']}, sample {report['sample']}"
        + (f"  [{', '.join(sample.tags)}]" if sample.tags else "")
    )
    for message in report["messages"]:
        _section(message["role"])
        for image in message["images"]:
            size = "" if image["width"] is None else f"{image['width']} x {image['height']}, "
            detail = "" if image["detail"] is None else f", detail {image['detail']}"
            _print(
                f"<{image['media_type']}, {size}{image['bytes']} bytes{detail}, sha256 {image['sha256'][:12]}…>"
            )
        _print(_shorten(message["text"], full=full))
    if report["target"] is not None:
        _section("target")
        _print(_shorten(str(report["target"]), full=full))
    if "reply" not in report:
        _print("\nNo call was made: --model ID asks, --answer TEXT scores what you type.")
        return
    if "model" in report:
        _section(f"sent to {report['model']}" + (" (SIMULATED)" if report["simulated"] else ""))
        _print(json.dumps(report["params_sent"]))
        for change in report["params_changes"]:
            _print(change)
        if report["reasoning"]:
            _section("reasoning, which the scorer does not see")
            _print(_shorten(report["reasoning"], full=full))
    _section("reply")
    _print(_shorten(report["reply"], full=full))
    if "model" in report:
        _print(f"\n{_facts(report)}")
        if report["failure"] is not None:
            _print(f"failed: {report['failure']}")
    _section("score")
    scorer = report["scorer"]["name"]
    value = "none" if report["score"] is None else f"{report['score']:g}"
    _print(f"answer   {'none found' if report['answer'] is None else _shorten(report['answer'], full=full)}")
    _print(f"score    {value}, {report['outcome']}" + (f", by {scorer}" if scorer else ""))
    _print(f"why      {_shorten(report['why'], full=True)}")


def _facts(report: dict[str, Any]) -> str:
    facts = [
        f"first token after {report['ttft_s']:.3f} s" if report["ttft_s"] is not None else "",
        f"done after {report['latency_s']:.3f} s" if report["latency_s"] is not None else "",
        f"{report['input_tokens']} tokens in" if report["input_tokens"] is not None else "",
        f"{report['output_tokens']} out" if report["output_tokens"] is not None else "",
        f"ended with {report['finish_reason']}" if report["finish_reason"] else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def _print(text: str) -> None:
    """Print a line or more; what a model or a stranger's data says must not steer the terminal."""
    from gapbench import formatting

    click.echo(formatting.escape_invisible(text))


def _section(name: str) -> None:
    _print(f"\n--- {name} ---")


def _shorten(text: str, *, full: bool) -> str:
    if full or len(text) <= LONGEST_SHOWN_CHARS:
        return text
    half = LONGEST_SHOWN_CHARS // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters; --full shows them …\n{text[-half:]}"
