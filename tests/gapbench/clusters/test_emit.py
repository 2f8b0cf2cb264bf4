"""Jobs for clusters: valid by the schemas, complete, and without a key."""

from __future__ import annotations

import json
import re
import subprocess
import warnings
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gapbench.clusters.shard_group import dns_label
from tests.two_models import command_output

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # its import of importlib_resources may warn
    import kubernetes_validate

SCHEMAS = Path(__file__).parent / "schemas"
KEY = "sk-planted-0123456789abcdef"
SUITE = """\
name: cl
models:
  - {id: gpt, runner: openai, model: gpt-5.2, weights: closed}
  - {id: Llama_70B, runner: vllm, model: org/Llama-70B, weights: open, base_url: "http://127.0.0.1:8001/v1", cost: {gpu: H100-80GB, gpus: 4}}
  - {id: qwen, runner: vllm, model: org/Qwen, weights: open, serve: {gpus: 2}}
  - {id: hosted, runner: vllm, model: org/Hosted, weights: open, base_url: "https://llm.example/v1", key_env: HOSTED_KEY}
tasks: [{task: reasoning/arithmetic, limit: 2}]
loads: [{concurrency: 4}, {concurrency: 8}]
"""


@pytest.fixture(autouse=True)
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "s.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("HOSTED_KEY", KEY)


def emit(capsys: pytest.CaptureFixture[str], kind: str, *more: str, code: int = 0) -> str:
    out = () if "--out" in more else ("--out", "s3://bucket/run7")
    return command_output(capsys, "emit", kind, "s.yaml", *out, *more, code=code)


def documents(capsys: pytest.CaptureFixture[str], kind: str, *more: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(emit(capsys, kind, *more)))


def named(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(each for each in found if each["metadata"]["name"].startswith(name))


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text())
    return found


def validate(document: dict[str, Any]) -> None:
    """Hold a document against the schemas of Kubernetes, which know every field."""
    kubernetes_validate.validate(document, "1.33", strict=True)


@pytest.mark.parametrize(
    "more", [(), ("--queue", "team", "--claim", "disk", "--service-account", "bench", "--hours", "2")]
)
def test_jobs_are_valid(capsys: pytest.CaptureFixture[str], more: tuple[str, ...]) -> None:
    """A ConfigMap and a Job for each of four models, with two shards each."""
    found = documents(capsys, "kubernetes", *more)
    for each in found:
        validate(each)

    assert ["ConfigMap", "Job", "Job", "Job", "Job"] == [each["kind"] for each in found]
    assert [2, 2, 2, 2] == [each["spec"]["completions"] for each in found[1:]]


def test_a_wrong_field_is_not_valid(capsys: pytest.CaptureFixture[str]) -> None:
    """The check can fail."""
    job = documents(capsys, "kubernetes")[1]
    job["spec"]["template"]["spec"]["containers"][0]["ressources"] = {}

    with pytest.raises(kubernetes_validate.ValidationError):
        validate(job)


def test_rayjobs_are_valid(capsys: pytest.CaptureFixture[str]) -> None:
    """By the fields of KubeRay that we keep by hand; their pods by the schemas of Kubernetes."""
    found = documents(capsys, "rayjob", "--ray-version", "2.60.0", "--queue", "team")
    for job in (each for each in found if each["kind"] == "RayJob"):
        jsonschema.validate(job, schema("rayjob"))
        jsonschema.validate(job, schema("kueue"))
        cluster = job["spec"]["rayClusterSpec"]
        for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
            validate(
                {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "metadata": {"name": "p"},
                    "spec": group["template"]["spec"],
                }
            )

    for config in (each for each in found if each["kind"] == "ConfigMap"):
        validate(config)

    assert ["ConfigMap", *["ConfigMap", "RayJob"] * 4] == [each["kind"] for each in found]


def test_kueue_starts_queued_jobs_and_only_those(capsys: pytest.CaptureFixture[str]) -> None:
    """With --queue a job has the label and is suspended."""
    for job in documents(capsys, "kubernetes", "--queue", "team")[1:]:
        jsonschema.validate(job, schema("kueue"))
    for job in documents(capsys, "kubernetes")[1:]:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(job, schema("kueue"))


def test_a_model_on_this_machine_gets_a_sidecar(capsys: pytest.CaptureFixture[str]) -> None:
    """VLLM with its port, its four GPUs and what --serve-args adds; the client starts when it is healthy."""
    job = named(documents(capsys, "kubernetes", "--serve-args", "Llama_70B=--max-model-len 8192"), "cl-llama")
    pod = job["spec"]["template"]["spec"]
    (server,) = pod["initContainers"]

    assert "Always" == server["restartPolicy"]
    assert [
        "vllm", "serve", "org/Llama-70B", "--port", "8001", "--tensor-parallel-size", "4", "--max-model-len", "8192",
    ] == server["command"]  # fmt: skip
    assert {"nvidia.com/gpu": "4"} == server["resources"]["limits"]
    assert 8001 == server["startupProbe"]["httpGet"]["port"]
    assert "nvidia.com/gpu" not in pod["containers"][0]["resources"]["limits"]


def test_a_model_whose_server_the_run_starts_gets_gpus_and_the_image_with_vllm(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two GPUs for the client's own container, and no sidecar."""
    job = named(documents(capsys, "kubernetes", "--gpu-image", "registry/gpu:1"), "cl-qwen")
    pod = job["spec"]["template"]["spec"]

    assert "initContainers" not in pod
    assert "2" == pod["containers"][0]["resources"]["limits"]["nvidia.com/gpu"]
    assert "registry/gpu:1" == pod["containers"][0]["image"]


def test_shards_are_counted_from_the_first_of_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    """The third model has shards 4 and 5."""
    job = named(documents(capsys, "kubernetes"), "cl-qwen")
    (script,) = job["spec"]["template"]["spec"]["containers"][0]["args"]

    # Kubernetes takes $$ for a dollar.
    assert script.endswith('--shard "$$((4 + JOB_COMPLETION_INDEX))"')
    assert "/suite/suite.yaml --out s3://bucket/run7" in script


@pytest.mark.parametrize("changed", [("", ""), ("\n", "\r\n"), ("name: cl", "name: cl  # é end ")])
def test_the_config_map_holds_the_suite(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, changed: tuple[str, str]
) -> None:
    """Byte by byte, so that the shards have the same hash everywhere."""
    text = SUITE.replace(*changed) if changed[0] else SUITE
    (tmp_path / "s.yaml").write_bytes(text.encode())
    assert text == documents(capsys, "kubernetes")[0]["data"]["suite.yaml"]


@pytest.mark.parametrize("kind", ["kubernetes", "slurm", "rayjob"])
def test_no_key_is_written(capsys: pytest.CaptureFixture[str], kind: str) -> None:
    """Variables are named, and their values are nowhere."""
    more = ("--ray-version", "2.60.0") if kind == "rayjob" else ()
    text = emit(capsys, kind, *more)

    assert KEY not in text
    assert "OPENAI_API_KEY" in text
    assert "HOSTED_KEY" in text


def test_each_job_gets_the_keys_of_its_model_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """From the Secret, by name."""
    jobs = documents(capsys, "kubernetes", "--secret", "team-keys")[1:]
    required = {
        job["metadata"]["name"]: [
            (entry["name"], entry["valueFrom"]["secretKeyRef"]["name"])
            for entry in job["spec"]["template"]["spec"]["containers"][0]["env"]
            if "valueFrom" in entry and not entry["valueFrom"]["secretKeyRef"].get("optional")
        ]
        for job in jobs
    }

    assert [("OPENAI_API_KEY", "team-keys")] == required["cl-gpt"]
    assert [("HOSTED_KEY", "team-keys")] == required["cl-hosted"]
    assert [] == required["cl-qwen"]


def test_the_slurm_script_is_valid_and_has_an_array_for_each_model(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two shards each, of which at most two run at once, and a merge after all."""
    text = emit(capsys, "slurm", "--out", "/scratch/run 7", "--merge", "results", "--parallel", "2")
    arrays = [line for line in text.splitlines() if "--array" in line]

    assert 0 == subprocess.run(["bash", "-n"], input=text.encode(), check=False).returncode
    assert ["#SBATCH --array=0-1%2"] * 4 == arrays
    assert [0, 2, 4, 6] == [int(first) for first in re.findall(r"\$\(\((\d+) \+ SLURM_ARRAY_TASK_ID", text)]
    assert 4 == text.count("--ntasks=1 bench run ")
    assert '#SBATCH --output="/scratch/run 7/logs/%x-%A_%a.log"' in text
    assert "bench runs merge '/scratch/run 7' --out results" in text


def test_the_slurm_script_asks_for_keys_first(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nothing is submitted without them; no sbatch is there that could be called."""
    text = emit(capsys, "slurm", "--out", str(tmp_path / "out"))
    done = subprocess.run(
        ["bash"], input=text, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False
    )

    assert 2 == done.returncode
    assert "OPENAI_API_KEY is not set" in done.stderr


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (("--out", "results"), "a pod's files end with it"),
        (("--env", f"TOKEN={KEY}"), "looks like a key"),
        (("--env", f"NAME={KEY}"), "looks like a key"),
        (("--env", "NAME"), "write NAME=VALUE"),
        (("--namespace", "My Space"), "small letters"),
        (("--image", "an image; rm -rf /"), "without spaces"),
        (("--serve-args", "other=--x"), "not a model of this plan"),
        (("--serve-args", "qwen='x"), "close the quotation marks"),
        (("--cache", "redis://:word-secret@h/0"), "must not hold a password"),
        (("--out", "s3:bucket"), "give a folder, or s3://BUCKET/PREFIX"),
        (("--out", "/data/../tmp", "--claim", "disk"), "a pod's files end with it"),
        (("--out", "/data/r", "--claim", "disk:data"), "starts with / and has no colon"),
    ],
)
def test_what_does_not_fit_is_refused(
    capsys: pytest.CaptureFixture[str], more: tuple[str, ...], problem: str
) -> None:
    """One line, exit 2, and no secret in it."""
    said = emit(capsys, "kubernetes", *more, code=2)

    assert problem in said
    assert KEY not in said
    assert "word-secret" not in said


def test_slurm_has_no_name_for_some_folders(capsys: pytest.CaptureFixture[str]) -> None:
    """A backslash switches Slurm's marks in the names of logs off."""
    assert "with a backslash or a line break" in emit(capsys, "slurm", "--out", "/scratch/a\\b", code=2)


def test_a_suite_with_files_needs_a_volume(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A ConfigMap holds the suite alone; --suite-path says where the pods have it."""
    (tmp_path / "q.jsonl").write_text('{"q": "1+1", "a": 2}\n')
    task = '{name: t, category: c, prompt: "{q}", data: q.jsonl, target: "{a}", scorer: numeric}'
    (tmp_path / "s.yaml").write_text(SUITE.replace("{task: reasoning/arithmetic, limit: 2}", task))

    assert "the file 'q.jsonl'" in emit(capsys, "kubernetes", code=2)
    found = documents(capsys, "kubernetes", "--suite-path", "/data/s.yaml", "--claim", "disk")
    assert ["Job"] * 4 == [each["kind"] for each in found]
    assert "bench run /data/s.yaml" in found[0]["spec"]["template"]["spec"]["containers"][0]["args"][0]


@pytest.mark.parametrize(
    ("parts", "label"),
    [(("cl", "gpt"), "cl-gpt"), (("cl", "gpt-5-2"), "cl-gpt-5-2")],
)
def test_a_plain_name_stays(parts: tuple[str, ...], label: str) -> None:
    """No hash is needed."""
    assert label == dns_label(*parts)


def test_other_names_become_labels_that_differ() -> None:
    """Capitals, slashes, dots, length and a digit at the start: at most 47 characters of a DNS label."""
    names = ["Org/Model", "org/model", "org.model", "x" * 80, "x" * 81, "3-suite", "___"]
    labels = [dns_label(name) for name in names]

    assert len(set(labels)) == len(names)
    for label in labels:
        jsonschema.validate(
            label, {"type": "string", "maxLength": 47, "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$"}
        )
