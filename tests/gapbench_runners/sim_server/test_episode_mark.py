"""A mark comes back out of the ids and the state of every vendor, and a change of it is noticed."""

from __future__ import annotations

import base64

import pytest

from gapbench_runners.sim_server.episode_mark import EpisodeMark, read_mark, sign_mark, verify_mark

MARK = EpisodeMark("0123456789ab", repeat=12, turn=3, call=1, has_state=True)


@pytest.mark.parametrize("prefix", ["call_", "toolu_", "fc_"])
def test_a_mark_is_read_out_of_an_id(prefix: str) -> None:
    """Whatever the vendor puts before it."""
    assert read_mark(f"{prefix}{MARK}") == MARK


@pytest.mark.parametrize(
    "identity", ["", "call_abc", "call_0123456789ab_1_2", "toolu_01A09q90qw90lq917835lq9"]
)
def test_another_providers_id_has_no_mark(identity: str) -> None:
    """Nothing is guessed."""
    assert read_mark(identity) is None


def test_an_id_fits_every_vendors_pattern() -> None:
    """64 characters of letters, digits, _ and -, even in a long run."""
    longest = f"toolu_{MARK._replace(repeat=10**9, turn=999, call=99)}"

    assert len(longest) <= 64
    assert longest.replace("_", "").isalnum()


def test_state_comes_back_as_it_was_signed() -> None:
    """With the text that it signs."""
    assert verify_mark(sign_mark(MARK, "Hm."), "Hm.") == MARK


def test_googles_alphabet_is_the_same_state() -> None:
    """Its clients decode the bytes and encode them again."""
    again = base64.urlsafe_b64encode(base64.b64decode(sign_mark(MARK))).decode()

    assert verify_mark(again) == MARK


@pytest.mark.parametrize(
    "changed",
    [
        sign_mark(MARK)[:-4],
        sign_mark(MARK, "another text"),
        sign_mark(MARK).replace("A", "B", 1),
        "not base64!",
        "",
        base64.b64encode(b"simulated").decode(),
    ],
)
def test_changed_state_is_noticed(changed: str) -> None:
    """Cut, moved to another text, altered, or made by someone else."""
    assert verify_mark(changed) is None
