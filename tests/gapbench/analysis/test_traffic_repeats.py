"""What repeats in traffic: near-duplicates of prompts, and starts of prompts that a cache could read."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gapbench.analysis.traffic import audit_traffic, figures, read_requests
from gapbench.analysis.traffic.duplicates import hash_templates, is_near_duplicate
from gapbench.analysis.traffic.prefixes import BLOCK_CHARS, hash_blocks, shared_tokens
from gapbench.cli import invoke
from gapbench.pricing import UnitPrices, find_price
from tests.traffic_logs import NOON_S, import_files

MONDAY = pd.Timestamp("2026-01-05", tz="UTC")
HOUR = pd.Timedelta(hours=1)


def templates(*prompts: str | None) -> list[int]:
    return [int(one) for one in hash_templates(pd.Series([*prompts], dtype=object))]


@pytest.mark.parametrize(
    "other",
    [
        "where is order 8-XK-99?",
        "Where is order 17!",
        "where\nis  ORDER 2026-01-31T12:00:00Z",
        "Where is order a1b2c3d4-0000-4711-8888-0123456789ab?",
    ],
)
def test_case_punctuation_spaces_and_words_with_a_digit_do_not_count(other: str) -> None:
    """Order numbers, dates and ids make no other question."""
    one, two = (json.dumps([{"role": "user", "content": text}]) for text in ("Where is order 17?", other))

    assert templates(one)[0] == templates(two)[0] != 0


@pytest.mark.parametrize(
    "other", ["Where is the order 17?", "Where is order seventeen?", "Wo ist Bestellung 17?"]
)
def test_other_words_are_another_prompt(other: str) -> None:
    """Only what is without letters, or has a digit, is left out."""
    assert templates("Where is order 17?") != templates(other)


def test_letters_of_every_script_count() -> None:
    """Two questions in Chinese are two, and one without a stored prompt is none."""
    first, second, none = templates("订单17在哪里", "订单17怎么取消", None)

    assert first != second
    assert none == 0


def test_the_share_of_near_duplicates_leaves_out_the_first_and_what_is_unknown(tmp_path: Path) -> None:
    """Of four prompts two repeat the first but for the number; embeddings have no prompt."""
    records = [
        prompt_record(MONDAY + number * HOUR, text)
        for number, text in enumerate(("order 1", "order 2", "hello", "ORDER 3"))
    ]
    frame = frame_of(
        tmp_path,
        *records,
        {"time": MONDAY.isoformat(), "model": "m", "input": "x", "dimensions": 9, "id": "e"},
    )

    assert 2 / 4 == audit_traffic(frame).total["near_duplicate_share"]


def prompt_record(
    at: pd.Timestamp,
    text: str,
    *,
    model: str = "gpt-5.2",
    tokens: int = 4096,
    cached: int = 0,
    **changes: Any,
) -> dict[str, Any]:
    """Return a logged pair; its prompt is padded so that the JSON of its messages has as many characters as it has tokens."""
    frame_chars = len('[{"role":"user","content":""}]')
    content = text[: tokens - frame_chars].ljust(tokens - frame_chars, "x")
    return {
        "timestamp": at.isoformat(), "provider": "openai", "route": "support", "cost_usd": "0.5",
        "request": {"model": model, "messages": [{"role": "user", "content": content}]},
        "response": {
            "id": f"r-{at.isoformat()}-{text[:9]}-{model}", "model": model, "choices": [{"message": {"content": "Hi"}}],
            "usage": {"prompt_tokens": tokens, "completion_tokens": 50, "prompt_tokens_details": {"cached_tokens": cached}},
        },
        **changes,
    }  # fmt: skip


def frame_of(folder: Path, *records: dict[str, Any]) -> pd.DataFrame:
    import_files(folder, {"log.jsonl": records})
    return read_requests([folder / "traffic.parquet"])


def shared(folder: Path, *records: dict[str, Any]) -> list[int | None]:
    frame = frame_of(folder, *records)
    found = shared_tokens(frame, frame["model_served"])
    return [None if pd.isna(one) else int(one) for one in found]


START = "s" * 2000
"""With the 28 characters of JSON before it, three whole blocks of 512 and a part of the fourth."""


def test_the_start_that_an_earlier_prompt_had_is_shared_up_to_the_block_in_which_they_part(
    tmp_path: Path,
) -> None:
    """2,027 characters are the same, of as many tokens: 4 blocks of 512, the last one counted as a whole."""
    first, second = prompt_record(MONDAY, START + "A"), prompt_record(MONDAY + HOUR, START + "B")

    assert [0, 4 * 512] == shared(tmp_path, first, second)


def test_a_repeated_prompt_is_shared_as_a_whole(tmp_path: Path) -> None:
    """Not more than its tokens."""
    assert [0, 4096] == shared(tmp_path, prompt_record(MONDAY, "A"), prompt_record(MONDAY + HOUR, "A"))


@pytest.mark.parametrize(
    ("hours", "changes", "expected"),
    [
        (24, {}, 4096),
        (25, {}, 0),
        (1, {"model": "gpt-5.1"}, 0),
        (1, {"tokens": 511}, 0),
        (1, {"cache_hit": True}, None),
    ],
)
def test_what_a_cache_cannot_read_is_not_shared(
    tmp_path: Path, hours: int, changes: dict[str, Any], expected: int | None
) -> None:
    """After 24 hours, for another model, of less than 512 tokens; what a gateway answers is not asked."""
    first = prompt_record(MONDAY, "A", **{key: value for key, value in changes.items() if key == "tokens"})

    assert [0, expected] == shared(tmp_path, first, prompt_record(MONDAY + hours * HOUR, "A", **changes))


def test_without_texts_what_is_shared_is_unknown(tmp_path: Path) -> None:
    """It is not nothing."""
    import_files(tmp_path, {"log.jsonl": [prompt_record(MONDAY, "A")]}, keep_texts=False)
    audit = audit_traffic(read_requests([tmp_path / "traffic.parquet"]))

    assert (None, None, None) == tuple(
        audit.total[key] for key in ("cacheable_share", "usd_cache_saving", "near_duplicate_share")
    )
    assert audit.cache_saving_a_month is None


@given(st.text(max_size=3000), st.text(max_size=600), st.text(max_size=600))
def test_hashes_of_blocks_are_equal_as_far_as_the_texts_are(start: str, one: str, two: str) -> None:
    """Against a comparison of the texts, block by block."""
    first, second = hash_blocks(start + one), hash_blocks(start + two)
    count = min(len(first), len(second))
    blocks = [
        slice(0, min((at + 1) * BLOCK_CHARS, max(len(start + one), len(start + two)))) for at in range(count)
    ]
    expected = [(start + one)[part] == (start + two)[part] for part in blocks]

    assert expected == list(first[:count] == second[:count])


def test_the_saving_is_the_price_of_new_tokens_less_that_of_cache_reads(tmp_path: Path) -> None:
    """The second request could read 4,096 tokens and read 1,000: 3,096 at the difference of the two rates."""
    audit = audit_traffic(
        frame_of(tmp_path, prompt_record(MONDAY, "A"), prompt_record(MONDAY + HOUR, "A", cached=1000))
    )
    price = find_price("openai", "gpt-5.2", MONDAY.date())
    assert isinstance(price, UnitPrices)
    assert price.rates.cached_input is not None
    saving = 3096 * (price.rates.input - price.rates.cached_input) / 1_000_000

    assert saving == audit.total["usd_cache_saving"]
    assert (4096 / 8192, 1000 / 8192) == (audit.total["cacheable_share"], audit.total["cache_share"])
    assert float(saving / audit.total["usd_booked"]) == pytest.approx(audit.total["cache_saving_share"])


def saving(
    model: str, provider: str, cacheable: int, **counts: int
) -> tuple[UnitPrices, dict[str, int], Decimal]:
    """Return a model's price, some counts of 4,096 tokens, and what they would save."""
    from gapbench.analysis.traffic.prices import _saving

    price = find_price(provider, model, MONDAY.date())
    assert isinstance(price, UnitPrices)
    every = {"input_tokens": 4096, "output_tokens": 5, "cached_input_tokens": 0, "cache_write_tokens": 0, "cache_write_1h_tokens": 0}  # fmt: skip
    every |= counts
    return price, every, _saving(price, every, cacheable, price.usd(**every))


def test_tokens_that_were_written_to_the_cache_are_read_instead() -> None:
    """Of 4,096 tokens 3,000 were written, 1,000 of them for an hour; all of them could be read."""
    price, counts, found = saving(
        "claude-opus-4-6", "anthropic", 4096, cache_write_tokens=3000, cache_write_1h_tokens=1000
    )

    assert (
        price.usd(**counts) - price.usd(input_tokens=4096, output_tokens=5, cached_input_tokens=4096) == found
    )


def test_what_is_read_from_the_cache_already_saves_nothing_more() -> None:
    """4,000 are, and 3,000 could be by the text."""
    assert 0 == saving("gpt-5.2", "openai", 3000, cached_input_tokens=4000)[2]


def test_sharing_equals_a_search_in_all_earlier_prompts(tmp_path: Path) -> None:
    """60 random prompts of three starts and two models over three days, against comparing each with all before it."""
    draw = np.random.default_rng(3)
    starts = [str(number) * 1500 for number in range(3)]
    records, texts = [], []
    for number in range(60):
        start = starts[draw.integers(3)][: int(draw.integers(300, 1500))]
        at = MONDAY + pd.Timedelta(minutes=70 * number)
        records.append(
            prompt_record(
                at, f"{start}|{number % 5}", model=("gpt-5.2", "gpt-5.1")[draw.integers(2)], tokens=2048
            )
        )
        texts.append(
            (
                at,
                records[-1]["request"]["model"],
                json.dumps(records[-1]["request"]["messages"], separators=(",", ":")),
            )
        )
    expected = []
    for number, (at, model, text) in enumerate(texts):
        blocks = 0
        for before, other_model, other in texts[:number]:
            if other_model == model and (at - before) <= 24 * HOUR:
                same = next(
                    (i for i, (a, b) in enumerate(zip(text, other, strict=True)) if a != b), len(text)
                )
                blocks = max(blocks, same // BLOCK_CHARS)
        tokens = min(2048, (blocks + 1) * BLOCK_CHARS) if blocks else 0
        expected.append(tokens if tokens >= 512 else 0)

    assert expected == shared(tmp_path, *records)


def test_the_audit_tells_what_caching_would_save_and_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three whole days; only the route `search` repeats its prompt."""
    monkeypatch.setenv("COLUMNS", "80")
    records = []
    for day in range(3):
        for hour in (0, 8, 23):
            at = MONDAY + pd.Timedelta(hours=24 * day + hour)
            records += [
                prompt_record(at, "same", route="search"),
                prompt_record(at, f"{at}", route="support"),
            ]
    frame_of(tmp_path, *records)
    table, page = str(tmp_path / "traffic.parquet"), tmp_path / "audit.html"

    assert 0 == invoke(["traffic", "audit", table, "--html", str(page)])
    out = capsys.readouterr().out
    assert "Better caching would save at most $" in out
    assert "100.0 % of that on the route search." in " ".join(out.split())
    # A command is never wrapped, so that it can be copied.
    assert all(len(line) <= 80 for line in out.splitlines() if not line.startswith("  bench "))
    html = page.read_text()
    assert "Better caching would save at most $" in html
    assert '<section id="traffic_caching">' in html
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "")


def test_what_a_log_names_is_escaped_on_the_page(tmp_path: Path) -> None:
    """A route is text, whatever is in it."""
    from gapbench.report.traffic_page import traffic_page

    page = traffic_page(
        audit_traffic(frame_of(tmp_path, prompt_record(MONDAY, "A", route="<script>alert(1)</script>")))
    )

    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_simulated_traffic_is_marked_on_the_page(tmp_path: Path) -> None:
    """Principle 7."""
    from gapbench.report.traffic_page import traffic_page

    frame = frame_of(tmp_path, prompt_record(MONDAY, "A")).assign(simulated=True)

    assert 'class="tag">SIMULATED' in traffic_page(audit_traffic(frame))


def test_shares_are_none_over_nothing() -> None:
    """No request tells."""
    frame = pd.DataFrame({
        "is_near_duplicate": pd.Series([pd.NA], dtype="boolean"), "cacheable_tokens": pd.Series([pd.NA], dtype="Int64"),
        "input_tokens": pd.Series([9], dtype="Int64"), "cached_input_tokens": pd.Series([0], dtype="Int64"),
        "usd_cache_saving": [None], "usd_booked": [None],
    })  # fmt: skip

    assert [None] * 3 == [
        figures.near_duplicate_share(frame),
        figures.cacheable_share(frame),
        figures.cache_saving_share(frame),
    ]


def test_prompts_without_their_earlier_turns_repeat_nothing(tmp_path: Path) -> None:
    """Two times "go on" after turns that are not in the log: unknown, not a near-duplicate; of the two others one is."""

    def asked(text: str, previous: str | None) -> dict[str, Any]:
        return {
            "request": {"model": "gpt-5.2", "input": text, "previous_response_id": previous},
            "time": NOON_S,
        }

    log = [asked("go on", "resp_a"), asked("go on", "resp_b"), asked("hello", None), asked("hello", None)]
    _, report = import_files(tmp_path, {"log.jsonl": log})
    frame = read_requests([Path(report.table)])

    assert [None, None, False, True] == is_near_duplicate(frame).astype(object).where(
        lambda one: one.notna(), None
    ).tolist()
    assert [0, 0] == frame["prompt_hash"].tolist()[:2]
    assert frame["is_tool_loop"].isna().tolist() == [True, True, False, False]
