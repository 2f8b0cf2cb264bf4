"""What an open model could take over: tiers by the shape of requests, dollars in each, and personal data by route."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gapbench.analysis.traffic import OpenPrice, TrafficAudit, audit_traffic, figures, read_requests
from gapbench.analysis.traffic.prices import is_open_model, quote_requests
from gapbench.analysis.traffic.text_shapes import read_shape
from gapbench.cli import invoke
from gapbench.pricing import TokenRates, UnitPrices
from gapbench.traffic.identities import IdentityHasher
from gapbench.traffic.recording.text_shape import describe_texts
from tests.traffic_logs import import_files
from tests.traffic_tables import logged, write_table

MONDAY = pd.Timestamp("2026-01-05", tz="UTC")
OPEN = OpenPrice(
    UnitPrices(TokenRates(Decimal(1), Decimal(2)), (), "book", "a list", "host", "open-8b"), "open-8b at host"
)
"""A dollar for a million tokens in, two for a million out."""


def record(
    route: str | None, number: int, reply: str = "Words that answer.", **changes: Any
) -> dict[str, Any]:
    """Return a logged pair: 1,000 tokens in, 300 out, half a dollar, at four times of three days by turns."""
    hour = (0, 8, 16, 23)[number % 4] + 24 * (number // 4 % 3)
    usage = {
        "prompt_tokens": changes.pop("given", 1000),
        "completion_tokens": changes.pop("made", 300),
    }
    message = changes.pop("message", {"content": reply})
    messages = changes.pop(
        "messages", [{"role": "user", "content": f"a question {chr(97 + number % 26) * 5} {route}"}]
    )
    model = changes.pop("model", "gpt-5.2")
    cost = changes.pop("cost_usd", "0.5")
    return {
        "timestamp": (MONDAY + pd.Timedelta(hours=hour, seconds=number)).isoformat(), "provider": "openai", "route": route,
        "cost_usd": cost, "request": {"model": model, "messages": messages, **changes},
        "response": {"id": f"{route}-{number}", "model": model, "choices": [{"message": message}], "usage": usage},
    }  # fmt: skip


def audit_of(
    folder: Path, *records: dict[str, Any], personal_data: bool = False, **options: Any
) -> TrafficAudit:
    import_files(folder, {"log.jsonl": records}, **options)
    frame = read_requests([folder / "traffic.parquet"], personal_data=personal_data)
    return audit_traffic(frame, OPEN, ["traffic.parquet"])


def route_of(audit: TrafficAudit, route: str) -> dict[str, Any]:
    return next(row for row in audit.take_over.routes if row["route"] == route)


TOOL_RESULTS = [
    [{"role": "user", "content": "?"}, {"role": "tool", "tool_call_id": "c", "content": "17"}],
    [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "17"}]}],
    [{"type": "function_call_output", "call_id": "c", "output": "17"}],
]
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/a.png"}}]}]


@pytest.mark.parametrize(
    ("changes", "tier", "reason"),
    [
        ({}, "1", "no sign of hard work"),
        ({"made": 200}, "1", "short answers 100 %"),
        ({"reply": '{"total": 3}'}, "1", "JSON 100 %"),
        ({"response_format": {"type": "json_object"}}, "1", "JSON 100 %"),
        ({"temperature": 0}, "1", "temperature 0 100 %"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "1", "offers tools 100 %"),
        ({"made": 1001}, "2", "long answers 100 %"),
        ({"given": 32_001}, "2", "long context 100 %"),
        ({"messages": IMAGE}, "2", "images 100 %"),
        *(({"messages": messages}, "2", "tool loops 100 %") for messages in TOOL_RESULTS),
    ],
)
def test_the_tier_of_a_route_follows_from_the_shape_of_its_requests(
    tmp_path: Path, changes: dict[str, Any], tier: str, reason: str
) -> None:
    """Replies differ, so that they are no labels; a limit itself is not above it."""
    records = [record("a", number, **{"reply": f"Answer {'x' * number}", **changes}) for number in range(12)]
    row = route_of(audit_of(tmp_path, *records), "a")

    assert (tier, True) == (row["tier"], reason in row["reasons"])


@pytest.mark.parametrize(("hard", "tier"), [(2, "1"), (3, "2")])
def test_a_sign_counts_from_a_fifth_of_the_requests_on(tmp_path: Path, hard: int, tier: str) -> None:
    """2 of 12 are less than 20 %, 3 of 12 are more."""
    records = [
        record("a", number, reply="x" * number, made=2000 if number < hard else 50) for number in range(12)
    ]

    assert tier == route_of(audit_of(tmp_path, *records), "a")["tier"]


def test_few_short_replies_are_labels_and_go_to_a_purpose_built_model(tmp_path: Path) -> None:
    """12 replies of two texts; 12 of three would be one fewer than five of each."""
    two = [record("two", number, reply=("yes", " no\n")[number % 2]) for number in range(12)]
    three = [record("three", number, reply=("a", "b", "c")[number % 3]) for number in range(12)]
    audit = audit_of(tmp_path, *two, *three)

    assert ("3", 1.0) == (route_of(audit, "two")["tier"], route_of(audit, "two")["label_share"])
    assert ("1", 0.0) == (route_of(audit, "three")["tier"], route_of(audit, "three")["label_share"])


def test_labels_are_those_of_the_sample(tmp_path: Path) -> None:
    """The audit and `bench traffic sample` call the same replies labels."""
    from gapbench.traffic.sampling_frame import read_sampling_frame

    draw = np.random.default_rng(5)
    records = [
        record(f"route-{route}", number, reply="x" * int(draw.integers(1, route + 2)))
        for route in range(8)
        for number in range(30)
    ]
    audit = audit_of(tmp_path, *records)
    prompts = read_sampling_frame([tmp_path / "traffic.parquet"]).prompts
    by_sample = {prompt.route for prompt in prompts if prompt.check == "label"}

    assert by_sample == {row["route"] for row in audit.take_over.routes if row["label_share"]}
    assert 1 < len(by_sample)


def test_the_smallest_routes_are_rare_up_to_a_twentieth_of_the_requests_together(tmp_path: Path) -> None:
    """Of 100 requests one route has 2 and one 3: 5 % together. A third one of 4 is one too many."""
    sizes = {"tiny": 2, "small": 3, "fair": 4, "large": 91}
    records = [
        record(route, number, reply=f"{route} {'y' * number}")
        for route, count in sizes.items()
        for number in range(count)
    ]
    audit = audit_of(tmp_path, *records)

    assert {"tiny": "2", "small": "2", "fair": "1", "large": "1"} == {
        row["route"]: row["tier"] for row in audit.take_over.routes
    }
    assert "rare" in route_of(audit, "tiny")["reasons"]


def test_embeddings_go_to_a_purpose_built_model(tmp_path: Path) -> None:
    """They generate nothing."""
    records = [
        {"timestamp": (MONDAY + pd.Timedelta(hours=n)).isoformat(), "route": "vectors",
         "request": {"model": "text-embedding-3-small", "input": f"text {n}", "encoding_format": "float"},
         "response": {"object": "list", "model": "text-embedding-3-small", "usage": {"prompt_tokens": 9, "total_tokens": 9}}}
        for n in range(12)
    ]  # fmt: skip

    assert "3" == route_of(audit_of(tmp_path, *records), "vectors")["tier"]


def test_a_log_that_tells_no_generated_tokens_gives_no_tier(tmp_path: Path) -> None:
    """Nothing is guessed, and requests without a route are shown by model."""
    rows = [
        {"timestamp": (MONDAY + pd.Timedelta(hours=n)).isoformat(),
         "request": {"model": "gpt-5.2", "messages": [{"role": "user", "content": f"{'x' * n}"}]}}
        for n in range(3)
    ]  # fmt: skip

    assert "unknown" == route_of(audit_of(tmp_path, *rows), "no route: gpt-5.2")["tier"]


def test_the_dollars_of_the_tiers_add_up_to_the_month(tmp_path: Path) -> None:
    """12 requests of half a dollar in each of two tiers over three whole days: 12 · 0.5 / 3 · 365.25 / 12 a month each."""
    easy = [record("easy", number, reply="x" * number) for number in range(12)]
    hard = [record("hard", number, made=5000) for number in range(12)]
    audit = audit_of(tmp_path, *easy, *hard)
    rows = {row["tier"]: row for row in audit.take_over.tiers}

    month = 12 * 0.5 / 3 * figures.DAYS_A_MONTH
    assert month == pytest.approx(rows["1"]["usd_a_month"].value)
    assert audit.usd_a_month is not None
    assert audit.usd_a_month.value == pytest.approx(
        sum(row["usd_a_month"].value for row in audit.take_over.tiers)
    )
    # 1,000 tokens in and 300 out at $1 and $2 a million are $0.0016.
    assert 12 * 0.0016 == pytest.approx(rows["1"]["usd_open"])
    assert month * 0.0016 / 0.5 == pytest.approx(rows["1"]["usd_open_a_month"].value)
    assert (0.5, 0.5) == (rows["1"]["request_share"], rows["2"]["usd_share"])


def test_requests_that_an_open_model_answers_already_are_no_candidates(tmp_path: Path) -> None:
    """They have a tier of their own, also within a route."""
    records = [
        record(
            "a",
            number,
            reply="x" * number,
            model=("gpt-5.2", "meta-llama/Llama-3.3-70B-Instruct")[number % 2],
        )
        for number in range(12)
    ]
    audit = audit_of(tmp_path, *records)

    assert {"1": 6, "open": 6} == {row["tier"]: row["requests"] for row in audit.take_over.tiers}


@pytest.mark.parametrize(
    ("provider", "model", "is_open"),
    [
        ("groq", "llama-3.3-70b-versatile", True),
        (None, "Qwen/Qwen3-8B", True),
        ("openrouter", "qwen/qwen-max", False),
        ("aws", "meta.llama3-70b-instruct-v1:0", True),
        ("openai", "gpt-oss-120b", True),
        ("openai", "gpt-5.2", False),
        ("deepseek", "deepseek-chat", True),
        ("google", "gemini-3-pro-preview", False),
        ("google", "gemma-3-27b-it", True),
        ("mistral", "mistral-large-2411", True),
        ("mistral", "mistral-medium-3", False),
        ("anthropic", "claude-opus-4-6", False),
        (None, None, False),
    ],
)
def test_open_models_are_known_by_the_price_book_and_their_names(
    provider: Any, model: Any, is_open: bool
) -> None:
    """Open: the weights can be downloaded, under any license."""
    assert is_open == is_open_model(provider, model)


def test_a_reply_from_a_gateways_cache_costs_nothing_at_an_open_model_either(tmp_path: Path) -> None:
    """One of two requests."""
    records = [{**record("a", 0), "cache_hit": True}, record("a", 1)]
    audit = audit_of(tmp_path, *records)

    assert 0.0016 == pytest.approx(audit.take_over.tiers[0]["usd_open"])


def test_prices_at_the_open_model_are_those_of_the_fleet_plan(tmp_path: Path) -> None:
    """One function prices them."""
    import_files(tmp_path, {"log.jsonl": [record("a", number, reply="x" * number) for number in range(12)]})
    frame = read_requests([tmp_path / "traffic.parquet"])
    audit = audit_traffic(frame, OPEN)

    assert quote_requests(frame, OPEN.quote).sum() == pytest.approx(audit.take_over.tiers[0]["usd_open"])


PLANTED = {
    "mail": ("email", "anna.meier@kunde.de"),
    "account": ("iban", "DE89 3704 0044 0532 0130 00"),
    "card": ("card", "4111 1111 1111 1111"),
}


def planted_records() -> list[dict[str, Any]]:
    """Return four requests of each route; half of them have personal data, in the prompt, the reply or a call."""
    records = []
    for route, (_, text) in PLANTED.items():
        call = {
            "id": "c",
            "type": "function",
            "function": {"name": "f", "arguments": json.dumps({"a": f"to\n{text}"})},
        }
        records += [
            record(route, 0, messages=[{"role": "user", "content": f"My number\n{text}\nplease"}]),
            record(route, 1, message={"content": None, "tool_calls": [call]}),
            record(route, 2),
            record(route, 3),
        ]
    return [*records, *(record("none", number) for number in range(4))]


def test_personal_data_is_counted_by_route_and_kind(tmp_path: Path) -> None:
    """2 of 4 requests on three routes, none on the fourth."""
    audit = audit_of(tmp_path, *planted_records(), personal_data=True)

    assert audit.personal_data is not None
    total, *routes = audit.personal_data
    assert (16, 16, 6, 6 / 16) == tuple(
        total[key] for key in ("requests", "requests_with_text", "requests_with_any", "personal_data_share")
    )
    shares = {row["route"]: row["personal_data_share"] for row in routes}
    assert {"mail": 0.5, "account": 0.5, "card": 0.5, "none": 0.0} == shares
    for row in routes:
        kind = PLANTED.get(row["route"], ("", ""))[0]
        assert {
            name: 2 if name == f"{kind}_requests" else 0
            for name in ("email_requests", "iban_requests", "card_requests", "phone_requests", "secret_requests")
        } == {name: row[name] for name in ("email_requests", "iban_requests", "card_requests", "phone_requests", "secret_requests")}  # fmt: skip
    assert 0.5 == route_of(audit, "mail")["personal_data_share"]


def test_a_secret_that_the_import_removed_is_flagged(tmp_path: Path) -> None:
    """Its mark is in the table."""
    secret = record("a", 0, messages=[{"role": "user", "content": f"key AKIA{'A1B2C3D4' * 2}"}])
    audit = audit_of(tmp_path, secret, record("a", 1), personal_data=True)

    assert audit.personal_data is not None
    assert 1 == audit.personal_data[0]["secret_requests"]


def test_without_texts_personal_data_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is not nothing: no table, no column, and a sentence."""
    audit = audit_of(tmp_path, *planted_records(), personal_data=True, keep_texts=False)

    assert audit.personal_data is not None
    assert (None, None) == (
        audit.personal_data[0]["requests_with_any"],
        route_of(audit, "mail")["personal_data_share"],
    )
    assert 0 == invoke(["traffic", "audit", str(tmp_path / "traffic.parquet"), "--personal-data"])
    out = " ".join(capsys.readouterr().out.split())
    assert "Sensitivity of the data: not known, no text is stored." in out
    assert "Personal data: requests" not in out
    assert "these tables have no prompts: first import the log with its texts" in out


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    import_files(tmp_path, {"log.jsonl": planted_records()})
    return Path("traffic.parquet")


def test_no_output_has_what_was_found(planted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Counts alone: not in the terminal, Markdown, the page or JSON."""
    assert 0 == invoke(
        ["traffic", "audit", str(planted), "--personal-data", "--md", "a.md", "--html", "a.html"]
    )
    said = [capsys.readouterr().out, Path("a.md").read_text(), Path("a.html").read_text()]
    assert 0 == invoke(["traffic", "audit", str(planted), "--personal-data", "--json"])
    said.append(capsys.readouterr().out)

    for text in said:
        for _, value in PLANTED.values():
            assert value not in text
            assert value.replace(" ", "") not in text
        assert not any(part in text for part in ("anna", "kunde", "0532", "4111"))
    assert "2 (50.0 %)" in said[1]
    assert "50.0 %" in said[2]


def test_the_audit_ends_with_what_an_open_model_could_take_over(
    planted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last lines are the commands that check it, and the beginning has the answer; every output has the same figures."""
    assert 0 == invoke(["traffic", "audit", str(planted), "--md", "a.md", "--html", "a.html"])
    out = capsys.readouterr().out
    words = " ".join(out.split())

    assert (
        "By shape alone, an open model could take over 4 of 4 routes: 100.0 % of the requests" in words[:600]
    )
    assert "A tier here is a candidate by shape only: no answer was compared" in words
    assert out.rstrip().splitlines()[-5].endswith("bench traffic sample traffic.parquet --out my-suite.yaml")
    assert out.rstrip().endswith("bench tiers results/RUN --guarantee 1pp@95%")
    # 16 requests of $0.50 on one day: 8 · 365.25 / 12 = $243.50.
    for text in (out, Path("a.md").read_text(), Path("a.html").read_text()):
        assert "$244" in text
        assert "candidate by shape only" in " ".join(text.split())
    assert all(len(line) <= 80 for line in out.splitlines())
    assert 0 == invoke(["traffic", "audit", str(planted), "--json"])
    document = json.loads(capsys.readouterr().out)
    (row,) = document["take_over"]["tiers"]
    assert document["lines"] == [" ".join(line.split()) for line in document["lines"]]
    assert all(line in words for line in (*document["lines"], *document["commands"][:1]))
    assert (1, 16) == (document["schema"], row["requests"])
    assert isinstance(row["tokens"], int)
    assert "1" == row["tier"]
    assert 8 * 365.25 / 12 == pytest.approx(row["usd_a_month"]["value"])


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("options", [[], ["--personal-data"]])
def test_the_dollars_of_each_route_are_never_left_out(
    planted: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: int,
    options: list[str],
) -> None:
    """16 requests of $0.50 on a day, 4 of each route: $2 x 365.25 / 12 = $60.88. What describes a route stands below."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert 0 == invoke(["traffic", "audit", str(planted), *options])
    table = capsys.readouterr().out.partition("Each route by the shape of its requests")[2].splitlines()
    heading = next(line for line in table if line.startswith("route"))

    assert "now $ a month" in heading
    assert "open $ a month" in heading
    assert 4 == sum("$60.88" in line for line in table[:12])
    assert any(line.startswith("card: ") for line in table)
    assert all(len(line) <= columns for line in table)


@pytest.mark.parametrize(
    ("hosted", "message"),
    [
        ("groq", "found --hosted 'groq'; write PROVIDER/MODEL"),
        ("groq/nothing-1b", "--hosted groq/nothing-1b: "),
    ],
)
def test_an_open_model_without_a_price_is_refused(
    planted: Path, capsys: pytest.CaptureFixture[str], hosted: str, message: str
) -> None:
    """One line, exit 2."""
    assert 2 == invoke(["traffic", "audit", str(planted), "--hosted", hosted])
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_the_named_open_model_is_priced(planted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its provider and name are in the note."""
    assert 0 == invoke(["traffic", "audit", str(planted), "--hosted", "novita/qwen/qwen-2.5-72b-instruct"])
    assert "qwen/qwen-2.5-72b-instruct at novita" in " ".join(capsys.readouterr().out.split())


def shaped(
    at_s: float, text: str, hasher: IdentityHasher, roles: tuple[str, ...] = ("user",), **changes: Any
) -> Any:
    """Return a row of a recording without texts, and the prompt that its hashes are of."""
    messages = [{"role": role, "content": text} for role in roles]
    shape = describe_texts({"messages": messages, "tools": changes.pop("tools", None)}, hasher)
    return logged(at_s, model_asked="gpt-5.2", model_served="gpt-5.2", provider="openai", image_count=0,
                  text_shape=json.dumps(shape), **{"input_tokens": 4000, **changes})  # fmt: skip


def test_shapes_tell_what_a_cache_could_read(tmp_path: Path) -> None:
    """20 prompts of three starts: as far as earlier prompts are the same, in blocks of 512 characters, part blocks whole."""
    draw = np.random.default_rng(11)
    hasher = IdentityHasher()
    starts = [chr(97 + number) * 3000 for number in range(3)]
    texts = [
        f"{starts[draw.integers(3)][: int(draw.integers(600, 3000))]}|{'z' * int(draw.integers(1000))}"
        for _ in range(20)
    ]
    write_table(
        tmp_path / "t.parquet", [shaped(60.0 * place, text, hasher) for place, text in enumerate(texts)]
    )
    frame = read_requests([tmp_path / "t.parquet"])
    prompts = [f"\nuser\n{text}" for text in texts]
    expected = []
    for place, prompt in enumerate(prompts):
        shared = 0
        for other in prompts[:place]:
            pairs = enumerate(zip(prompt, other, strict=False))
            same = next((at for at, (one, two) in pairs if one != two), min(len(prompt), len(other)))
            shared = max(shared, same // 512)
        # A prompt's last hash is of its last whole 64 characters; it may be shared too.
        ends = range(512, len(prompt) // 64 * 64 + 1, 512)
        last = len(prompt) // 64 * 64
        if last % 512 and any(
            other[:last] == prompt[:last] and len(other) // 64 * 64 == last for other in prompts[:place]
        ):
            shared = len(ends) + 1
        chars = (shared + 1) * 512 if shared else 0
        tokens = int(4000 * min(1.0, chars / len(prompt)))
        expected.append(tokens if tokens >= 512 else 0)
    audit = audit_traffic(frame)

    from gapbench.analysis.traffic.prefixes import shared_tokens

    assert expected == [int(one) for one in shared_tokens(frame, frame["model_served"])]
    assert sum(expected) / (20 * 4000) == pytest.approx(audit.total["cacheable_share"])
    assert audit.total["usd_cache_saving"] > 0
    assert audit.total["near_duplicate_share"] is None


def test_shapes_tell_tools_loops_and_retries(tmp_path: Path) -> None:
    """A request with tools, one with a tool's result, and one that repeats a failed one's prompt."""
    hasher = IdentityHasher()
    rows = [
        shaped(0, "a" * 900, hasher, tools=[{"name": "f"}]),
        shaped(1, "b" * 900, hasher, roles=("user", "tool")),
        shaped(2, "c" * 900, hasher, error="busy"),
        shaped(3, "c" * 900, hasher),
    ]
    write_table(tmp_path / "t.parquet", rows)
    frame = read_requests([tmp_path / "t.parquet"])

    assert [0.25] * 3 == [
        figures.tool_share(frame),
        figures.tool_loop_share(frame),
        figures.retry_share(frame),
    ]


@pytest.mark.parametrize(
    "text",
    [
        None, "", "null", "[]", "{", "17", '{"prompt_chars": -1, "messages": [], "blocks": []}',
        '{"prompt_chars": 9, "messages": 3, "blocks": []}', '{"prompt_chars": true, "messages": [], "blocks": []}',
        '{"reply_chars": 9}',
    ],
)  # fmt: skip
def test_what_is_no_shape_of_a_prompt_is_none(text: Any) -> None:
    """It comes from a file."""
    assert read_shape(text) is None


@pytest.mark.parametrize("blocks", [["zz"], [17], ["0" * 100], [None], [{"a": 1}]])
def test_hashes_that_are_none_leave_the_rest_of_the_shape(blocks: list[Any]) -> None:
    """Lengths and roles still count; a long hash is cut to 64 bits."""
    text = json.dumps({
        "prompt_chars": 600, "tools_chars": 0, "messages": [{"role": "user", "chars": 590}], "block_chars": 512, "blocks": blocks,
    })  # fmt: skip
    shape = read_shape(text)

    assert shape is not None
    assert 600 == shape.prompt_chars
    assert len(shape.prefix_hashes) <= 1


def test_a_table_from_before_there_were_shapes_is_read(tmp_path: Path) -> None:
    """The column is missing."""
    import pyarrow.parquet as pq

    path = write_table(tmp_path / "t.parquet", [logged(0.0, messages=[{"role": "user", "content": "?"}])])
    table = pq.read_table(path).drop_columns(["text_shape"])
    pq.write_table(table, path)

    assert 1 == len(read_requests([path]))


def test_the_days_of_a_tier_are_those_of_the_log(tmp_path: Path) -> None:
    """A route that is used on one day of three is a third of a request a day, not one."""
    busy = [record("busy", number, reply="x" * number) for number in range(12)]
    once = record("hard", 0, made=5000)
    rows = {row["tier"]: row for row in audit_of(tmp_path, *busy, once).take_over.tiers}

    assert 0.5 / 3 * figures.DAYS_A_MONTH == pytest.approx(rows["2"]["usd_a_month"].value)
    assert rows["2"]["usd_a_month"].low == 0.0
