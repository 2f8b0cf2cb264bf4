"""The sample browser's data: packed, bounded, and unable to say anything but text."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from gapbench.analysis.samples import collect_samples
from gapbench.report import html, sample_browser
from gapbench.values import Attempt
from tests.episode_runs import write_episode_run

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]


def opened(block: str) -> Any:
    return orjson.loads(gzip.decompress(base64.b64decode(block)))


def test_the_index_says_how_each_model_did(make_run: Make, attempt: Attempts) -> None:
    """One request, right for one model and wrong for the other."""
    run = make_run([attempt(model_id="closed-a"), attempt(model_id="open-b", outcome="wrong")])

    index = opened(sample_browser.pack_samples(collect_samples([run]), [run]).index)

    assert ["closed-a", "open-b"] == index["models"]
    assert [[0, 0, "1", 0, "c8", ["correct", "wrong"], [1.0, 0.0]]] == index["items"]


def test_a_model_that_was_not_asked_is_null(make_run: Make, attempt: Attempts) -> None:
    """Each model has a request of its own."""
    run = make_run([attempt(model_id="closed-a", sample_id="1"), attempt(model_id="open-b", sample_id="2")])

    index = opened(sample_browser.pack_samples(collect_samples([run]), [run]).index)

    assert [["correct", None], [None, "correct"]] == [item[5] for item in index["items"]]


def test_texts_come_in_blocks(make_run: Make, attempt: Attempts) -> None:
    """Five requests in blocks of two: three blocks."""
    run = make_run([attempt(sample_id=str(n)) for n in range(5)])

    blocks = sample_browser.pack_samples(collect_samples([run]), [run], block_items=2).blocks

    assert [2, 2, 1] == [len(opened(block)) for block in blocks]


def test_a_long_text_keeps_its_ends() -> None:
    """The middle is left out and counted: 30,000 characters less twice 10,000."""
    cut = sample_browser._shorten("a" * 15_000 + "b" * 15_000)

    assert cut is not None
    assert cut.startswith("a" * 10_000 + "\n[… 10,000 characters left out")
    assert cut.endswith("b" * 10_000)


def test_an_image_that_is_gone_is_counted(tmp_path: Path) -> None:
    """One in media/, one not."""
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "abc").write_bytes(b"png")

    assert ({"abc": base64.b64encode(b"png").decode()}, 1) == sample_browser._media(
        {"abc": None, "gone": None}, [tmp_path]
    )


def test_the_policy_lets_the_one_script_run(run: Path) -> None:
    """Its hash is that of the script in the page, and nothing else may be loaded."""
    page = html.html_report([run])
    script = page.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()

    assert (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'" in page
    )


def test_a_page_without_samples_has_no_script(run: Path) -> None:
    """Nothing may run on it."""
    page = html.html_report([run], most_samples=0)

    assert "<script" not in page
    assert "script-src 'none'" in page


def test_an_episode_is_packed_by_turns(tmp_path: Path) -> None:
    """With the prompt that it began with, and an error as one."""
    run = write_episode_run(tmp_path / "run", result="bad \x1b[31mred")

    text = opened(sample_browser.pack_samples(collect_samples([run]), [run]).blocks[0])[0]

    call = text["a"][0]["s"]["turns"][0]["calls"][0]
    assert ["system", "user"] == [turn["o"] for turn in text["m"]]
    assert ("bad red", True) == (call["result"], call["is_error"])


def test_every_kind_of_part_is_packed() -> None:
    """A prompt with a call, its result and a document has a text for each."""
    parts: list[dict[str, Any]] = [
        {"tool_call": {"id": "c", "name": "find", "arguments": "{}"}},
        {"tool_result": {"call_id": "c", "name": "find", "content": "no", "is_error": True}},
        {"document_sha256": "ab" * 32, "media_type": "application/pdf", "name": "a.pdf"},
    ]

    packed = [sample_browser._part(part) for part in parts]

    assert ["call find", "error find", "document"] == [part["k"] for part in packed]
    assert ["{}", "no"] == [part["t"] for part in packed[:2]]
