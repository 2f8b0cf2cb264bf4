"""A run continues after a fixed key, model name or price, and sends only the missing requests (findings 2, 18 and 23)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gapbench.cli import invoke
from gapbench.execution.suite_changes import list_suite_changes, suite_content
from gapbench.store import read_attempts, read_manifest
from gapbench.store.verify import verify_run
from tests.vendor_server import KEY, Vendor, vendor


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendor]:
    """A vendor, its keys, and an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("KEY_CHAT", "KEY_MESSAGES", "KEY_OTHER"):
        monkeypatch.setenv(name, KEY)
    with vendor() as running:
        yield running


def write(
    server: Vendor, *, name: str = "known-model", price: float = 2, prompt: str = "{q}", key: str = "KEY_CHAT"
) -> None:
    """Write a suite of two models over three questions."""
    Path("q.jsonl").write_text("".join(json.dumps({"q": f"What is {n}?", "a": n}) + "\n" for n in range(3)))
    first = server.model_yaml("messages")
    second = server.model_yaml(
        "chat", name=name, key_env=key, cost={"input_usd_per_mtok": price, "output_usd_per_mtok": 8}
    )
    task = {
        "name": "sums",
        "category": "reasoning",
        "data": "q.jsonl",
        "prompt": prompt,
        "target": "{a}",
        "scorer": "numeric",
    }
    suite = {"name": "s", "models": [first, second], "tasks": [task], "params": {"max_tokens": 64}}
    Path("s.yaml").write_text(yaml.safe_dump(suite))


@pytest.fixture
def half(server: Vendor) -> Path:
    """A run whose second model has a wrong name, so that three of six requests have an answer."""
    write(server, name="unknown-model")
    assert 1 == invoke(["run", "s.yaml", "--yes", "--quiet", "--no-preflight"])
    (run,) = Path("results").iterdir()
    return run


def resume(run: Path, *options: str) -> int:
    return invoke(["run", "--resume", run.name, "--yes", *options])


def test_a_fixed_model_name_goes_on_in_place(
    server: Vendor, half: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finding 18: the model has no answer yet, so none depends on its name. No --accept-changes, no second folder."""
    write(server)
    assert 0 == resume(half)
    said = capsys.readouterr().out

    assert "The suite changed: models.chat.model: unknown-model → known-model." in said
    assert [half] == list(Path("results").iterdir())
    assert 6 == read_attempts([half])["final"].sum()
    assert [] == verify_run(half)
    manifest = read_manifest(half)
    assert ("complete", "known-model") == (manifest.state, manifest.model("chat").name)
    assert [("models.chat.model", "unknown-model", "known-model")] == [
        (change["key"], change["old"], change["new"]) for change in manifest.changes
    ]


def test_only_what_is_left_is_asked_for(
    server: Vendor, half: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Finding 23: three paid calls of one model, and their bound: 3 x 64 tokens at $8 and 3 x 19 at $2 a million."""
    write(server)
    resume(half)
    said = capsys.readouterr().out

    assert "3 of 6 requests are left, 3 are finished" in said
    assert "3 paid calls left (3 of chat): at most $0.0016" in said


def test_first_calls_go_to_models_with_requests_left(server: Vendor, half: Path) -> None:
    """One small call and three questions to the second model; none to the first."""
    write(server)
    before = len(server.asked)
    resume(half, "--quiet")

    assert 1 + 3 == len(server.asked) - before


def test_a_new_price_and_another_key_variable_go_on_in_place(server: Vendor, half: Path) -> None:
    """Finding 2: answers depend on neither; the run has the new price."""
    write(server)
    assert 0 == resume(half, "--quiet")
    write(server, price=4, key="KEY_OTHER")
    assert 0 == resume(half, "--quiet")

    cost = read_manifest(half).model("chat").cost
    assert cost is not None
    assert 4 == cost["input_usd_per_mtok"]
    assert 6 == len(read_attempts([half]).query("final"))


def test_a_model_with_answers_keeps_its_name(
    server: Vendor, half: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of two models must not be one model's; the message says which key changed, from what to what."""
    write(server)
    resume(half, "--quiet")
    write(server, name="other-model")

    assert 2 == resume(half)
    said = capsys.readouterr().err
    assert (
        "model chat (model) changed since it started (models.chat.model: known-model → other-model)" in said
    )


def test_another_prompt_is_named_without_its_text(
    server: Vendor, half: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """run.json holds no prompt, so the change is said and the text is not."""
    write(server, prompt="Tell me: {q}")

    assert 2 == resume(half)
    assert "tasks.sums.prompt: another text" in capsys.readouterr().err
    assert "{q}" not in (half / "run.json").read_text()


CHANGES: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    ({"seed": 1}, {"seed": 2}, ["seed: 1 → 2"]),
    ({"models": [{"id": "a", "cost": {"x": 1}}]}, {"models": [{"id": "a", "cost": {"x": 2}}]}, ["models.a.cost.x: 1 → 2"]),
    ({"models": [{"id": "a"}]}, {"models": [{"id": "a"}, {"id": "b"}]}, ['models.b: none → {"id": "b"}']),
    ({"loads": [{"concurrency": 1}]}, {"loads": [{"concurrency": 2}]}, ['loads: [{"concurrency": 1}] → [{"concurrency": 2}]']),
    ({"tasks": ["a", "b"]}, {"tasks": ["a"]}, ["tasks.b: b → none"]),
    ({"retries": {"attempts": 3}}, {}, ['retries: {"attempts": 3} → none']),
    ({"a": 1}, {"a": 1}, []),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), CHANGES)
def test_changes_are_named_by_key(old: dict[str, Any], new: dict[str, Any], said: list[str]) -> None:
    """Old and new value, with items of lists by their ids."""
    assert said == [str(change) for change in list_suite_changes(suite_content(old), suite_content(new))]


def rebuild(run: Path, *options: str) -> int:
    """Lose run.json and resume with the suite as it is now."""
    (run / "run.json").unlink()
    return invoke(["run", "s.yaml", "--resume", run.name, "--yes", "--quiet", *options])


def test_a_lost_manifest_of_a_run_that_went_on_with_an_edited_suite_is_rebuilt(
    server: Vendor, half: Path
) -> None:
    """Three rows are of the suite with the wrong name, three of the one with the right name; nothing is asked again."""
    write(server)
    assert 0 == resume(half)
    asked = len(server.asked)

    assert 0 == rebuild(half, "--no-preflight")
    assert asked == len(server.asked)
    assert "complete" == read_manifest(half).state


def test_a_lost_manifest_and_an_edited_suite_need_acceptance(
    server: Vendor, half: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows do not show a price: the message says what to give, and with it nothing is asked again."""
    write(server)
    assert 0 == resume(half)
    write(server, price=3)
    asked = len(server.asked)
    capsys.readouterr()

    assert 2 == rebuild(half, "--no-preflight")
    assert "or add --accept-changes if only prices, keys" in capsys.readouterr().err
    (half / "run.json").write_text("{half")
    assert 0 == rebuild(half, "--no-preflight", "--accept-changes")
    assert asked == len(server.asked)


def test_a_lost_manifest_is_not_rebuilt_for_another_prompt(
    server: Vendor, half: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a row shows is compared, accepted or not."""
    write(server, prompt="Please: {q}")

    assert 2 == rebuild(half, "--no-preflight", "--accept-changes")
    assert "the prompt of messages|sums|" in capsys.readouterr().err
