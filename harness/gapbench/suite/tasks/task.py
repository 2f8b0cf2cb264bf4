"""A task: its samples and how its replies are scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gapbench.suite.tasks.grader import ExternalScorer
from gapbench.suite.tasks.replay_selection import ReplaySelection
from gapbench.suite.tasks.sample_order import labels_of, order_by_labels, order_seed
from gapbench.suite.tasks.user_code import code_file_digests, without_folders
from gapbench.values import AdaptiveItems, Params, Sample, canonical_json, sha256


@dataclass(frozen=True)
class Task:
    """A task with its samples.

    Attributes:
        name: Unique in a suite.
        category: The row of the gap table that it belongs to.
        version: As the document says.
        sha256: Hash of the document and of the data's bytes.
        samples: In file order.
        working_order: Positions in ``samples`` in the order in which a run works through them; see
            :mod:`gapbench.suite.tasks.sample_order`. (): not set; :meth:`ordered_samples` derives it.
        scorer_name: None: answers are not scored.
        scorer_options: The scorer's own settings.
        params: The task's parameters, over the suite's.
        data_policy: ``private`` is never sent to an API that is paid by the token or serves closed weights.
        license: Of the data. None: not said.
        source: The file that says it.
        scorer_location: Where in that file its scorer stands, with line and key.
        user_location: Where the suite or that file names the model that plays its users, with line and key.
        origin: The file or data set that its rows are from.
        repeats: Times each sample is asked, for each of the suite's own repeats.
        tools_as: Whether tools are declared in the request or described in the prompt.
        external_scorer: Judges the replies in place of a scorer. None: the scorer does.
        adaptive: When an adaptive run of its ladder ends. None: all samples are asked.
        rungs: Rungs of its ladder, whether or not they have samples here. None: it is not a ladder.
        rung_measure: What the samples' ``complexity`` counts. None: not said.
        replay: What of a log its samples are. None: they are from no log.
    """

    name: str
    category: str
    version: int | str
    sha256: str
    samples: tuple[Sample, ...]
    scorer_name: str | None
    scorer_options: Mapping[str, Any] = field(default_factory=dict)
    params: Params = field(default_factory=Params)
    data_policy: Literal["public", "private"] = "public"
    license: str | None = None
    source: str = ""
    scorer_location: str = ""
    user_location: str = ""
    origin: str = ""
    repeats: int = 1
    external_scorer: ExternalScorer | None = None
    working_order: tuple[int, ...] = ()
    tools_as: Literal["native", "prompt"] = "native"
    adaptive: AdaptiveItems | None = None
    rungs: int | None = None
    rung_measure: str | None = None
    replay: ReplaySelection | None = None

    def ordered_samples(self, seed: int) -> list[Sample]:
        """Return the samples in working order.

        Args:
            seed: Seed of the order, where the task does not bring one.
        """
        order = self.working_order or order_by_labels(
            [labels_of(sample) for sample in self.samples], order_seed(seed, self.name)
        )
        return [self.samples[place] for place in order]

    @property
    def scorer_sha256(self) -> str:
        """Hash of the scorer's name, options and code. The same scorer has the same hash on every machine."""
        options = without_folders(self.scorer_options)
        return sha256(canonical_json([self.scorer_name, options, *code_file_digests(self.scorer_options)]))
