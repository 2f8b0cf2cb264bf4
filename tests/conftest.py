"""What every test gets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.values import Session

# Read by huggingface_hub when it is imported: no test looks for a data set outside.
os.environ["HF_HUB_OFFLINE"] = "1"
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "VLLM_BASE_URL")


@pytest.fixture(autouse=True)
def _no_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key and no proxy of the machine reaches a test."""
    for name in (*KEYS, *(name for name in os.environ if name.lower().endswith("_proxy"))):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session whose logs go to the test's own folder."""
    return Session(log_dir=tmp_path)
