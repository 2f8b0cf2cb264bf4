"""tau2's domains as tasks: what a suite can write, and that the model sees what the package shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from gapbench.suite.suite import load_suite
from gapbench.values import canonical_json, sha256
from tests.gapbench.suite.tau2.tau2_domains import DOMAINS, task
from tests.two_models import command_output

# Made once with inspect_ai 0.3.285 and inspect-evals 0.28.0: what the package declares and says to a model.
DECLARATIONS = {
    "airline": "bcf10188ce1f2840548175d498f1a28a4d1557fece463542acaa3fa9ccdb3cf4",
    "retail": "c3bcc60d0de59be21e7411d1209250f501d004963cbd31a596e5cff4554d5ba9",
}
POLICIES = {
    "airline": "d6536698bdba9cdf4b231a787cc1f1f405e7143fe0539b8331ad2c3ab1bce7ff",
    "retail": "54a4dd55c69b50a6c08411b7b396e55c39f9a85579440f6cf82e6936720a8054",
}
USER_PROMPTS = {
    "airline": "5caeee7fdbce2f296c50c74d00ca2cb76048313a610e431d88ea942dd44317a4",
    "retail": "7f30d1ad1409f6b446d6122fa79e02e487f23ee6741d8817619e62e5e2dbf63f",
}


def write_suite(folder: Path, tasks: str) -> Path:
    """Write a suite of one simulated model."""
    file = folder / "suite.yaml"
    file.write_text(
        f"name: s\nmodels: [{{id: a, weights: open, runner: sim, sim: {{skill: 1}}}}]\ntasks: [{tasks}]\n"
    )
    return file


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_model_sees_the_tools_that_the_package_declares(domain: str) -> None:
    tools = task(domain).samples[0].tools
    assert tools is not None
    assert sha256(canonical_json(tools.as_json()["tools"])) == DECLARATIONS[domain]


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_system_prompt_has_the_package_s_policy(domain: str) -> None:
    prompt = task(domain).samples[0].messages[0].text
    start = prompt.rindex("<policy>")
    assert sha256(prompt[start : prompt.index("</policy>") + len("</policy>")]) == POLICIES[domain]
    assert prompt.startswith("<instructions>\n    You are a customer service agent")


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_model_that_plays_the_user_can_be_told_what_the_package_tells_it(domain: str) -> None:
    prompts = {
        sample.sample_id.removeprefix(f"{domain}-"): sample.columns["user_prompt"]
        for sample in task(domain).samples
    }
    assert sha256(canonical_json(prompts)) == USER_PROMPTS[domain]


@pytest.mark.parametrize(("domain", "count"), [("airline", 50), ("retail", 114)])
def test_the_whole_domain_is_there(domain: str, count: int) -> None:
    assert len(task(domain).samples) == count


def test_variants_of_one_call_are_one_cluster() -> None:
    clusters = [sample.cluster_id for sample in task("retail").samples]
    assert len(set(clusters)) < len(clusters)


def test_a_split_and_a_limit_take_their_part(tmp_path: Path) -> None:
    """The airline's test split has 20 tasks; retail has 114, and 3 are asked for."""
    suite = load_suite(
        write_suite(tmp_path, "{tau2: {domain: airline, split: test}}, {tau2: {domain: retail, limit: 3}}")
    )
    found = {task.name: len(task.samples) for task in suite.load_tasks()}
    assert found == {"tau2-airline-test": 20, "tau2-retail": 3}
    assert suite.task_names() == list(found)


def test_version_and_license_of_the_package_are_in_the_task(tmp_path: Path) -> None:
    (found,) = load_suite(write_suite(tmp_path, "{tau2: {domain: airline, limit: 1}}")).load_tasks()
    assert (found.version, found.license) == ("0.28.0+scripted-user", "MIT")
    assert found.origin == "inspect-evals 0.28.0, tau2 airline, base"


def test_another_split_is_another_task(tmp_path: Path) -> None:
    """Its hash differs, so that a run of one is no run of the other."""
    suite = load_suite(
        write_suite(tmp_path, "{tau2: {domain: airline}}, {tau2: {domain: airline, split: train}}")
    )
    assert len({task.sha256 for task in suite.load_tasks()}) == 2


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{domain: telecom}", "suite.yaml:3: tasks[0].tau2.domain: found 'telecom'"),
        ("{domain: retail, split: dev}", "tasks[0].tau2.split: found 'dev'; expected base, test, train"),
        ("{domain: retail, limit: 0}", "suite.yaml:3: tasks[0].tau2.limit"),
        ("{domain: retail, trials: 4}", "suite.yaml:3: tasks[0].tau2.trials"),
        ("{}", "suite.yaml:3: tasks[0].tau2.domain"),
    ],
)
def test_a_wrong_entry_is_one_line(
    entry: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_suite(tmp_path, f"{{tau2: {entry}}}")
    assert message in command_output(capsys, "plan", str(file), code=2)


def test_a_domain_that_is_listed_twice_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_suite(tmp_path, "{tau2: {domain: retail}}, {tau2: {domain: retail, limit: 2}}")
    assert "'tau2-retail' is listed twice" in command_output(capsys, "plan", str(file), code=2)


def test_a_missing_package_is_one_line_with_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "inspect_evals" else found(name, *rest),
    )
    file = write_suite(tmp_path, "{tau2: {domain: retail}}")
    error = command_output(capsys, "plan", str(file), code=2)
    assert "inspect-evals is not installed; pip install --no-deps inspect-evals==" in error


def test_a_package_with_other_files_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder is there, and nothing that tau2 needs."""
    (tmp_path / "inspect_evals" / "tau2" / "data" / "domains").mkdir(parents=True)
    (tmp_path / "inspect_evals" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    file = write_suite(tmp_path, "{tau2: {domain: retail}}")
    assert "tools.py: No such file or directory; pip install" in command_output(
        capsys, "plan", str(file), code=2
    )
