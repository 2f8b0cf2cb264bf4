"""Three coefficients of a token's cost, on published shapes and on rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gapbench.analysis.cost.gpu_token_cost import RequestShape, fit_token_cost, request_shapes
from gapbench.analysis.economics.published_inputs import load_published_inputs
from gapbench.analysis.frames import load_runs
from gapbench.errors import InputError
from gapbench.values import Attempt

Make = Callable[..., Path]
Attempts = Callable[..., Attempt]
PUBLISHED = [
    RequestShape(
        f"{row['input_tokens']}/{row['output_tokens']}",
        row["input_tokens"],
        row["output_tokens"],
        row["output_tokens"] / row["output_tokens_per_s"],
    )
    for row in load_published_inputs()["shapes"]["points"]
]


def test_five_published_shapes() -> None:
    """Llama 3.3 70B on H200: 161 us in, 116 us out, 0.0706 us out and context; all within 9 %."""
    fit = fit_token_cost(PUBLISHED)

    assert 5 == len(PUBLISHED)
    assert (161, 116, 0.0706) == pytest.approx(
        (fit.input_s * 1e6, fit.output_s * 1e6, fit.context_s * 1e6), rel=2e-3
    )
    assert 0.08 < fit.worst_error < 0.09


def test_without_context_the_fit_misses() -> None:
    """By up to 44 %: one price for a token of any request is not physical."""
    assert 0.44 == pytest.approx(fit_token_cost(PUBLISHED, context=False).worst_error, abs=0.005)


def test_dollars_of_a_token() -> None:
    """At $3.50 a GPU-hour: $0.157 in, $0.113 out, $0.069 out per thousand tokens of context."""
    usd = fit_token_cost(PUBLISHED).usd_per_mtok(3.5)

    assert [0.157, 0.113, 0.069] == pytest.approx(list(usd.values()), abs=5e-4)


def test_a_server_that_obeys_is_found_exactly() -> None:
    """Coefficients 1e-4, 2e-4, 3e-8 come back from four shapes, half of one's input from a cache."""
    sizes = [(100, 100, 0.0), (4000, 100, 0.5), (100, 2000, 0.0), (8000, 500, 0.0)]
    shapes = [
        RequestShape(
            str(k), read, out, 1e-4 * read * (1 - hit) + 2e-4 * out + 3e-8 * out * (read + out / 2), hit
        )
        for k, (read, out, hit) in enumerate(sizes)
    ]
    fit = fit_token_cost(shapes)

    assert (1e-4, 2e-4, 3e-8) == pytest.approx((fit.input_s, fit.output_s, fit.context_s), rel=1e-6)
    assert shapes[1].gpu_s == pytest.approx(fit.gpu_s(4000, 100, 0.5))


def test_too_few_or_alike_shapes_are_refused() -> None:
    """Three are too few; four of one size tell nothing apart."""
    with pytest.raises(InputError, match="at least 4"):
        fit_token_cost(PUBLISHED[:3])
    with pytest.raises(InputError, match="multiples"):
        fit_token_cost([RequestShape(str(k), 100, 100, 1.0) for k in range(4)])


def test_shapes_from_rows(make_run: Make, attempt: Attempts) -> None:
    """Ten requests in a busy 5 s on 2 GPUs are 1 GPU-second each; the load with the most requests counts."""
    given = {"cost": {"gpus": 2, "usd_per_gpu_hour": 3.6}, "runner": "vllm"}
    rows = [
        attempt(
            model_id="open-a",
            sample_id=str(k),
            sent_s=0.0,
            done_s=5.0,
            load_value=value,
            cell_id=f"open-a|c{value}",
        )
        for value, count in ((8.0, 10), (1.0, 2))
        for k in range(count)
    ]
    shapes = request_shapes(load_runs([make_run(rows, open_a=given)]), "open-a")

    assert [RequestShape("reasoning/sums", 1000.0, 100.0, 1.0)] == shapes
