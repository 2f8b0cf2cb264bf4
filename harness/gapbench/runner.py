"""The runner interface: what a vendor brings, and how the engine finds it.

A runner turns one request into a stream of chunks. It knows nothing of tasks, scores, prices or clocks. Packages
register runners in the entry-point group ``bench.runners``; the built-in ones are registered in the same way.
``docs/extending/runner.md`` shows a complete plug-in.

The engine imports a runner's module only when a suite, a command or a report needs that runner. The module must not
import its vendor's SDK at the top; import it in :meth:`Runner.open`.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

from gapbench.errors import SetupError
from gapbench.values import Call, Chunk, Model, Request, Session, Weights
from gapbench.values.batches import Batch, BatchLimits, BatchReply, BatchRequest

ENTRY_POINT_GROUP = "bench.runners"
_AZURE = "use runner openai with base_url: https://RESOURCE.openai.azure.com/openai/v1 and key_env: AZURE_OPENAI_API_KEY; "
_BEDROCK = "use runner openai with base_url: https://bedrock-mantle.REGION.api.aws/v1 and key_env: AWS_BEARER_TOKEN_BEDROCK; "
_VERTEX = "use runner google with a Gemini API key, or runner openai with Vertex's OpenAI address and an access token; "
CLOUD_HINTS = {
    **dict.fromkeys(("azure", "azure-openai", "azureopenai", "foundry"), _AZURE),
    **dict.fromkeys(("bedrock", "aws", "amazon", "amazon-bedrock"), _BEDROCK),
    **dict.fromkeys(("vertex", "vertexai", "vertex-ai", "google-vertex"), _VERTEX),
}
"""What works in place of a runner for a cloud's API, by the name that users try; see docs/how-to/clouds.md."""


@dataclass(frozen=True, slots=True)
class RunnerOption:
    """One key that a runner adds to a model in the suite.

    Attributes:
        annotation: Type of the value, as pydantic reads it: ``dict[str, Any]``, ``Literal["chat", "responses"]``.
        description: One line for the suite's JSON Schema.
        starts_server: Whether a model with this option and without ``base_url`` gets a server or an engine that the
            runner starts and stops. Such a model shares no rate limits or retries with others.
        answers_in_batches: Whether a model with this option answers in batches alone.
    """

    annotation: Any
    description: str
    starts_server: bool = False
    answers_in_batches: bool = False


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """A GET request that costs nothing and that only a working key passes, such as that for the list of models.

    Attributes:
        url: Its address.
        key_header: The header that holds the key.
        key_prefix: What precedes the key in it.
        headers: Other headers.
    """

    url: str
    key_header: str
    key_prefix: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunnerInfo:
    """What the engine must know of a vendor before it builds a runner. Plain data, no I/O.

    Attributes:
        weights: Whether a model of this vendor counts as open or closed when only the command line names it
            (``--model runner:name``). None: the vendor offers both, so the command line is refused and the user
            must put the model into a suite with ``weights:``.
        price_provider: Provider in the price book whose list prices apply at the vendor's own address. None: there
            is no list price.
        packages: Distributions whose versions ``run.json`` records and ``bench doctor`` checks.
        install_hint: How to get ``packages``, for ``bench doctor``. "": they come with the runner's own package.
        key_variables: Environment variables that may hold the API key, in the order they are tried.
        options: Keys that a suite may give to a model of this runner, by name.
        key_check: How ``bench doctor`` tries a key at the vendor's own address. None: it does not.
    """

    weights: Weights | None = None
    price_provider: str | None = None
    packages: tuple[str, ...] = ()
    install_hint: str = ""
    key_variables: tuple[str, ...] = ()
    options: Mapping[str, RunnerOption] = field(default_factory=dict)
    key_check: KeyCheck | None = None


class SetupCheck(NamedTuple):
    """One line of ``bench doctor``.

    Attributes:
        name: What was checked.
        found: Whether it is there.
        detail: What was found, or how to get it.
    """

    name: str
    found: bool
    detail: str


class BatchClient(ABC):
    """The batch API of one provider. It keeps nothing: its caller writes down the ids.

    Every method raises :class:`gapbench.errors.RunnerError` if the provider refuses or cannot be reached. After an error
    of :meth:`create` the batch may exist all the same; :meth:`find` tells.

    Attributes:
        limits: The most that one batch holds.
        tier: Service tier of its answers in the price book.
        runs_here: Whether its batches keep this machine busy, so that they wait until live models are done, and run one
            after another.
    """

    limits: BatchLimits
    tier: str = "batch"
    runs_here: bool = False

    def busy(self) -> str | None:
        """Return why no batch can be taken now, where that is known without a request. None: it may be."""
        return None

    @abstractmethod
    async def size_bytes(self, request: BatchRequest) -> int:
        """Return the bytes that a request adds to a batch: the vendor's client builds it to know."""

    @abstractmethod
    async def create(self, requests: Sequence[BatchRequest], label: str) -> Batch:
        """Upload and submit a batch.

        A request whose call has a ``problem`` must not be among them: it fails before anything is sent.

        Args:
            requests: Its requests, within :attr:`limits`.
            label: Our name of the batch: 1 to 31 of ``A-Z a-z 0-9 -``. The provider stores it with the batch, or in front
                of its custom ids where a batch has no place for it.
        """

    @abstractmethod
    def find(self, label_prefix: str, since: datetime | None = None) -> AsyncIterator[Batch]:
        """Yield the account's batches whose label starts with a text, newest first.

        A batch whose label cannot be known yet is yielded too, with ``label=None``: Anthropic tells custom ids only when
        a batch has ended. Whoever looks for a lost batch must wait for those of the right ``total`` before it sends the
        requests again.

        Args:
            label_prefix: The start of the labels; "" for all of them.
            since: Leave out what was created before this instant, with room for a wrong clock. None: look at all.
        """

    @abstractmethod
    async def read(self, batch_id: str) -> Batch:
        """Return a batch as it is now."""

    @abstractmethod
    async def cancel(self, batch_id: str) -> Batch:
        """Ask for a batch to end; what is answered by then stays readable, and is charged."""

    @abstractmethod
    def results(self, batch: Batch, call_of: Callable[[str], Call | None]) -> AsyncIterator[BatchReply]:
        """Yield the results of a batch that has ended, in any order. Requests may be missing among them, or come twice.

        Args:
            batch: As :meth:`read` or :meth:`find` returned it.
            call_of: Returns the call of a custom id, as :meth:`Runner.prepare` makes it: what it changed about the tools
                is undone in the reply. None: there is no such request.
        """


class Runner(ABC):
    """One model behind one provider.

    A subclass must define :meth:`prepare` and :meth:`stream`. Everything else has the default given here.

    Attributes:
        info: What the vendor brings besides its protocol.
        model: The model that this runner calls.
        simulated: True when replies are made up; every row and every report then shows it.
        metered: True when calls cost money per token. The user is then asked before a run, and tasks marked
            ``data_policy: private`` are refused.
        supports_logprobs: Whether the runner answers requests with ``needs_logprobs``.
        base_url: Address that requests go to, wherever it was configured. It is part of the key of cached answers.
            None: the runner has no address.
    """

    info: ClassVar[RunnerInfo] = RunnerInfo()
    simulated: bool = False
    metered: bool = True
    supports_logprobs: bool = False
    base_url: str | None = None

    def __init__(self, model: Model) -> None:
        """Check the settings. Must not touch the network or need a key.

        Raises:
            InputError: The model's settings do not fit.
        """
        self.model = model

    def missing_requirement(self) -> str | None:
        """Return what is missing before a call can be made, such as a key, and how to get it. None: nothing."""
        return None

    def key_variable(self) -> str | None:
        """Return the environment variable whose key is sent. None: no key is sent."""
        if self.model.key_env is not None or self.base_url is not None:
            return self.model.key_env
        return next(iter(self.info.key_variables), None)

    def endpoint(self) -> str | None:
        """Return the address that must accept connections before :meth:`open`. None: there is none to check."""
        return None

    def model_for_workers(self) -> Model | None:
        """Return the model as another process must name it to reach the server of this open runner.

        None: no other process can reach it, so this process sends all requests.
        """
        return self.model

    @abstractmethod
    def prepare(self, request: Request) -> Call:
        """Apply the provider's rules to a request. Pure: no I/O, so that a plan can show the result."""

    async def open(self, session: Session) -> None:  # noqa: B027 - the default does nothing
        """Make clients, or start or find the server.

        Raises:
            SetupError: The runner cannot be made ready.
        """

    async def warm_up(self, call: Call) -> None:  # noqa: B027 - the default does nothing
        """Do what the first request would do once, such as imports, without sending anything.

        Called before each cell's clock starts, with its first call. What fails here fails again when the call is sent.
        """

    @abstractmethod
    def stream(self, call: Call) -> AsyncIterator[Chunk]:
        """Send the call and yield the reply as it arrives.

        Raises:
            RunnerError: The reply failed or ended early; chunks yielded before it are kept.
        """

    async def facts(self) -> Mapping[str, Any]:
        """Return versions, arguments and hardware for ``run.json``."""
        return {}

    async def counters(self) -> Mapping[str, float] | None:
        """Return server counters, read before and after each cell. None: the server has none."""
        return None

    def batch_client(self) -> BatchClient | None:
        """Return what submits and reads batches of this open runner. None: its provider has no batch API."""
        return None

    async def close(self) -> None:  # noqa: B027 - the default does nothing
        """Release everything that :meth:`open` took. Called once, also after a failed ``open``."""

    @classmethod
    def check_setup(cls) -> Iterable[SetupCheck]:
        """Yield lines for ``bench doctor`` beyond packages and key variables. May take a second of I/O."""
        return ()


@lru_cache
def installed_runners() -> Mapping[str, EntryPoint]:
    """Return the installed runners by name, built-in and third-party, without importing them."""
    return {
        point.name: point for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda p: p.name)
    }


def find_runner(name: str) -> EntryPoint:
    """Return an installed runner without importing it.

    Raises:
        SetupError: No such runner is installed.
    """
    points = installed_runners()
    if name not in points:
        close_matches = difflib.get_close_matches(name, points, 1)
        hint = f"did you mean {close_matches[0]!r}? " if close_matches else ""
        hint = CLOUD_HINTS.get(name.lower().replace("_", "-"), hint)
        msg = f"no runner {name!r} is installed; {hint}there are: {', '.join(points) or 'none'}"
        raise SetupError(msg)
    return points[name]


def load_runner_class(name: str) -> type[Runner]:
    """Import a runner's module and return its class.

    Raises:
        SetupError: No such runner is installed, its module cannot be imported, or it is not a :class:`Runner`.
    """
    point = find_runner(name)
    try:
        loaded = point.load()
    except (ImportError, AttributeError) as exc:
        msg = f"runner {name!r} ({point.value}) cannot be imported: {exc}"
        raise SetupError(msg) from exc
    if not (isinstance(loaded, type) and issubclass(loaded, Runner)):
        msg = f"runner {name!r}: {point.value} is not a subclass of gapbench.runner.Runner; make it one"
        raise SetupError(msg)
    return loaded


@lru_cache
def runner_info(name: str) -> RunnerInfo:
    """Return what a runner says of its vendor.

    Raises:
        SetupError: The runner cannot be loaded.
    """
    return load_runner_class(name).info


def runner_info_or_default(name: str) -> RunnerInfo:
    """Return what a runner says of its vendor, or an empty :class:`RunnerInfo` when it is not installed.

    For results, which may come from another machine or from an import.
    """
    try:
        return runner_info(name)
    except SetupError:
        return RunnerInfo()


def owns_server(model: Model) -> bool:
    """Return whether the model's server or engine is started for the run and ends with it."""
    if model.base_url is not None:
        return False
    options = runner_info_or_default(model.runner).options
    return any(options[key].starts_server for key in model.options if key in options)


def machines_of(model: Model) -> frozenset[str]:
    """Return names for the machines that answer a model's requests: models that share one never run at the same time.

    A server with its own address is a machine, and so is a vendor at its own address. All servers and engines that are
    started for the run share this machine and its GPUs, except those of simulated models, which need none.
    """
    if model.base_url is not None:
        return frozenset(urlsplit(url).netloc.lower() for url in (model.base_url, *model.replicas))
    if not owns_server(model):
        return frozenset({model.runner})
    return frozenset({model.id if load_runner_class(model.runner).simulated else "this machine"})


def account_of(model: Model) -> str:
    """Return the account whose limits and retries a model's requests count against.

    Models of one runner, address and key share an account. A model whose server is started for the run has its own.
    """
    if owns_server(model):
        return model.id
    addresses = " ".join(sorted(address.rstrip("/") for address in model.replicas or (model.base_url or "",)))
    return f"{model.runner} {addresses} {model.key_env or ''}".rstrip()
