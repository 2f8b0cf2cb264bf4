"""Rules that take personal data out of a sample."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.sampled_traffic import TOOLS, Sample, line, rows_of, support, triage


def test_rules_change_texts_only_with_yes(sample: Sample) -> None:
    """Without a terminal to ask, the change is shown and nothing is written."""
    Path("rules.yaml").write_text("rules:\n  - {name: number, pattern: '\\d+', replace: '#'}\n")
    log = [support(number) for number in range(5)]

    refused = sample(log, "-n", "5", "--redact", "rules.yaml")
    assert refused.exit_code == 2
    assert "- number: Help me with 3" in refused.output
    assert "+ number: Help me with #" in refused.output
    assert not Path("suite.yaml").exists()

    assert sample(log, "-n", "5", "--redact", "rules.yaml", "--yes").exit_code == 0
    assert {row["messages"][0]["content"] for row in rows_of()} == {"Help me with #"}


def written() -> str:
    """Return the names and contents of all files of the sample."""
    files = [Path("suite.yaml"), *sorted(Path().glob("suite*/*"))]
    return "\n".join(f"{file}\n{file.read_text()}" for file in files)


def test_rules_reach_keys_and_numbers_of_calls(sample: Sample) -> None:
    """Both of the logged call that is the target, and of an earlier call in the prompt, which stays JSON."""
    Path("rules.yaml").write_text("rules:\n  - {name: person, pattern: 'alice@x\\.org|5551234567'}\n")
    arguments = json.dumps({"alice@x.org": 5551234567})
    function = {"name": "find_order", "arguments": arguments}
    call = {"id": "c1", "type": "function", "function": function}
    asked = line("orders", "Who?", {"content": None, "tool_calls": [call]}, tools=TOOLS)
    asked["request"]["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [{**call, "id": "c0"}]},
        {"role": "tool", "tool_call_id": "c0", "content": "none"},
    ]

    said = sample([asked], "--redact", "rules.yaml", "--yes")

    assert said.exit_code == 0, said.output
    assert "alice" not in written()
    assert "5551234567" not in written()
    (row,) = rows_of()
    assert json.loads(row["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {
        "[redacted]": "[redacted]"
    }
    assert row["target"][0]["arguments"] == {"[redacted]": "[redacted]"}


def test_rules_reach_routes(sample: Sample) -> None:
    """They name tasks, strata, categories and files."""
    Path("rules.yaml").write_text("rules:\n  - {name: person, pattern: alice, replace: someone}\n")
    log = [line("mail of alice", f"Say {word}", {"content": "a " * 30}) for word in "abc"]

    said = sample(log, "--redact", "rules.yaml", "--yes")

    assert said.exit_code == 0, said.output
    assert "alice" not in written()
    assert Path("suite-data/mail-of-someone.jsonl").exists()


def test_a_cluster_tells_nothing_of_what_was_taken_out(sample: Sample) -> None:
    """Two logs that differ in a redacted name only give one file."""
    Path("rules.yaml").write_text("rules:\n  - {name: person, pattern: 'alice|bob'}\n")
    found = []
    for name in ("alice", "bob"):
        log = [line("mail", f"Greet {name}", {"content": "a " * 30})]
        assert sample(log, "--redact", "rules.yaml", "--yes", "--force").exit_code == 0
        found.append(rows_of()[0]["cluster"])

    assert found[0] == found[1]


def test_a_redraw_leaves_no_text_of_the_draw_before(sample: Sample) -> None:
    """A task that the new sample has not loses its file."""
    sample([support(1), triage(1)[0]])

    assert sample([support(2)], "--force").exit_code == 0
    assert [file.name for file in Path("suite-data").iterdir()] == ["support.jsonl"]


def test_a_holdout_of_an_earlier_draw_is_not_left_beside_a_new_sample(sample: Sample) -> None:
    """Its items may be in the new sample."""
    log = [support(number, session=f"s{number}") for number in range(20)]
    assert sample(log, "--holdout", "0.3").exit_code == 0

    said = sample(log, "--force")

    assert said.exit_code == 2
    assert "suite-holdout.yaml is of an earlier draw" in " ".join(said.output.split())


def test_a_rule_that_is_no_pattern_is_named_with_its_line(sample: Sample) -> None:
    """File, line and key."""
    Path("rules.yaml").write_text("rules:\n  - {name: bad, pattern: '(', replace: x}\n")

    result = sample([support(1)], "--redact", "rules.yaml")

    assert result.exit_code == 2
    assert "rules.yaml:2" in result.output


@pytest.mark.parametrize("pattern", ["x*", "", "^", "a|"])
def test_a_pattern_that_matches_nothing_at_all_is_refused(sample: Sample, pattern: str) -> None:
    """Its replacement would come between all characters."""
    Path("rules.yaml").write_text(f"rules:\n  - {{name: empty, pattern: '{pattern}', replace: x}}\n")

    result = sample([support(1)], "--redact", "rules.yaml")

    assert result.exit_code == 2
    assert "rules.yaml:2" in result.output


@pytest.mark.parametrize("seed", ["-1", str(2**63), "x"])
def test_a_seed_that_no_suite_takes_is_refused(sample: Sample, seed: str) -> None:
    """In one line."""
    result = sample([support(1)], "--seed", seed)

    assert result.exit_code == 2
    assert "--seed" in result.output
