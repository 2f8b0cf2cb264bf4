"""What every test gets."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gapbench.cli import invoke
from gapbench.values import Session
from tests.two_models import write_suite

# Read by huggingface_hub when it is imported: no test looks for a data set outside.
os.environ["HF_HUB_OFFLINE"] = "1"
# Tests do not read the user's own price file from the configuration folder.
os.environ["XDG_CONFIG_HOME"] = str(Path(tempfile.gettempdir()) / "gapbench-tests-config")
# No test depends on the speed of the machine, which is busy when the steps of .ci/run go side by side.
ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples in every run, so that a change is not refused for an old fault; `random` looks for new ones.
settings.register_profile("same", ANY_SPEED, derandomize=True)
settings.register_profile("random", ANY_SPEED)
settings.load_profile("same")
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "VLLM_BASE_URL")


@pytest.fixture(autouse=True, scope="session")
def _signals_reach_children() -> None:
    """A child that a test starts ends by these signals, also where pytest itself was started by nohup or in the background.

    An ignored signal is inherited; a handler is not, and leaves pytest as deaf as before.
    """
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(autouse=True)
def _no_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key and no proxy of the machine reaches a test."""
    for name in (*KEYS, *(name for name in os.environ if name.lower().endswith("_proxy"))):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A session whose logs go to the test's own folder."""
    return Session(log_dir=tmp_path)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, gone into, with a suite of two simulated models over 30 sums."""
    monkeypatch.chdir(tmp_path)
    write_suite(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of that suite."""
    folder = tmp_path_factory.mktemp("finished")
    write_suite(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert 0 == invoke(["run", "suite.yaml", "--yes", "--quiet"])
    return next((folder / "results").iterdir())
