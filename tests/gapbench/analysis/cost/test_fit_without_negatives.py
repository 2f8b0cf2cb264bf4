"""The fit of the seconds of requests by their tokens, whose coefficients are not negative."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from gapbench.analysis.cost.gpu_token_cost import fit_without_negatives


@pytest.mark.parametrize("seed", range(100))
def test_the_fit_is_that_of_scipy(seed: int) -> None:
    """Two or three columns; in most cases a plain fit would have a negative coefficient."""
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(int(rng.integers(4, 30)), int(rng.integers(2, 4))))
    target = columns @ rng.normal(size=columns.shape[1]) + rng.normal(size=len(columns))

    np.testing.assert_allclose(fit_without_negatives(columns, target), nnls(columns, target)[0], atol=1e-9)


def test_nothing_fits_a_target_on_the_other_side() -> None:
    """A column that falls where the target rises gets no part."""
    assert fit_without_negatives(np.array([[-1.0], [-2.0]]), np.array([1.0, 2.0])).tolist() == [0.0]
