"""Suites and tasks at the door: every fault is one line with file, line, key and what would do."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gapbench.errors import DocumentError, InputError
from gapbench.suite.json_schema import suite_json_schema
from gapbench.suite.suite import builtin_suites, load_suite
from gapbench.values import Image, Params, Text

ROWS = [{"id": f"q{n}", "question": f"What is {n} + 1?", "answer": n + 1, "kind": "sum"} for n in range(5)]
SUITE = """\
name: mine
models:
  - id: open
    runner: vllm
    weights: open
    released: 2024-12-06
  - id: closed
    runner: openai
    model: gpt-5.2
    weights: closed
    key_env: OPENAI_API_KEY
    params: {max_tokens: 99, reasoning: off}
tasks:
  - name: sums
    category: reasoning
    data: q.jsonl
    id: "{id}"
    prompt: "{question}"
    target: "{answer}"
    scorer: numeric
"""


def write(folder: Path, text: str = SUITE) -> Path:
    (folder / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    (folder / "suite.yaml").write_text(text)
    return folder / "suite.yaml"


def refused(folder: Path, text: str, **files: str) -> str:
    """Return the one line with which a suite, and all it names, is refused."""
    path = write(folder, text)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    with pytest.raises(InputError) as caught:
        load_suite(path).load_tasks()
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{folder}/")


def test_a_suite_is_read(tmp_path: Path) -> None:
    """Models with their defaults, tasks with their samples."""
    suite = load_suite(write(tmp_path))
    model = suite.models[1].to_model()
    task = suite.load_tasks()[0]

    assert ("closed", "gpt-5.2", "OPENAI_API_KEY") == (model.id, model.name, model.key_env)
    assert Params(max_tokens=99, reasoning="off") == model.params
    assert date(2024, 12, 6) == suite.models[0].released
    assert [f"q{n}" for n in range(5)] == [sample.sample_id for sample in task.samples]
    assert 1 == task.samples[0].target
    assert (Text("What is 0 + 1?"),) == task.samples[0].messages[0].parts


FAULTS = [
    ("name: mine", "nam: mine", "suite.yaml:1: nam: unknown key 'nam'; did you mean 'name'?"),
    ("    weights: closed", "    weights: shut", "suite.yaml:10: models[1].weights: found 'shut'; expected one of 'open' or 'closed'"),
    ("    runner: openai\n", "", "suite.yaml:7: models[1].runner: missing"),
    ("  - id: closed", "  - id: open", "suite.yaml:7: models[1].id: id 'open' is listed twice, also as models[0]"),
    ("max_tokens: 99", "max_tokens: many", "suite.yaml:12: models[1].params.max_tokens: found 'many'; expected a whole number"),
    ("max_tokens: 99", "max_tokens: 0", "suite.yaml:12: models[1].params.max_tokens: found 0; expected at least 1"),
    ("max_tokens: 99", "temperature: 3", "expected at most 2"),
    ("max_tokens: 99", "max_token: 3", "models[1].params.max_token: unknown key 'max_token'; did you mean 'max_tokens'?"),
    ("reasoning: off", "reasoning: lots", "models[1].params.reasoning"),
    ("reasoning: off", "reasoning: -5", "models[1].params.reasoning: found -5; expected at least 1"),
    ("key_env: OPENAI_API_KEY", "key_env: sk-abcdef0123456789abcdef01", "this looks like a real key, which must not be in a file"),
    ("key_env: OPENAI_API_KEY", "api_key: hunter2", "a key must not be in a suite"),
    ("    weights: open\n", "    weights: open\n    base_url: localhost:8000\n", "models[0].base_url: found 'localhost:8000'; expected an address"),
    ("    weights: open\n", "    weights: open\n    base_url: http://a:b@h/v1\n", "must not hold a user or password"),
    ("    weights: open\n", "    weights: open\n    cost: {gpu: H100, price: 3}\n", "models[0].cost.price: unknown key 'price'; known: gpu, gpus, usd_per_gpu_hour"),
    ("    weights: open\n", "    weights: open\n    cost: {gpu: H100, usd_per_gpu_hour: cheap}\n", "usd_per_gpu_hour: found 'cheap'"),
    ("data: q.jsonl", "data: r.jsonl", "suite.yaml:16: tasks[0].data: no such file"),
    ("data: q.jsonl", "data: q.txt", "no such file"),
    ('prompt: "{question}"', 'prompt: "{questoin}"', "suite.yaml:18: tasks[0].prompt: no column 'questoin'; the columns are: id, question, answer, kind"),
    ('prompt: "{question}"', 'prompt: "{question"', "tasks[0].prompt: stray '{'"),
    ('id: "{id}"', 'id: "{kind}"', "rows 1 and 2 of"),
    ("    scorer: numeric\n", "    scorer: numeric\n    limit: 0\n", "tasks[0].limit: found 0; expected at least 1"),
    ("    scorer: numeric\n", "    scorer: {tolerance: 1}\n", "a mapping needs `name`"),
    ("tasks:\n", "tasks:\n  - coding/nothing\n", "no built-in task 'coding/nothing'; did you mean 'coding/functions'? `bench list tasks` shows all"),
    ("tasks:\n", "tasks:\n  - ./missing.yaml\n", "suite.yaml:14: tasks[0]: no such file"),
    ("tasks:\n", "loads: [{concurrency: 0}]\ntasks:\n", "loads[0].concurrency: found 0; expected at least 1"),
    ("tasks:\n", "loads: [{concurrency: 1, rate_rps: 2}]\ntasks:\n", "give exactly one of concurrency, rate_rps, ramp, replay and search; found concurrency and rate_rps"),
    ("tasks:\n", "loads: [{rate_rps: 2}]\ntasks:\n", "rate_rps needs duration_s"),
    ("tasks:\n", "loads: [{rate_rps: 2, duration_s: 5, warmup_s: 5}]\ntasks:\n", "warmup_s must be shorter"),
    ("tasks:\n", "loads: [{concurrency: 2}, {concurrency: 2}]\ntasks:\n", "load 'c2' is listed twice"),
    ("tasks:\n", "repeats: 0\ntasks:\n", "repeats: found 0; expected at least 1"),
    ("tasks:\n", "seed: x\ntasks:\n", "seed: found 'x'; expected a whole number"),
    ("name: mine", "name: mine\nname: again", "suite.yaml:2: name: this key is given twice"),
    ("name: mine", "name: [mine", "not YAML"),
    ("name: mine", "name: !!python/object:os.system x", "is not allowed"),
    ("name: mine", "name: a b", "name: found 'a b'; expected letters, digits, '.', '_' and '-'"),
    (SUITE, "", "the file is empty"),
    (SUITE, "- a\n- b\n", "the top level is a list; it must be a mapping"),
    (SUITE, "name: x\nmodels: []\ntasks: [coding/functions]\n", "models: found an empty list; expected at least 1 of them"),
    (SUITE, "name: x\nmodels: 5\ntasks: [coding/functions]\n", "models: found 5; expected a list"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), FAULTS)
def test_a_fault_is_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    """What was found, where, and what would do."""
    assert old in SUITE
    assert said in refused(tmp_path, SUITE.replace(old, new, 1))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "q.jsonl: no rows"),
        ('{"id": 1', "q.jsonl:1: not JSON"),
        ('{"id": 1}\n[1]\n', "q.jsonl:2: found '[1]'; each line is one JSON object"),
    ],
)
def test_a_fault_in_the_data_names_file_and_line(tmp_path: Path, content: str, said: str) -> None:
    """The suite is right, its data are not."""
    path = write(tmp_path)
    (tmp_path / "q.jsonl").write_text(content)

    with pytest.raises(DocumentError) as caught:
        load_suite(path).load_tasks()
    assert said in str(caught.value)


def test_a_key_in_a_suite_is_not_echoed(tmp_path: Path) -> None:
    """The error must not spread what it warns of."""
    assert "hunter2" not in refused(tmp_path, SUITE.replace("key_env: OPENAI_API_KEY", "api_key: hunter2"))


def test_a_missing_suite_says_how_to_get_one(tmp_path: Path) -> None:
    """`bench init` writes one."""
    with pytest.raises(DocumentError, match=r"none\.yaml: no such file; `bench init`"):
        load_suite(tmp_path / "none.yaml")


def test_two_tasks_of_one_name_are_refused(tmp_path: Path) -> None:
    """Their rows could not be told apart."""
    twice = SUITE + SUITE[SUITE.index("  - name: sums") :]

    assert "tasks[1]: task 'sums' is listed twice, also in tasks[0]" in refused(tmp_path, twice)


def test_an_entry_for_lm_eval_takes_its_own_keys_alone(tmp_path: Path) -> None:
    """What lm-eval's task says is not said again here."""
    wrong = SUITE.replace("tasks:\n", "tasks:\n  - {lm_eval: gsm8k, scorer: exact}\n")
    with pytest.raises(DocumentError, match=r"tasks\[0\].scorer: unknown key"):
        load_suite(write(tmp_path, wrong)).load_tasks()


def test_aliases_cannot_grow_without_bound(tmp_path: Path) -> None:
    """Nine lines of ten aliases each are a billion values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    assert "once its aliases are followed" in refused(tmp_path, "\n".join(lines))


def test_yaml_words_stay_words(tmp_path: Path) -> None:
    """YAML 1.1 would read `off` as false."""
    assert "off" == load_suite(write(tmp_path)).models[1].params.reasoning


def test_the_hash_is_of_the_content(tmp_path: Path) -> None:
    """A comment changes nothing, a seed does."""
    first = load_suite(write(tmp_path)).sha256

    assert first == load_suite(write(tmp_path, "# why\n" + SUITE)).sha256
    assert first != load_suite(write(tmp_path, "seed: 5\n" + SUITE)).sha256


def test_the_tasks_hash_covers_its_data(tmp_path: Path) -> None:
    """A changed row is another task."""
    path = write(tmp_path)
    first = load_suite(path).load_tasks()[0].sha256
    (tmp_path / "q.jsonl").write_text(json.dumps({**ROWS[0], "answer": 9}) + "\n")

    assert first != load_suite(path).load_tasks()[0].sha256


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_all_formats_give_the_same_prompts(tmp_path: Path, ending: str) -> None:
    """JSONL, CSV with a header, Parquet."""
    import pandas as pd

    path = write(tmp_path, SUITE.replace("q.jsonl", f"q{ending}"))
    frame = pd.DataFrame(ROWS)
    if ending == ".csv":
        frame.to_csv(tmp_path / "q.csv", index=False)
    elif ending == ".parquet":
        frame.to_parquet(tmp_path / "q.parquet")
    samples = load_suite(path).load_tasks()[0].samples

    assert [row["question"] for row in ROWS] == [sample.messages[0].text for sample in samples]
    assert [str(row["answer"]) for row in ROWS] == [str(sample.target) for sample in samples]


def test_a_hugging_face_data_set_gives_the_same_prompts(tmp_path: Path) -> None:
    """A folder of JSONL is a data set to `datasets`, without a hub."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    text = SUITE.replace("data: q.jsonl", f"data: {{hf: {tmp_path / 'set'}, split: train}}")
    suite = load_suite(write(tmp_path, text))
    samples = suite.load_tasks()[0].samples
    few = suite.load_tasks(limit=3)[0].samples

    assert [row["question"] for row in ROWS] == [sample.messages[0].text for sample in samples]
    assert 3 == len(few)
    assert {sample.messages[0].text for sample in few} < {row["question"] for row in ROWS}


def test_a_data_set_that_cannot_be_had_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a network the hub's client fails; the word names the set and what would do."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    text = SUITE.replace("data: q.jsonl", "data: {hf: nobody/nothing-here, split: test}")

    assert "data set 'nobody/nothing-here' cannot be loaded" in refused(tmp_path, text)


def test_the_smallest_limit_counts(tmp_path: Path) -> None:
    """The task's own is 3, that of the call 2; the two samples are among the three."""
    suite = load_suite(write(tmp_path, SUITE + "    limit: 3\n"))
    three = {sample.sample_id for sample in suite.load_tasks()[0].samples}
    two = {sample.sample_id for sample in suite.load_tasks(limit=2)[0].samples}

    assert (3, 2) == (len(three), len(two))
    assert two < three


def test_turns_few_shot_system_and_images(tmp_path: Path) -> None:
    """A prompt may have all of them, in this order."""
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n...")
    text = SUITE.replace(
        '    prompt: "{question}"\n',
        '    system: "Be brief."\n    few_shot: [{user: "1 + 1?", assistant: "2"}]\n'
        '    prompt: [{role: user, text: "{question}", images: [a.png]}]\n    image_detail: low\n',
    )
    messages = load_suite(write(tmp_path, text)).load_tasks()[0].samples[0].messages

    assert ["system", "user", "assistant", "user"] == [message.role for message in messages]
    assert isinstance(messages[3].parts[0], Image)
    assert ("image/png", "low") == (messages[3].images[0].media_type, messages[3].images[0].detail)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("../secret.png", "is outside the folder of the data"),
        ("none.png", "cannot be read"),
        ("q.jsonl", "is not a PNG, JPEG, GIF or WebP"),
        ("https://x.test/a.png", "save the image next to the data"),
        ("data:image/png;base64,%%%", "is not base64"),
    ],
)
def test_an_image_that_cannot_be_is_refused(tmp_path: Path, image: str, said: str) -> None:
    """Nothing outside the data's folder is read, nothing is fetched."""
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    text = SUITE.replace("    scorer: numeric", f'    images: ["{image}"]\n    scorer: numeric')

    assert said in refused(folder, text)


def test_humaneval_rows_can_be_taken_as_they_are(tmp_path: Path) -> None:
    """task_id, prompt, entry_point, test: columns of the row reach the scorer."""
    row = {"task_id": "HumanEval/0", "prompt": "def f():\n", "entry_point": "f", "test": "def check(f): pass"}
    (tmp_path / "h.jsonl").write_text(json.dumps(row) + "\n")
    text = SUITE[: SUITE.index("  - name: sums")] + (
        '  - {name: humaneval, category: coding, data: h.jsonl, id: "{task_id}", prompt: "{prompt}", scorer: code}\n'
    )
    sample = load_suite(write(tmp_path, text)).load_tasks()[0].samples[0]

    assert ("HumanEval/0", row) == (sample.sample_id, sample.columns)


@pytest.mark.parametrize("name", list(builtin_suites()))
def test_built_in_suites_load_and_fit_the_schema(name: str) -> None:
    """What editors are told agrees with what is accepted."""
    suite = load_suite(Path(name))

    if name == "public":  # its data is on the hub; tests/tasks/test_public.py has rows of that form
        assert suite.task_names()
    else:
        assert suite.load_tasks(limit=1)
    document = yaml.safe_load(suite.path.read_text())
    jsonschema.validate(json.loads(json.dumps(document, default=str)), suite_json_schema())


def test_the_schema_refuses_an_unknown_key() -> None:
    """Or it would be of no use in an editor."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "x", "models": [], "tasks": [], "nonsense": 1}, suite_json_schema())


LEAVES: Any = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=6)
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mutated_suite_is_accepted_or_refused_in_one_line(tmp_path: Path, data: st.DataObject) -> None:
    """Any value in any place: never another exception."""
    document = yaml.safe_load(SUITE)
    places: list[tuple[Any, Any]] = []

    def collect(value: Any) -> None:
        keys = (
            list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
        )
        for key in keys:
            places.append((value, key))
            collect(value[key])

    collect(document)
    where, key = data.draw(st.sampled_from(places))
    where[key] = data.draw(JUNK)
    path = write(tmp_path, yaml.safe_dump(document))
    try:
        load_suite(path).load_tasks()
    except InputError as exc:
        assert "\n" not in str(exc)
        assert "suite.yaml" in str(exc) or "q.jsonl" in str(exc) or "data set" in str(exc)
