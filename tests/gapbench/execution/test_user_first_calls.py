"""A model that plays users is checked before the run as the compared ones are: its key, its price, its data policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gapbench.errors import InputError
from gapbench.execution.first_calls import FirstCallError, ask_models, make_first_calls, needs_first_calls
from gapbench.execution.preflight import refuse_unpriced
from gapbench.execution.run_pricing import cost_bounds, paid_models
from gapbench.execution.setup import RunSetup, Selection, build_run_setup, enforce_data_policy
from tests.user_suites import user_suite, write_user_suite
from tests.vendor_server import KEY, Vendor, vendor


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key of the server."""
    monkeypatch.setenv("KEY_CHAT", KEY)


@pytest.fixture
def works() -> Iterator[Vendor]:
    """A server without a fault."""
    with vendor() as server:
        yield server


def setup(folder: Path, user: dict[str, Any], **of_task: Any) -> RunSetup:
    task = {**user_suite()["tasks"][0], **of_task}
    return build_run_setup(
        Selection(str(write_user_suite(folder, users=[{**user, "id": "shopper"}], tasks=[task])))
    )


def test_the_user_is_asked_once(tmp_path: Path, works: Vendor) -> None:
    """The compared models are simulated and are not; 10 tokens at $2 and 5 at $8 per million are $0.00006."""
    made = setup(tmp_path, works.model_yaml("chat"))
    (call,) = ask_models(made)

    assert needs_first_calls(made)
    assert ("shopper", None, "0.00006") == (call.model_id, call.problem, str(call.usd))


def test_a_users_wrong_key_stops_the_run(
    tmp_path: Path, works: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line names it, and where it stands in the suite."""
    monkeypatch.setenv("KEY_CHAT", "sk-another")
    with pytest.raises(FirstCallError, match=r"suite\.yaml:\d+: model 'shopper': .*KEY_CHAT"):
        make_first_calls(setup(tmp_path, works.model_yaml("chat")))


def test_the_bound_of_the_user_is_shown(tmp_path: Path, works: Vendor) -> None:
    """It is the only one that is paid: 12 episodes with 40 lines at most."""
    made = setup(tmp_path, works.model_yaml("chat"))
    (paid,) = [bound for bound in cost_bounds(made) if bound.metered]

    assert {"shopper"} == paid_models(made)
    assert ("shopper (plays users)", 12 * 40) == (paid.label, paid.calls)


def test_a_budget_needs_the_users_price(tmp_path: Path, works: Vendor) -> None:
    """Without it, the user would count as free."""
    user = {key: value for key, value in works.model_yaml("chat").items() if key != "cost"}
    with pytest.raises(InputError, match="the price of model 'shopper' is unknown"):
        refuse_unpriced(setup(tmp_path, user), 1.0)


def test_private_episodes_are_not_shown_to_a_third_party(tmp_path: Path, works: Vendor) -> None:
    """The user hears the whole conversation."""
    made = setup(tmp_path, works.model_yaml("chat"), data_policy="private")
    with pytest.raises(InputError, match="`data_policy: private`, and model 'shopper'"):
        enforce_data_policy(made)
