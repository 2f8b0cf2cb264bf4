"""Texts that are compared with targets."""

from __future__ import annotations

import unicodedata

import pytest

from gapbench.scoring.answer_extraction import SAME_CHARACTERS, normalize_text


@pytest.mark.parametrize("character", [chr(code) for code in range(128)])
def test_ascii_is_normalized_as_any_other_text(character: str) -> None:
    """It takes a shorter way, without the tables of Unicode."""
    by_tables = unicodedata.normalize("NFKC", f"a{character}b").translate(SAME_CHARACTERS)

    assert " ".join(by_tables.split()) == normalize_text(
        f"a{character}b", ignore_case=False, punctuation=True
    )
