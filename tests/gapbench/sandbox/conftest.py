"""The isolation levels of the sandbox that this machine has."""

from __future__ import annotations

import shutil

import pytest

from gapbench.sandbox import ISOLATION_LEVELS, IsolationLevel


@pytest.fixture(params=ISOLATION_LEVELS)
def level(request: pytest.FixtureRequest) -> IsolationLevel:
    """Each level that can be tested here."""
    if request.param == "bubblewrap" and shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    found: IsolationLevel = request.param
    return found
