"""tau2's domains as tasks: what a suite can write, and that the model sees what the package shows."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from gapbench.suite.suite import load_suite
from gapbench.suite.tau2.conversion import convert_domain
from gapbench.suite.tau2.entry import Domain, Tau2Document
from gapbench.suite.tau2.package import read_domain
from gapbench.values import PlayedUser, canonical_json, sha256
from gapbench.values.played_user import first_line
from gapbench.values.played_user import user_prompt as asked_first
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
    """Write a suite of one simulated model, and one that may play users."""
    file = folder / "suite.yaml"
    file.write_text(
        f"name: s\nmodels: [{{id: a, weights: open, runner: sim, sim: {{skill: 1}}}}]\ntasks: [{tasks}]\n"
        "users: [{id: customer, weights: closed, runner: sim, sim: {skill: 1}}]\n"
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


def played_users(domain: Domain, **given: Any) -> list[PlayedUser]:
    """Return the users of all tasks of a domain, played by a model."""
    entry = Tau2Document(domain=domain, user="customer", **given)
    episodes = [sample.episode for sample in convert_domain(read_domain(domain), entry).samples]
    return [episode.played_user for episode in episodes if episode and episode.played_user]


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_played_user_is_told_what_the_package_tells_it(domain: Domain) -> None:
    """The system prompt and the first message are the package's, and so are the words that end it."""
    first = task(domain).samples[0]
    user = played_users(domain, turns=7)[0]

    assert [message.text for message in asked_first(user, ())] == [
        first.columns["user_prompt"],
        "Begin the interaction. Remember you are the customer, and you are interacting with a customer service agent.",
    ]
    assert user.stops == ("###STOP###", "###OUT-OF-SCOPE###", "###TRANSFER###")
    assert user.max_lines == 7 + 1


@pytest.mark.parametrize("domain", DOMAINS)
def test_simulated_users_tell_all_tasks_apart(domain: Domain) -> None:
    """Each says its whole scenario at first, which no stop word cuts."""
    users = played_users(domain)

    assert len({first_line(user) for user in users}) == len(users) == len(task(domain).samples)
    assert all(user.script == (first_line(user),) for user in users)


def test_a_played_user_says_its_scenario_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The prompt is the policy alone, the version has no suffix, and the prompts are not said to be the same."""
    file = write_suite(tmp_path, "{tau2: {domain: airline, limit: 2, user: customer}}")
    (found,) = load_suite(file).load_tasks()

    assert found.version == "0.28.0"
    assert [[message.role for message in sample.messages] for sample in found.samples] == [["system"]] * 2
    assert all(sample.episode and not sample.episode.user for sample in found.samples)
    assert "warning" not in command_output(capsys, "validate", str(file))


def test_a_user_s_model_is_part_of_the_task() -> None:
    """A run with another one is no run of the same task."""
    domain = read_domain("airline")
    entries = [Tau2Document(domain="airline", user=user) for user in (None, "customer", "shopper")]
    assert len({convert_domain(domain, entry, 1).sha256 for entry in entries}) == 3


def test_the_plan_counts_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is asked before the first of 9 replies and after each, in 2 episodes."""
    file = write_suite(tmp_path, "{tau2: {domain: airline, limit: 2, turns: 9, user: customer}}")
    bounds = json.loads(command_output(capsys, "plan", str(file), "--json"))["bounds"]
    assert [(row["model"], row["plays_users"], row["calls"]) for row in bounds] == [
        ("a", False, 2 * 9),
        ("customer", True, 2 * (9 + 1)),
    ]


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
        (
            "{domain: retail, user: x}",
            "suite.yaml:3: tasks[0].tau2.user: 'x' is not among the users or models",
        ),
        ("{domain: retail, user: ''}", "suite.yaml:3: tasks[0].tau2.user"),
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
