"""The Dockerfiles, where no Docker is there to build them: linted, pinned, complete, and not run as root."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILES = ("Dockerfile", "Dockerfile.vllm")


def instructions(name: str) -> list[str]:
    """Return the instructions of a Dockerfile, each in one line."""
    text = re.sub(r"\\\n\s*", "", (ROOT / name).read_text())
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(name: str) -> None:
    """No rule is switched off."""
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [program, "--no-color", name], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (0, "") == (done.returncode, done.stdout)


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_is_copied_is_in_the_context(name: str) -> None:
    """Every file is there, and .dockerignore lets it in."""
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        source
        for line in instructions(name)
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]

    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert source.split("/")[0] in allowed, source


@pytest.mark.parametrize("name", DOCKERFILES)
def test_the_image_runs_as_the_user_of_the_jobs(name: str) -> None:
    """`bench emit kubernetes` says runAsUser 1000; a number, so that runAsNonRoot can be checked."""
    last = [line for line in instructions(name) if line.startswith("USER ")][-1]

    assert "USER 1000" == last


@pytest.mark.parametrize("name", DOCKERFILES)
def test_packages_come_with_hashes(name: str) -> None:
    """Each installation is of locked files, or of our own wheel."""
    installs = [
        step
        for line in instructions(name)
        for step in line.split("&&")
        if re.search(r"\bpip\b.* install ", step)
    ]

    assert installs
    for step in installs:
        assert "--require-hashes --no-deps" in step or step.strip().endswith(
            "--no-deps /tmp/wheel/gapbench-*.whl"
        )


def test_vllm_is_the_locked_version() -> None:
    """The image, the emitted sidecar and requirements/gpu.txt name one version."""
    from gapbench.clusters.shard_group import SERVER_IMAGE

    locked = re.search(r"^vllm==(\S+)", (ROOT / "requirements" / "gpu.txt").read_text(), re.MULTILINE)
    assert locked is not None
    version = locked[1]

    assert f"vllm/vllm-openai:v{version}" == SERVER_IMAGE
    assert f"ARG VLLM_VERSION={version}" in instructions("Dockerfile.vllm")
