"""Arrays that are held in memory up to a limit, and in files beyond it."""

from __future__ import annotations

import numpy as np
import pytest

from gapbench.analysis.quality.column_store import ColumnStore


@pytest.mark.parametrize("max_bytes", [0, 16, 10**6])
def test_arrays_come_back_as_they_were(max_bytes: int) -> None:
    """Held or in files; an empty one has no file to map."""
    arrays = {
        "floats": np.array([0.5, np.nan]),
        "codes": np.array([3, 1, 2], np.int16),
        "none": np.empty(0, np.uint64),
    }
    store = ColumnStore(max_bytes)
    for name, array in arrays.items():
        store.put(name, array)

    for name, array in arrays.items():
        assert store.get(name).dtype == array.dtype
        np.testing.assert_array_equal(store.get(name), array)
        assert type(store.get(name)) is np.ndarray


def test_a_taken_array_is_gone_from_the_store() -> None:
    """It stays readable, though its file is removed."""
    store = ColumnStore(0)
    store.put("a", np.arange(4))

    taken = store.take("a")

    assert taken.tolist() == [0, 1, 2, 3]
    with pytest.raises(KeyError):
        store.get("a")


def test_a_stored_array_cannot_be_changed() -> None:
    """All that ask for it get the same one."""
    store = ColumnStore(0)
    store.put("a", np.arange(4))

    with pytest.raises(ValueError, match="read-only"):
        store.get("a")[0] = 9
