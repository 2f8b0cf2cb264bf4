"""Token counts of the vendors: the short way for plain counts gives what the long way gives."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from gapbench.values.token_counts import check_usage
from gapbench_runners.support.usage import chat_usage, google_usage, merge_google_counts, responses_usage

# Counts as a text are never plain, so they take the long way; both must say the same.
CHOICES: dict[str, tuple[Any, ...]] = {
    "prompt": (None, 0, 8),
    "output": (None, 0, 5, -5),
    "thoughts": (None, 0, 3, -3),
}
COUNTS = list(itertools.product(*CHOICES.values(), (None, 0, 8, 13, 16, 20)))


def as_texts(counts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: as_texts(value) if isinstance(value, dict) else str(value) for name, value in counts.items()
    }


def known(counts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in counts.items() if value is not None}


@pytest.mark.parametrize(("prompt", "output", "thoughts", "total"), COUNTS)
def test_plain_google_counts_are_read_as_all_others(
    prompt: Any, output: Any, thoughts: Any, total: Any
) -> None:
    counts = known(
        {
            "promptTokenCount": prompt,
            "candidatesTokenCount": output,
            "thoughtsTokenCount": thoughts,
            "totalTokenCount": total,
        }
    )

    usage, note = google_usage(counts)
    expected, expected_note = google_usage(as_texts(counts))

    assert (check_usage(usage)[0], note) == (check_usage(expected)[0], expected_note)


@pytest.mark.parametrize(("prompt", "output", "thoughts", "total"), COUNTS)
def test_plain_openai_counts_are_read_as_all_others(
    prompt: Any, output: Any, thoughts: Any, total: Any
) -> None:
    chat = known({"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": total})
    responses = known({"input_tokens": prompt, "output_tokens": output, "total_tokens": total})
    if thoughts is not None:
        chat["completion_tokens_details"] = responses["output_tokens_details"] = {
            "reasoning_tokens": thoughts
        }

    for read, counts in ((chat_usage, chat), (responses_usage, responses)):
        usage, note = read(counts)
        expected, expected_note = read(as_texts(counts))
        if usage is None or expected is None:
            assert usage is expected
        else:
            assert (check_usage(usage)[0], note) == (check_usage(expected)[0], expected_note)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([{"a": 1}, {"a": 2}], {"a": 2}),
        ([{"a": 1, "b": 4}, {"a": 0, "b": 5}], {"a": 1, "b": 5}),
        ([{"a": 1}, {"a": "0"}], {"a": 1}),
        ([{"a": 0}], {"a": 0}),
        ([{"a": 1}, {"a": None, "b": 2}], {"a": 1, "b": 2}),
    ],
)
def test_a_zero_does_not_replace_a_known_google_count(
    events: list[dict[str, Any]], expected: dict[str, int]
) -> None:
    counts: dict[str, Any] = {}
    for event in events:
        merge_google_counts(counts, event)

    assert counts == expected
