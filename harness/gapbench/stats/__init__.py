"""Numbers in, intervals out: what an observed share, difference, quantile or ratio can be said to show.

numpy and scipy only; no tables, no models, no files. Every random draw takes a seed, so a report repeats.
Ratios are 0 to 1. A p-value is two-sided. ``clusters`` are integer codes of items that share a source
(the same document, the same sample asked again); items of one cluster are resampled together.
"""

from gapbench.stats.bootstrap import (
    RESAMPLES,
    SEED,
    Quotients,
    compare_quotients,
    resample_sums,
    selection_bias,
)
from gapbench.stats.bradley_terry import Strengths, bradley_terry, elo_win_rate
from gapbench.stats.paired import (
    FEWEST_CLUSTERS,
    Difference,
    equivalent,
    items_needed,
    no_worse,
    paired_difference,
    pairs_to_settle,
    shifted,
)
from gapbench.stats.pass_at_k import Components, pass_at_k, variance_components
from gapbench.stats.proportions import (
    Floats,
    Interval,
    Ints,
    cluster_sums,
    dense,
    holm,
    mcnemar,
    mean_interval,
    sign_flip,
    tango,
    wilson,
)
from gapbench.stats.quantiles import quantile_difference, quantile_interval
from gapbench.stats.ratios import ratio_interval, ratio_noise
from gapbench.stats.slo_attainment import Crossing, Level, attained_low, crossing

__all__ = [
    "FEWEST_CLUSTERS",
    "RESAMPLES",
    "SEED",
    "Components",
    "Crossing",
    "Difference",
    "Floats",
    "Interval",
    "Ints",
    "Level",
    "Quotients",
    "Strengths",
    "attained_low",
    "bradley_terry",
    "cluster_sums",
    "compare_quotients",
    "crossing",
    "dense",
    "elo_win_rate",
    "equivalent",
    "holm",
    "items_needed",
    "mcnemar",
    "mean_interval",
    "no_worse",
    "paired_difference",
    "pairs_to_settle",
    "pass_at_k",
    "quantile_difference",
    "quantile_interval",
    "ratio_interval",
    "ratio_noise",
    "resample_sums",
    "selection_bias",
    "shifted",
    "sign_flip",
    "tango",
    "variance_components",
    "wilson",
]
