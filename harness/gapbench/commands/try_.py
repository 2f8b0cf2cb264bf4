"""`bench try`: run one sample end to end and show every step."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from gapbench.commands.options import allow_code_option, json_option

if TYPE_CHECKING:
    from gapbench.execution.single_sample import TrialResult, TrialTurn
    from gapbench.values import Image, Message, Sample, Score

MAX_SHOWN_CHARS = 4000
"""Longer texts are shortened in the middle."""


@click.command(
    "try",
    epilog="""\b
Examples:
  bench try reasoning/logic                                   the prompt and the target
  bench try reasoning/logic --hard                            an item of the hardest rung, with the way to its answer
  bench try reasoning/algebra --answer '\\boxed{3/4}'          score this reply; sends no request
  bench try my-suite.yaml --task tickets --sample t-17 --model gpt
  bench try agents/support --model sim --step                  play an episode, turn by turn
  bench try multimodal/charts --sample r06-0001 --model vllm:your/model@http://127.0.0.1:8000/v1""",
)
@click.argument("subject", metavar="TASK")
@click.option("--task", metavar="ID", help="The task to use, if TASK is a suite.  [default: the first]")
@click.option("--sample", "sample_id", metavar="ID", help="The sample to use.  [default: the first]")
@click.option("--rung", type=int, metavar="N", help="The first sample on this rung of a ladder.")
@click.option("--hard", is_flag=True, help="The first sample on the hardest rung.")
@click.option(
    "--model",
    metavar="ID",
    help="Send the sample to this model: one of the suite, sim, or runner:model[@url].",
)
@click.option(
    "--answer", metavar="TEXT", help="Score this reply instead of sending a request; - reads it from stdin."
)
@click.option("--step", is_flag=True, help="Play an episode turn by turn: wait for Enter after each.")
@click.option("--full", is_flag=True, help="Do not shorten long texts.")
@allow_code_option
@json_option
def try_command(
    subject: str,
    task: str | None,
    sample_id: str | None,
    rung: int | None,
    model: str | None,
    answer: str | None,
    *,
    hard: bool,
    step: bool,
    full: bool,
    allow_code: bool,
    as_json: bool,
) -> int:
    """Run one sample of TASK, a task or a suite: show its messages, raw reply, extracted answer, and score with reason.

    --model sends one request, or those of one episode; a paid model bills them. Nothing is stored.
    """
    from gapbench.errors import InputError
    from gapbench.execution.single_sample import (
        find_sample_on_rung,
        find_trial_model,
        find_trial_sample,
        find_trial_task,
        run_trial,
        score_sample,
    )

    if model is not None and answer is not None:
        raise InputError("--model sends a request and --answer scores a given reply; use only one of them")
    if step and (model is None or as_json or not sys.stdin.isatty()):
        raise InputError(
            "--step waits for Enter after each turn: it needs --model and a terminal, without --json"
        )
    trial_task = find_trial_task(subject, task, allow_code=allow_code)
    if sum((sample_id is not None, rung is not None, hard)) > 1:
        raise InputError("--sample, --rung and --hard each pick a sample; give one of them")
    if rung is not None or hard:
        sample = find_sample_on_rung(trial_task.task, rung)
    else:
        sample = find_trial_sample(trial_task.task, sample_id)
    report: dict[str, Any] = {
        "task": trial_task.task.name,
        "sample": sample.sample_id,
        "tags": list(sample.tags),
        "messages": [_describe_message(message) for message in sample.messages],
        "rung": sample.rung,
        "complexity": sample.complexity,
        "target": sample.target,
        "solution": sample.columns.get("solution") if sample.rung is not None else None,
        "scorer": {"name": trial_task.task.scorer_name, **trial_task.task.scorer_options},
    }
    failed = False
    if answer is not None:
        reply = sys.stdin.read() if answer == "-" else answer
        outcome, value, score = score_sample(trial_task.task, sample, reply)
        report |= {"reply": reply, **_describe_outcome(outcome, value, score)}
    elif model is not None:
        found = find_trial_model(trial_task, model)
        is_played = sample.episode is not None and not as_json
        if is_played:
            _print_sample(report, sample, full=full)
            _print_section(f"episode with {model}")
        shown = itertools.count(1)

        def on_turn(turn: TrialTurn) -> None:
            if is_played:
                _print_turn(next(shown), _describe_turn(turn), full=full)
            if step and turn.step is not None and turn.step.termination is None:
                click.prompt("\nEnter plays the next turn", default="", show_default=False, prompt_suffix=" ")

        trial = asyncio.run(run_trial(trial_task, sample, found, on_turn))
        report |= _describe_reply(trial, model)
        failed = trial.response.failure is not None
        if is_played:
            _print_outcome(report, full=full)
            return 1 if failed else 0
    if as_json:
        click.echo(json.dumps(report, default=str))
    else:
        _print_trial(report, sample, full=full)
    return 1 if failed else 0


def _describe_message(message: Message) -> dict[str, Any]:
    from gapbench.values import messages_as_json
    from gapbench.values.stored_messages import describe_part

    described = [describe_part(part) for part in messages_as_json([message])[0]["parts"]]
    return {
        "role": message.role,
        "text": "\n".join(_words_of_part(part) for part in described if "image" not in part),
        "images": [_describe_image(image) for image in message.images],
    }


def _words_of_part(part: Mapping[str, str]) -> str:
    head = " ".join(filter(None, [part.get("kind"), part.get("name")]))
    return f"[{head}] {part['text']}" if head else part["text"]


def _describe_turn(turn: TrialTurn) -> dict[str, Any]:
    """Return a turn of an episode: text, calls with results, what the user said, changes of the state, and times."""
    from gapbench.values.tool_calls import text_before_calls

    response, step = turn.response, turn.step
    records = [] if step is None else list(step.records)
    results: list[dict[str, Any]] = [
        {
            "result": record.content,
            "is_error": record.is_error,
            "problem": record.problem,
            "tool_s": record.tool_s,
        }
        for record in records
    ]
    calls = [
        {
            "name": call.name,
            "arguments": call.arguments_json,
            **(results[place] if place < len(results) else {}),
        }
        for place, call in enumerate(response.tool_calls)
    ]
    said = [message.text for message in (step.messages if step else ()) if message.role == "user"]
    sent_s = response.timing.sent_s
    return {
        "text": text_before_calls(response.answer, response.tool_calls),
        "reasoning": response.reasoning or None,
        "calls": calls,
        "opening": turn.opening,
        "user": said[0] if said else None,
        "user_s": None if step is None or not step.user_s else step.user_s,
        "state_changes": json.loads(step.state_changes) if step and step.state_changes else None,
        "model_s": None if sent_s is None else response.timing.done_s - sent_s,
        "tool_s": None if step is None else step.tool_s,
        "input_tokens": response.usage.input_tokens,
        "output_tokens": response.usage.output_tokens,
        "failure": None if response.failure is None else response.failure.message,
    }


def _describe_image(image: Image) -> dict[str, Any]:
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
    outcome: str, value: float | None, score: Score | None, no_score_reason: str = "the task has no scorer"
) -> dict[str, Any]:
    return {
        "answer": None if score is None else score.answer,
        "outcome": outcome,
        "score": value,
        "why": no_score_reason if score is None else score.reason,
        "isolation": None if score is None else score.isolation,
    }


def _describe_reply(trial: TrialResult, model: str) -> dict[str, Any]:
    response, timing = trial.response, trial.response.timing
    no_score_reason = "the task has no scorer"
    if response.failure is not None:
        no_score_reason = f"the call failed ({response.failure.kind}), so there is nothing to score"
    elif trial.outcome == "refused":
        no_score_reason = "the reply is a refusal, which is not scored"
    sent_s = timing.sent_s
    first_s = None if sent_s is None or timing.first_token_s is None else timing.first_token_s - sent_s
    return {
        "model": model,
        "model_served": response.model_served,
        "simulated": trial.simulated,
        "params_sent": dict(trial.call.params_sent),
        "params_changes": list(trial.call.changes),
        "reasoning": response.reasoning or None,
        "reply": response.answer,
        "turns": [_describe_turn(turn) for turn in trial.turns] if trial.turns else None,
        "termination": None if trial.transcript is None else trial.transcript.termination,
        "termination_reason": None if trial.transcript is None else trial.transcript.reason,
        "finish_reason": response.finish_reason,
        "ttft_s": first_s,
        "latency_s": None if sent_s is None else timing.done_s - sent_s,
        "input_tokens": response.usage.input_tokens,
        "output_tokens": response.usage.output_tokens,
        "failure": None if response.failure is None else response.failure.message,
        **_describe_outcome(trial.outcome, trial.value, trial.score, no_score_reason),
    }


def _print_trial(report: dict[str, Any], sample: Sample, *, full: bool) -> None:
    _print_sample(report, sample, full=full)
    _print_outcome(report, full=full)


def _print_turn(number: int, turn: Mapping[str, Any], *, full: bool) -> None:
    if turn["opening"]:
        _print_section("user")
        _print(_shorten(turn["opening"], full=full))
    _print_section(f"turn {number}")
    if turn["reasoning"]:
        _print(f"[reasoning] {_shorten(turn['reasoning'], full=full)}")
    if turn["text"]:
        _print(_shorten(turn["text"], full=full))
    for call in turn["calls"]:
        _print(f"[calls {call['name']}] {_shorten(call['arguments'], full=full)}")
        if call.get("problem"):
            _print(f"[invalid] {call['problem']}")
        if "result" in call:
            kind = "error" if call["is_error"] else "result"
            _print(f"[{kind} after {call['tool_s']:.3f} s] {_shorten(call['result'], full=full)}")
    for change in turn["state_changes"] or []:
        value = f" {json.dumps(change['value'], ensure_ascii=False)}" if "value" in change else ""
        _print(f"[state] {change['op']} {change['path']}{_shorten(value, full=full)}")
    if turn["user"] is not None:
        after = f" after {turn['user_s']:.3f} s" if turn["user_s"] is not None else ""
        _print(f"[user{after}] {_shorten(turn['user'], full=full)}")
    facts = [
        f"model {turn['model_s']:.3f} s" if turn["model_s"] is not None else "",
        f"tools {turn['tool_s']:.3f} s" if turn["tool_s"] else "",
        f"{turn['input_tokens']} tokens in" if turn["input_tokens"] is not None else "",
        f"{turn['output_tokens']} out" if turn["output_tokens"] is not None else "",
    ]
    _print(", ".join(fact for fact in facts if fact))


def _print_sample(report: dict[str, Any], sample: Sample, *, full: bool) -> None:
    _print(
        f"{report['task']}, sample {report['sample']}"
        + (f"  [{', '.join(sample.tags)}]" if sample.tags else "")
        + (f", complexity {sample.complexity:g}" if sample.complexity is not None else "")
    )
    for message in report["messages"]:
        _print_section(message["role"])
        for image in message["images"]:
            size = "" if image["width"] is None else f"{image['width']} x {image['height']}, "
            detail = "" if image["detail"] is None else f", detail {image['detail']}"
            _print(
                f"<{image['media_type']}, {size}{image['bytes']} bytes{detail}, sha256 {image['sha256'][:12]}…>"
            )
        _print(_shorten(message["text"], full=full))
    if report["target"] is not None:
        _print_section("target")
        _print(_shorten(str(report["target"]), full=full))
    if report["solution"]:
        _print_section("solution")
        _print(_shorten(str(report["solution"]), full=full))


def _print_outcome(report: dict[str, Any], *, full: bool) -> None:
    if "reply" not in report:
        _print("\nNo request was sent. --model ID sends one; --answer TEXT scores a reply.")
        return
    if "model" in report:
        _print_section(f"sent to {report['model']}" + (" (SIMULATED)" if report["simulated"] else ""))
        _print(json.dumps(report["params_sent"]))
        for change in report["params_changes"]:
            _print(change)
        if report["reasoning"]:
            _print_section("reasoning, not passed to the scorer")
            _print(_shorten(report["reasoning"], full=full))
    if report.get("turns"):
        _print_section("end")
        told = [report["termination"], report["termination_reason"]]
        _print(f"{len(report['turns'])} turns, {': '.join(word for word in told if word)}")
    else:
        _print_section("reply")
        _print(_shorten(report["reply"], full=full))
    if "model" in report:
        if not report["turns"]:
            _print(f"\n{_describe_call(report)}")
        if report["failure"] is not None:
            _print(f"failed: {report['failure']}")
    _print_section("score")
    scorer = report["scorer"]["name"]
    value = "none" if report["score"] is None else f"{report['score']:g}"
    _print(f"answer   {'none found' if report['answer'] is None else _shorten(report['answer'], full=full)}")
    _print(f"score    {value}, {report['outcome']}" + (f", by {scorer}" if scorer else ""))
    _print(f"why      {_shorten(report['why'], full=True)}")


def _describe_call(report: dict[str, Any]) -> str:
    facts = [
        f"first token after {report['ttft_s']:.3f} s" if report["ttft_s"] is not None else "",
        f"done after {report['latency_s']:.3f} s" if report["latency_s"] is not None else "",
        f"{report['input_tokens']} tokens in" if report["input_tokens"] is not None else "",
        f"{report['output_tokens']} out" if report["output_tokens"] is not None else "",
        f"ended with {report['finish_reason']}" if report["finish_reason"] else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def _print(text: str) -> None:
    """Print text with control characters escaped, so that model output cannot control the terminal."""
    from gapbench import formatting

    click.echo(formatting.escape_invisible(text))


def _print_section(name: str) -> None:
    _print(f"\n--- {name} ---")


def _shorten(text: str, *, full: bool) -> str:
    if full or len(text) <= MAX_SHOWN_CHARS:
        return text
    half = MAX_SHOWN_CHARS // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters; --full shows them …\n{text[-half:]}"
