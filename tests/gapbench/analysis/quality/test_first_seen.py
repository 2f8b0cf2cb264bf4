"""Codes of keys that come in several lots."""

from __future__ import annotations

import duckdb
import numpy as np
import pytest

from gapbench.analysis.quality.first_seen import FirstSeen


def test_ranks_follow_the_smallest_number_of_each_key() -> None:
    """Key 7 is seen at 5 and 1, key 9 at 3, key 4 at 2: in the order 7, 4, 9."""
    seen = FirstSeen()
    one = seen.add("one", np.array([7, 9], np.uint64), np.array([5, 3]))
    two = seen.add("two", np.array([4, 7], np.uint64), np.array([2, 1]))

    assert seen.ranks("one")[one].tolist() == [0, 2]
    assert seen.ranks("two")[two].tolist() == [1, 0]
    assert len(seen) == 3


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("is_within", [True, False])
def test_ranks_are_those_of_sorted_keys(seed: int, *, is_within: bool) -> None:
    """Random lots against sorting all keys by their first number; with and without a hint of which keys go together."""
    rng = np.random.default_rng(seed)
    lots = {
        str(k): rng.integers(0, 30, rng.integers(1, 60)).astype(np.uint64) << np.uint64(40) for k in range(3)
    }
    numbers = dict(
        zip(
            lots,
            np.split(
                rng.permutation(sum(map(len, lots.values()))), np.cumsum([len(v) for v in lots.values()])[:-1]
            ),
            strict=True,
        )
    )
    seen, codes = FirstSeen(), {}
    for name, keys in lots.items():
        # Pairs of rows that mostly, but not always, share a key.
        within = np.unique(keys, return_inverse=True)[1].astype(np.int32) if is_within else None
        if within is not None and seed % 2:
            within[-1] = 0
            within = np.unique(within, return_inverse=True)[1].astype(np.int32)
        codes[name] = seen.add(name, keys, numbers[name], within)
    first: dict[int, int] = {}
    for name, keys in lots.items():
        for key, number in zip(keys.tolist(), numbers[name].tolist(), strict=True):
            first[key] = min(number, first.get(key, number))
    expected = {key: place for place, key in enumerate(sorted(first, key=lambda key: first[key]))}

    for name, keys in lots.items():
        assert seen.ranks(name)[codes[name]].tolist() == [expected[key] for key in keys.tolist()]
    assert len(seen) == len(expected)


def test_the_hashes_of_ids_differ() -> None:
    """Those of 300,000 ids of three forms, as DuckDB computes them for the codes of samples."""
    names = "SELECT 's' || i FROM range(100000) t(i) UNION ALL SELECT i || '-' || md5(i::VARCHAR) FROM range(100000) t(i) UNION ALL SELECT 'task/' || i || '/' || i * 7 FROM range(100000) t(i)"
    found = duckdb.connect().execute(f"SELECT count(DISTINCT hash(name)) FROM ({names}) t(name)").fetchall()

    assert found == [(300_000,)]
