"""Statistics: intervals and tests for shares, paired differences, quantiles and ratios.

It uses only numpy and scipy and does not know tables, models or files. Every random draw takes a seed, so results are
reproducible. Shares are 0 to 1. P-values are two-sided. ``clusters`` are integer codes of items that share a source
(the same document, the same sample asked again); items of one cluster are resampled together.
"""

from gapbench.stats.bootstrap import (
    RESAMPLES,
    SEED,
    resample_sums,
    selection_bias,
)
from gapbench.stats.bradley_terry import Strengths, bradley_terry, elo_win_rate
from gapbench.stats.negative_binomial import expected_excess, probability_at_most
from gapbench.stats.paired import (
    CONFIDENCE,
    Difference,
    Evidence,
    is_equivalent,
    is_non_inferior,
    items_needed,
    paired_difference,
    pairs_to_decide,
    shift,
)
from gapbench.stats.pass_at_k import Components, pass_at_k, variance_components
from gapbench.stats.power import (
    MIN_CLUSTERS,
    design_effect,
    detectable_gap,
    pairs_for_equivalence,
    required_pairs,
    round_up,
)
from gapbench.stats.proportions import (
    FEW_EFFECTIVE,
    Floats,
    Interval,
    Ints,
    cluster_sums,
    dense_codes,
    holm,
    holm_levels,
    mean_interval,
    wilson,
)
from gapbench.stats.quantiles import (
    MIN_FOR_P95,
    known_quantile,
    paired_quantiles,
    quantile_difference,
    quantile_estimates,
    quantile_interval,
)
from gapbench.stats.ratios import (
    Quotients,
    cluster_totals,
    compare_quotients,
    ratio_interval,
    ratio_noise,
)
from gapbench.stats.reliability import (
    TaskMean,
    intraclass_correlation,
    mean_over_tasks,
    noise_floor,
    pass_hat_k,
    repeats_to_resolve,
)
from gapbench.stats.score_test import ScoreTest
from gapbench.stats.slo_attainment import Crossing, TestedRate, attainment_crossing, attainment_low_bound
from gapbench.stats.survey_design import (
    Design,
    WeightedMean,
    weighted_mean,
    weighted_quantile,
)

__all__ = [
    "CONFIDENCE",
    "FEW_EFFECTIVE",
    "MIN_CLUSTERS",
    "MIN_FOR_P95",
    "RESAMPLES",
    "SEED",
    "Components",
    "Crossing",
    "Design",
    "Difference",
    "Evidence",
    "Floats",
    "Interval",
    "Ints",
    "Quotients",
    "ScoreTest",
    "Strengths",
    "TaskMean",
    "TestedRate",
    "WeightedMean",
    "attainment_crossing",
    "attainment_low_bound",
    "bradley_terry",
    "cluster_sums",
    "cluster_totals",
    "compare_quotients",
    "dense_codes",
    "design_effect",
    "detectable_gap",
    "elo_win_rate",
    "expected_excess",
    "holm",
    "holm_levels",
    "intraclass_correlation",
    "is_equivalent",
    "is_non_inferior",
    "items_needed",
    "known_quantile",
    "mean_interval",
    "mean_over_tasks",
    "noise_floor",
    "paired_difference",
    "paired_quantiles",
    "pairs_for_equivalence",
    "pairs_to_decide",
    "pass_at_k",
    "pass_hat_k",
    "probability_at_most",
    "quantile_difference",
    "quantile_estimates",
    "quantile_interval",
    "ratio_interval",
    "ratio_noise",
    "repeats_to_resolve",
    "required_pairs",
    "resample_sums",
    "round_up",
    "selection_bias",
    "shift",
    "variance_components",
    "weighted_mean",
    "weighted_quantile",
    "wilson",
]
