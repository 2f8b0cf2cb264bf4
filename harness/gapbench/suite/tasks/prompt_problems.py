"""Find prompts that cannot lead to a right answer, before they are paid for: constant ones, unlisted choices, unused images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gapbench.suite.tasks.image_reader import ImageError, list_images, read_image
from gapbench.suite.tasks.task import Task
from gapbench.suite.tasks.template import placeholder
from gapbench.values import Sample, prompt_sha256

_LETTER = re.compile(r"[A-J]")
_INSPECTED_ROWS = 5
_SHOWN_CHARS = 60


def find_prompt_problems(task: Task) -> list[str]:
    """Return what is doubtful about the prompts of a task, one line each for the user; [] for nothing.

    Args:
        task: The task with its samples.
    """
    samples = task.samples
    if any(sample.needs_logprobs for sample in samples):
        return []
    return [
        f"{task.source}: task {task.name!r}: {problem}"
        for problem in _problems(samples, Path(task.origin).parent)
    ]


def _problems(samples: Sequence[Sample], base: Path) -> Iterator[str]:
    constant = _constant_prompt(samples)
    if constant is not None:
        yield constant
    unlisted = _unlisted_letters(samples)
    if unlisted is not None:
        yield unlisted
    unused = _unused_image_column(samples[:_INSPECTED_ROWS], base)
    if unused is not None:
        yield unused


def _constant_prompt(samples: Sequence[Sample]) -> str | None:
    """Return that all samples have one prompt, if they have."""
    first = samples[0]
    if len(samples) < 2 or any(_asked(sample) != _asked(first) for sample in samples):
        return None
    text = first.messages[-1].text.strip()
    hint = (
        f'write "{placeholder(text)}" for the column'
        if text in first.columns
        else "name a column, as {column}"
    )
    return f"prompt: all {len(samples)} samples are asked the same, {_shorten(text)!r}; {hint}"


def _asked(sample: Sample) -> tuple[object, ...]:
    """Return the prompt, and who speaks first where it has only system messages."""
    prompt, episode = prompt_sha256(sample.messages), sample.episode
    if episode is None or any(message.role != "system" for message in sample.messages):
        return (prompt,)
    return prompt, episode.user, episode.played_user


def _unlisted_letters(samples: Sequence[Sample]) -> str | None:
    """Return that the targets are letters which the prompts do not explain, if that is so for most of the samples."""
    targets = [str(sample.target).strip() for sample in samples if sample.target not in (None, "")]
    letters = sorted(set(targets))
    if len(targets) < len(samples) or not all(_LETTER.fullmatch(target) for target in targets):
        return None
    unexplained = [sample for sample in samples if not _explains_letters(sample, letters)]
    if 2 * len(unexplained) <= len(samples):
        return None
    listed = (
        f"the targets are the letters {letters[0]} to {letters[-1]}"
        if len(letters) > 1
        else f"every target is the letter {letters[0]}"
    )
    where = (
        f"all {len(samples)}" if len(unexplained) == len(samples) else f"{len(unexplained)} of {len(samples)}"
    )
    return (
        f"prompt: {listed}, and {where} prompts do not say what they mean; "
        "list the choices in the prompt, such as `A) billing`"
    )


def _explains_letters(sample: Sample, letters: Sequence[str]) -> bool:
    """Return whether a prompt lists at least two choices by letter, has all texts of its options, or has an image."""
    if any(message.images for message in sample.messages):
        return True
    text = "\n".join(message.text for message in sample.messages)
    for name in ("options", "choices"):
        options = _option_texts(sample.columns.get(name))
        if options and all(option in text for option in options):
            return True
    named = [letter for letter in "ABCDEFGHIJ" if _is_explained(letter, text)]
    return len(named) >= min(2, len(letters))


def _is_explained(letter: str, text: str) -> bool:
    mark = r"""[)\]*_"'`]*\s*(?:[).:=–—-]|\b(?:is|means|for|stands|if)\b)[)\]*_"'`]*\s*\S"""
    return re.search(rf"(?<![A-Za-z0-9]){letter}{mark}", text) is not None


def _option_texts(column: Any) -> list[str]:
    if isinstance(column, dict):
        column = column.get("text") if isinstance(column.get("text"), list) else list(column.values())
    return [str(option) for option in column] if isinstance(column, list) else []


def _unused_image_column(samples: Sequence[Sample], base: Path) -> str | None:
    """Return the column that holds an image in each of the first rows, if the prompts have no image."""
    if any(message.images for sample in samples for message in sample.messages):
        return None
    for column in samples[0].columns:
        values = [sample.columns.get(column) for sample in samples]
        if all(is_image(value, base) for value in values):
            return (
                f"images: column {column!r} holds images and no prompt has any, so the models do not see them; "
                f'add images: ["{placeholder(column)}"]'
            )
    return None


def is_image(value: Any, base: Path) -> bool:
    """Return whether a value is an image, or a list of images: bytes, base64, a data URI, or a file next to the data.

    Args:
        value: The value of a column.
        base: Folder that paths are relative to.
    """
    if not isinstance(value, (str, bytes, dict, list, tuple)) or (isinstance(value, str) and len(value) < 5):
        return False
    try:
        images = list_images(value)
        return bool(images) and all(bool(read_image(image, base)) for image in images)
    except ImageError:
        return False


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARS else f"{line[: _SHOWN_CHARS - 1]}…"
