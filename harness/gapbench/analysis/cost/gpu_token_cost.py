"""The cost of an input and an output token of a self-hosted model: three coefficients fitted on measured shapes (M6).

    t = a n_in (1 - hit) + b n_out + c n_out (n_in + n_out / 2)

t is the GPU-seconds of a request: reading the prompt, writing the answer, and for each written token attending to the
tokens before it (on average the prompt and half the answer). With only two coefficients the fit misses five published
shapes of one model by up to 44 %; with the third, all are within 9 %.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gapbench.analysis.cost.gpu_cells import busy_seconds
from gapbench.analysis.frames import Runs, as_floats, group_rows
from gapbench.errors import InputError
from gapbench.pricing import GpuPrice, Quote
from gapbench.stats import Floats

MIN_SHAPES = 4
_NEEDED = ("sent_s", "done_s", "input_tokens", "cached_input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class RequestShape:
    """Requests of one size, and the GPU time that one of them takes at full load.

    Attributes:
        name: Name of the shape, such as the task.
        input_tokens: Mean per request.
        output_tokens: Mean per request.
        gpu_s: GPU-seconds per request: GPUs over completed requests per second.
        cached_share: Share of the input served from a cache, 0 to 1.
    """

    name: str
    input_tokens: float
    output_tokens: float
    gpu_s: float
    cached_share: float = 0.0


@dataclass(frozen=True)
class TokenCostFit:
    """Fitted GPU time per token.

    Attributes:
        input_s: GPU-seconds per uncached input token (a).
        output_s: GPU-seconds per output token (b).
        context_s: GPU-seconds per output token and token before it (c).
        frame: One row for each shape: ``name`` ``input_tokens`` ``output_tokens`` ``gpu_s`` (measured)
            ``fitted_gpu_s`` ``error`` (fitted over measured, minus one).
        worst_error: Largest absolute error.
    """

    input_s: float
    output_s: float
    context_s: float
    frame: pd.DataFrame
    worst_error: float

    def gpu_s(self, input_tokens: float, output_tokens: float, cached_share: float = 0.0) -> float:
        """Return GPU-seconds of a request."""
        row = _row(input_tokens, output_tokens, cached_share)
        return float(np.dot(row, [self.input_s, self.output_s, self.context_s]))

    def usd_per_mtok(self, usd_per_gpu_hour: float) -> dict[str, float]:
        """Return USD per million input tokens, per million output tokens, and per million output tokens and 1,000 of context."""
        second = usd_per_gpu_hour / 3600 * 1e6
        return {
            "input": self.input_s * second,
            "output": self.output_s * second,
            "output_per_1k_context": self.context_s * 1000 * second,
        }


def fit_token_cost(shapes: Sequence[RequestShape], *, context: bool = True) -> TokenCostFit:
    """Return the non-negative least squares fit on relative error.

    Args:
        shapes: At least four, of different sizes.
        context: Whether to fit the third coefficient; without it the fit is linear in tokens.

    Raises:
        InputError: There are too few shapes, or their sizes do not determine the coefficients.
    """
    if len(shapes) < MIN_SHAPES:
        raise InputError(
            f"found {len(shapes)} shapes; the three coefficients need at least {MIN_SHAPES} sizes of request"
        )
    measured = np.array([shape.gpu_s for shape in shapes])
    terms = np.array([_row(shape.input_tokens, shape.output_tokens, shape.cached_share) for shape in shapes])
    terms = terms if context else terms[:, :2]
    relative = terms / measured[:, np.newaxis]
    # Normalize the columns first: the third is thousands of times larger than the others.
    size = np.linalg.norm(relative, axis=0)
    if (size == 0).any() or np.linalg.matrix_rank(relative / size, tol=1e-6) < terms.shape[1]:
        raise InputError("the shapes are multiples of each other; measure short and long prompts and answers")
    found = fit_without_negatives(relative / size, np.ones(len(shapes))) / size
    fitted: Floats = terms @ found
    error = fitted / measured - 1
    frame = pd.DataFrame(
        {
            "name": [shape.name for shape in shapes],
            "input_tokens": [shape.input_tokens for shape in shapes],
            "output_tokens": [shape.output_tokens for shape in shapes],
            "gpu_s": measured,
            "fitted_gpu_s": fitted,
            "error": error,
        }
    )
    third = float(found[2]) if context else 0.0
    return TokenCostFit(float(found[0]), float(found[1]), third, frame, float(np.abs(error).max()))


def fit_without_negatives(columns: Floats, target: Floats) -> Floats:
    """Return the coefficients, none below 0, with the least squared error; the columns are few and independent.

    The best coefficients are those of the plain fit with the columns that they use, so every choice of columns is tried. scipy's
    ``nnls`` finds the same, but importing it takes a quarter of a second at the end of every report.
    """
    count = columns.shape[1]
    best, least = np.zeros(count), float(target @ target)
    for used in itertools.product((False, True), repeat=count):
        found = np.zeros(count)
        chosen = np.array(used)
        found[chosen] = np.linalg.lstsq(columns[:, chosen], target)[0]
        error = float(np.square(columns @ found - target).sum())
        if (found >= 0).all() and error < least:
            best, least = found, error
    return best


def _row(input_tokens: float, output_tokens: float, cached_share: float) -> list[float]:
    before = input_tokens + output_tokens / 2
    return [input_tokens * (1 - cached_share), output_tokens, output_tokens * before]


def request_shapes(runs: Runs, model_id: str) -> list[RequestShape]:
    """Return a shape for each task of a self-hosted model, at the load with the most requests per second.

    Only a saturated server shows how much GPU time a request takes: a single request leaves most of a GPU idle.

    Args:
        runs: The runs.
        model_id: A model whose ``cost`` names its GPUs.
    """
    cost: dict[str, Any] = dict(runs.model(model_id).cost or {})
    gpus = float(cost.get("gpus", 1))
    frame = runs.model_frame(model_id, ["sent_s"])
    sent_s, done_s, read, cached, written = (as_floats(frame[name]) for name in _NEEDED)
    measured = (frame["phase"] == "measure").to_numpy()
    # Each reply of an episode is a request to the server.
    answered = frame["timed"].to_numpy(dtype=bool) & (frame["outcome"] != "infra").to_numpy()
    # A reply from our own cache took no GPU time.
    counted = answered & ~np.isnan(written) & ~frame["from_cache"].to_numpy(dtype=bool)
    best: dict[str, tuple[float, RequestShape]] = {}
    for of_cell in group_rows(frame, ["task", "run_id", "cell_id"]):
        rows = of_cell[measured.take(of_cell)]
        busy_s = busy_seconds(sent_s.take(rows), done_s.take(rows))
        done = rows[counted.take(rows)]
        prompts = read.take(done)
        if busy_s <= 0 or np.isnan(prompts).all():
            continue
        rate = len(done) / busy_s
        task = str(frame["task"].iloc[of_cell[0]])
        shape = RequestShape(
            task,
            float(np.nanmean(prompts)),
            float(written.take(done).mean()),
            gpus / rate,
            float(np.nan_to_num(cached.take(done)).sum() / np.nansum(prompts)),
        )
        if task not in best or rate > best[task][0]:
            best[task] = (rate, shape)
    return [shape for _, shape in best.values()]


def has_shapes(runs: Runs, model_id: str, quote: Quote | None) -> bool:
    """Return whether a model is self-hosted and was asked enough tasks for :func:`fit_token_cost`."""
    if not isinstance(quote, GpuPrice) or model_id not in runs.models:
        return False
    return len({cell.task for _, cell in runs.cells if cell.model_id == model_id}) >= MIN_SHAPES


def token_costs(
    runs: Runs, quotes: Mapping[str, Quote], shapes_of: Callable[[str], Sequence[RequestShape]]
) -> dict[str, dict[str, float]]:
    """Return USD per million tokens by class for each self-hosted model, with the number of shapes and the fit's worst error.

    Args:
        runs: The runs.
        quotes: The price of each model.
        shapes_of: :func:`request_shapes` of a model.
    """
    found: dict[str, dict[str, float]] = {}
    for model_id, quote in quotes.items():
        if not isinstance(quote, GpuPrice) or not has_shapes(runs, model_id, quote):
            continue
        shapes = shapes_of(model_id)
        with contextlib.suppress(InputError):
            fit = fit_token_cost(shapes)
            prices = fit.usd_per_mtok(float(quote.usd_per_gpu_hour))
            found[model_id] = {**prices, "shapes": len(shapes), "worst_error": fit.worst_error}
    return found
