"""The typed content of ``run.json``: :class:`RunManifest` and the entries of its lists.

A file keeps its keys on rewriting: newer ones stay, and older files get none. Settings and facts are plain mappings.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import TypedDict

from gapbench.runner import runner_info_or_default
from gapbench.store.first_call_entry import FirstCallEntry
from gapbench.store.look_entries import EarlierLook, SequentialEntry
from gapbench.store.machine_entry import MachineEntry
from gapbench.store.manifest_types import Count, Day, Entry, JsonObject, Number, PlainName, UtcTime
from gapbench.store.replay_entry import ReplayEntry


class CostEntry(TypedDict, total=False):
    """What a model costs, as its suite states it: per token, or per hour of its GPUs. More keys may be there.

    Attributes:
        gpus: GPUs that serve the model.
        usd_per_gpu_hour: USD for one GPU and hour. None: the price book's.
        usd_per_gpu_hour_low: Lower end of that price's range. None: unknown.
        usd_per_gpu_hour_high: Upper end of that price's range. None: unknown.
        input_usd_per_mtok: USD per million input tokens.
        output_usd_per_mtok: USD per million output tokens.
        cached_input_usd_per_mtok: USD per million cached input tokens. None: the input price.
    """

    __pydantic_config__ = ConfigDict(extra="allow", strict=True)  # type: ignore[misc] # how pydantic configures it

    gpus: Number
    usd_per_gpu_hour: Number | None
    usd_per_gpu_hour_low: Number | None
    usd_per_gpu_hour_high: Number | None
    input_usd_per_mtok: Number
    output_usd_per_mtok: Number
    cached_input_usd_per_mtok: Number | None


class ModelEntry(Entry):
    """A model of a run.

    Attributes:
        id: Its id in the run.
        runner: The runner that asks it.
        name: Its name for the provider.
        weights: Whether its weights are open or closed.
        released: Day of its release. None: unknown.
        base_url: Address of its server, or of the first one. None: the runner's own.
        replicas: Addresses of all its servers. []: it has one.
        simulated: Whether its answers are simulated.
        transport: Code that sent its requests: ``lean`` or ``httpx2``.
        price_provider: Its provider in the price book, as its runner stated it. None: no provider. Absent in runs of
            0.1 and for judges; use :attr:`known_price_provider`.
        params: Generation parameters, as the suite sets them.
        options: Options of its runner.
        cost: What it costs. None: its provider's list price.
        facts: What the runner reported of the server; {} before it was opened.
        batch: Whether its answers came from the provider's batch API.
    """

    id: str
    runner: str
    name: str
    weights: Literal["open", "closed"]
    released: Day | None
    base_url: str | None
    simulated: bool
    transport: str = "lean"
    price_provider: str | None = None
    params: JsonObject
    options: JsonObject
    cost: CostEntry | None
    facts: JsonObject
    batch: bool = False
    replicas: list[str] = Field(default_factory=list)

    @property
    def known_price_provider(self) -> str | None:
        """The recorded price provider or, without a record, that of the installed runner."""
        if "price_provider" in self.model_fields_set:
            return self.price_provider
        return runner_info_or_default(self.runner).price_provider


class TaskEntry(Entry):
    """A task of a run.

    Attributes:
        name: Its name, ``category/name``.
        category: Row of the gap table.
        version: Version of its document. None: unknown.
        sha256: Hash of its document, data and scorer's code.
        samples: Number of samples that were picked.
        scorer: Name of its scorer. None: it has none, or an older gapbench wrote the run.
        license: Licence of its data. None: unknown.
        scorer_sha256: Hash of its scorer's name, options and code. None: unknown.
        rungs: Rungs of its ladder. None: it is not a ladder.
        rung_measure: What the complexity of its items counts. None: not said.
        adaptive: When each model's adaptive run of it ends: ``width_rungs`` and ``most_items``. None: all samples are asked.
    """

    name: str
    category: str
    version: Any = None
    sha256: str
    samples: Count
    scorer: str | None = None
    license: str | None = None
    scorer_sha256: str | None = None
    rungs: Count | None = None
    rung_measure: str | None = None
    adaptive: JsonObject | None = None


class WorkerEntry(Entry):
    """What a process reported of a cell.

    Attributes:
        worker: Number of the process, from 0.
        requests: Requests that it sent.
        cpu_share: Its CPU time over the cell's time, 0-1.
        lag_p99_s: 99th percentile of how long a byte that arrives at any time waits for its event loop, in seconds. None:
            not measured.
    """

    worker: int = 0
    requests: int | None = None
    cpu_share: Number
    lag_p99_s: Number | None = None


class CellEntry(Entry):
    """A cell of a run: one model, one task, one load.

    Attributes:
        cell_id: Its id.
        model_id: Its model.
        task: Name of its task.
        category: Category of its task.
        load_kind: Kind of its load, such as ``concurrency``.
        load_value: Streams, or requests per second.
        load: Further settings of the load. None: none, or an older gapbench wrote the run.
        salt: What makes the prompts of this cell differ from those of other cells. None: they are unchanged.
        planned: Requests planned.
        started_at: When its first request was sent. None: not started.
        wall_s: Seconds during which it was sent, over all sessions. None: not started.
        stretches_s: Seconds of each session by the time it started; their sum is ``wall_s``. None: an older
            gapbench wrote the run.
        counters_before: Counters of the server before the cell. None: the server has none.
        counters_after: Counters of the server after the cell.
        lag_p99_s: 99th percentile of how long a byte that arrives at any time waits for the event loop, in seconds; of
            several processes the largest. None: not
            measured.
        workers: What each process reported. None: not started.
        unusable: Why the rest of the cell is not sent: nearly all of the first answers cannot be used. None: it is sent.
        beside: Ids of the cells that were sent at the same time, at least in part. []: none.
        cut_short: Whether a search stopped it because its target was out of reach.
        machines: The machines that sent it, in each session. []: the conductor's own.
        replay: What of a log it sends, and when against the log. None: it replays no traffic, or an older gapbench wrote the run.
    """

    cell_id: str
    model_id: str
    task: str
    category: str
    load_kind: str
    load_value: Number
    load: JsonObject | None = None
    salt: Any = None
    planned: Count
    started_at: UtcTime | None
    wall_s: Number | None
    stretches_s: dict[str, Number] | None = None
    counters_before: JsonObject | None
    counters_after: JsonObject | None
    lag_p99_s: Number | None
    workers: list[WorkerEntry] | None = None
    beside: list[str] = Field(default_factory=list)
    cut_short: bool = False
    unusable: str | None = None
    machines: list[MachineEntry] = Field(default_factory=list)
    replay: ReplayEntry | None = None


class SearchEntry(Entry):
    """A search for the highest rate that keeps a service level.

    Attributes:
        search_id: Its id.
        model_id: Its model.
        task: Name of its task.
        slo: The service level, as :meth:`gapbench.values.slo.Slo.as_json` gives it.
        from_rps: Lowest rate, in requests per second.
        to_rps: Highest rate, in requests per second.
        tolerance: Relative width at which the search ends.
        repeats: Tries of each rate.
        levels: The rates that were tried.
        rate_rps: The rate found, in requests per second. None: not found yet.
        low_rps: Lower bound of it. None: not found yet.
        words: The result in words. None: not found yet.
        is_done: Whether the search has ended.
    """

    search_id: str
    model_id: str
    task: Any = None
    slo: Any = None
    from_rps: Any = None
    to_rps: Any = None
    tolerance: Any = None
    repeats: Any = None
    levels: list[JsonObject] = Field(default_factory=list)
    rate_rps: Any = None
    low_rps: Any = None
    words: Any = None
    is_done: bool


class FailureEntry(Entry):
    """A model that could not be run to its end.

    Attributes:
        model_id: The model.
        message: What went wrong.
    """

    model_id: str
    message: str


class RunManifest(Entry):
    """The content of ``run.json``: what was run, by what, on what machine, and how it ended.

    Attributes:
        schema_version: Version of the layout; the key is ``schema``.
        run_id: The run, and the name of its folder.
        suite: Name of the suite.
        suite_sha256: Hash of the suite's content.
        selection: What the command line picked, for ``--resume``; {} where it is unknown.
        seed: Seed of the plan. None: an imported run.
        repeats: Repeats of each sample. None: an imported run.
        margin_points: Gap in percentage points that makes no difference.
        started_at: When the run started.
        ended_at: When it ended. None: it is running, or was killed.
        state: ``running``, ``complete``, ``stopped``, ``interrupted`` or ``failed``.
        reason: Why it is not complete. None: it is complete, or running.
        versions: Version of each package that takes part in a measurement.
        machine: Hardware of the machine that sent the requests: ``platform``, ``cpu``, ``cores``, ``memory_bytes``.
        calibration: What ``bench calibrate`` measured of the machine before. None: it was not run.
        models: The models.
        tasks: The tasks.
        cells: The cells.
        searches: The searches.
        failures: The models that failed.
        graded: What tasks with their own metrics made of all replies of a model.
        sequential: The stopping rule and the looks of a run with ``--until-sure``. None: it has none.
        earlier_looks: Looks at this run before it was complete, and at smaller runs that it extends. [] for a run that
            was complete at the first look.
        suite_content: The suite's keys and values, for a message about what changed. {}: an older gapbench wrote the run.
        changes: Keys of the suite that changed before a later session: ``at``, ``key``, ``old`` and ``new``. []: none.
        first_calls: The small calls before each session; they cost money and have no rows. []: there were none.
        continues: Id of the run whose rows were carried over. None: none.
        origin: Id of the first run of that chain. None: the run continues none, or an older gapbench wrote it.
        remade_at: When the file was rebuilt from the rows. None: it was never lost.
        users: The models that play users of episodes, which may be among ``models`` too. []: there are none.
        shard: The place of the only shard that was run, see :class:`gapbench.values.shard.ShardKey`. None: it is a whole
            run.
        shards: The shards that it was merged from, with their machines, versions and times. []: it was not merged.
    """

    schema_version: int = Field(alias="schema")
    run_id: PlainName
    suite: str
    suite_sha256: str
    selection: JsonObject = Field(default_factory=dict)
    seed: int | None
    repeats: Count | None
    margin_points: Number
    started_at: UtcTime
    ended_at: UtcTime | None
    state: str
    reason: str | None
    versions: JsonObject
    machine: JsonObject
    calibration: JsonObject | None = None
    models: list[ModelEntry]
    tasks: list[TaskEntry]
    cells: list[CellEntry]
    searches: list[SearchEntry] = Field(default_factory=list)
    failures: list[FailureEntry]
    graded: list[JsonObject] = Field(default_factory=list)
    sequential: SequentialEntry | None = None
    earlier_looks: list[EarlierLook] = Field(default_factory=list)
    suite_content: JsonObject = Field(default_factory=dict)
    changes: list[JsonObject] = Field(default_factory=list)
    first_calls: list[FirstCallEntry] = Field(default_factory=list)
    continues: str | None = None
    origin: str | None = None
    remade_at: str | None = None
    users: list[ModelEntry] = Field(default_factory=list)
    shard: JsonObject | None = None
    shards: list[JsonObject] = Field(default_factory=list)

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Return the manifest that a JSON value holds.

        Raises:
            ValueError: A key is missing or has another type, or a cell names an unknown model or task. The message is
                one line that names the key, what was found and what was expected.
        """
        try:
            manifest = cls.model_validate(value)
        except ValidationError as exc:
            raise ValueError(_describe(exc.errors(include_url=False)[0])) from None
        manifest.check_references()
        return manifest

    def check_references(self) -> None:
        """Check that every cell and search names a model and a task of the run.

        Raises:
            ValueError: One does not; the message names its key.
        """
        models = {model.id for model in self.models}
        tasks = {task.name for task in self.tasks}
        for place, cell in enumerate(self.cells):
            if cell.model_id not in models:
                raise ValueError(f"cells[{place}].model_id: {cell.model_id!r} is not among the models")
            if cell.task not in tasks:
                raise ValueError(f"cells[{place}].task: {cell.task!r} is not among the tasks")
        for place, search in enumerate(self.searches):
            if search.model_id not in models:
                raise ValueError(f"searches[{place}].model_id: {search.model_id!r} is not among the models")

    def find_model(self, model_id: str) -> ModelEntry | None:
        """Return a model's entry, or None if the run has no such model."""
        return next((model for model in self.models if model.id == model_id), None)

    @property
    def models_and_users(self) -> dict[str, ModelEntry]:
        """Every model that was asked in the run, by id."""
        return {model.id: model for model in (*self.users, *self.models)}

    def model(self, model_id: str) -> ModelEntry:
        """Return the entry of a model that the run has."""
        return next(model for model in self.models if model.id == model_id)

    def cell(self, cell_id: str) -> CellEntry:
        """Return the entry of a cell that the run has."""
        return next(cell for cell in self.cells if cell.cell_id == cell_id)


_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "a mapping",
    "string_type": "a text",
}
"""What pydantic expected, by the type of its error, in the words of our other messages."""


def _describe(error: ErrorDetails) -> str:
    """Return one line: the key, what was found, and what was expected."""
    key = ""
    for part in error["loc"]:
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
    key = key or "the file"
    if error["type"] == "missing":
        return f"{key}: is missing"
    if error["type"] == "literal_error":
        expected = str(error["ctx"]["expected"])
    else:
        expected = _EXPECTED.get(error["type"], error["msg"])
    found = repr(error["input"])
    return f"{key}: found {found if len(found) <= 60 else f'{found[:57]}...'}; expected {expected}"
