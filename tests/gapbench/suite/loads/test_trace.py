"""Traces: our JSON lines, Mooncake's, and prompts made up to their lengths."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gapbench.errors import DocumentError
from gapbench.suite.loads.trace import Arrival, make_synthetic_sample, read_trace

MOONCAKE = """\
{"timestamp": 1000, "input_length": 700, "output_length": 5, "hash_ids": [1, 2]}
{"timestamp": 250, "input_length": 600, "output_length": 7, "hash_ids": [1, 3]}
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "trace.jsonl"
    file.write_text(text)
    return file


def test_ours_is_read(tmp_path: Path) -> None:
    """The first request at 0, blank lines left out."""
    text = '{"at_s": 2.5, "sample_id": "s1"}\n\n{"at_s": 3, "input_tokens": 10, "output_tokens": 4}\n'

    assert (Arrival(0.0, "s1"), Arrival(0.5, None, 10, 4)) == read_trace(written(tmp_path, text))


def test_mooncakes_is_read_in_the_order_of_time(tmp_path: Path) -> None:
    """Milliseconds from the first."""
    expected = (Arrival(0.0, None, 600, 7, (1, 3)), Arrival(0.75, None, 700, 5, (1, 2)))

    assert expected == read_trace(written(tmp_path, MOONCAKE))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", ":1: not JSON"),
        ("[1]", "expected a JSON object"),
        ('{"at_s": -1}', "at_s: found -1; expected a number of at least 0"),
        ('{"at": 1}', "at: unknown key; known keys: at_s, input_tokens, output_tokens, sample_id"),
        ('{"at_s": 1, "output_tokens": 0}', "expected a whole number of at least 1"),
        ('{"at_s": 1, "sample_id": 7}', "expected a sample's id in quotes"),
        ('{"timestamp": 1}', "input_length: missing"),
        ('{"timestamp": 1, "input_length": 5, "hash_ids": ["a"]}', "expected a list of whole numbers"),
        ("", "contains no request"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    """File, line, key, and what would do."""
    with pytest.raises(DocumentError, match=re.escape(said)):
        read_trace(written(tmp_path, line))


def test_a_missing_trace_is_named(tmp_path: Path) -> None:
    """No traceback."""
    with pytest.raises(DocumentError, match="cannot be read"):
        read_trace(tmp_path / "none.jsonl")


def test_a_made_up_prompt_has_the_length_asked_for() -> None:
    """One word is one token."""
    assert 700 == len(make_synthetic_sample(Arrival(0.0, None, 700), 0, 1).messages[0].text.split())


def test_requests_share_the_prefix_that_their_ids_share() -> None:
    """Block 1 is the same 512 words in both, block 2 and block 3 are not; without ids nothing is shared."""
    first, second = (
        make_synthetic_sample(Arrival(0.0, None, 600, None, blocks), number, 1).messages[0].text.split()
        for number, blocks in enumerate([(1, 2), (1, 3)])
    )
    third, fourth = (
        make_synthetic_sample(Arrival(0.0, None, 600), number, 1).messages[0].text for number in range(2)
    )

    assert first[:512] == second[:512]
    assert first[512:] != second[512:]
    assert third != fourth
