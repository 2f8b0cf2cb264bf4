"""lm-eval's requests as our samples: one sample, and so one attempt row, for each request.

A ``generate_until`` request becomes the messages that lm-eval's own chat models send (its chat template
hook with ``fewshot_as_multiturn``): the description as system, each example as user and assistant turns,
the question as user, a ``gen_prefix`` as a last assistant turn. A ``loglikelihood`` request becomes two
messages, the context as user and the continuation as assistant, whose texts are weighed as plain text
without a template; ``loglikelihood_rolling`` the text alone as assistant. ``prompt_sha256`` is over these.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gapbench.errors import InputError
from gapbench.suite.lm_eval import generative_equivalents, library
from gapbench.suite.lm_eval.aggregate_metrics import results
from gapbench.suite.lm_eval.entry import LmEvalEntry
from gapbench.suite.lm_eval.sample_scores import Documents
from gapbench.suite.tasks.grader import Reply
from gapbench.suite.tasks.task import Task
from gapbench.values import Image, Message, Params, Sample, Text, canonical_json, sha256

MAX_TOKENS = 256
"""Where a task names no ``max_gen_toks``: the default of lm-eval's own API models."""
_BUDGET = ("max_tokens", "max_gen_toks", "max_new_tokens", "max_completion_tokens")


class _Chat(str):
    """A prompt that the chat template hook made: messages as JSON, told from plain text by its type."""

    __slots__ = ()


def _template(history: Sequence[Mapping[str, str]], **_: Any) -> str:
    return _Chat(json.dumps(list(history), ensure_ascii=False))


@dataclass(frozen=True)
class Expansion:
    """All tasks that one entry of a suite stands for, and the judge of their replies.

    Attributes:
        entry: What the suite says.
        loaded: lm-eval's tasks and groups by name.
        limit: First N documents of each task. None: all.
    """

    entry: LmEvalEntry
    loaded: Mapping[str, Any]
    limit: int | None

    @property
    def name(self) -> str:
        """What the suite calls it."""
        return self.entry.lm_eval

    def tasks(self) -> list[Task]:
        """Return each of lm-eval's tasks as one of ours."""
        return [self._task(name, task) for name, task in self.loaded["tasks"].items()]

    def cell(self, task: str, before: Iterable[Reply]) -> Documents:
        """Return the judge of a new cell; see :class:`gapbench.suite.tasks.grader.Grader`."""
        return Documents(self.loaded["tasks"][task], self.entry, before)

    def results(self, replies: Mapping[str, Sequence[Reply]]) -> list[dict[str, Any]]:
        """Return lm-eval's own figures; see :class:`gapbench.suite.tasks.grader.Grader`."""
        return results(self.name, self.loaded, self.limit, replies)

    def _task(self, name: str, task: Any) -> Task:
        if getattr(task, "UNSAFE_CODE", False):
            raise InputError(
                f"lm-eval's {name} runs the model's code in this process; here such code runs in the sandbox "
                "alone: bring its data as JSONL with `scorer: code`"
            )
        generates = task.OUTPUT_TYPE == "generate_until"
        task.set_fewshot_seed(seed=library.OTHER_SEED)
        task.build_all_requests(
            limit=self.limit,
            apply_chat_template=generates,
            fewshot_as_multiturn=generates,
            chat_template=_template if generates else None,
        )
        siblings: dict[int, int] = {}
        for instance in task.instances:
            siblings[instance.doc_id] = siblings.get(instance.doc_id, 0) + 1
        samples = tuple(_sample(task, instance, siblings[instance.doc_id]) for instance in task.instances)
        kwargs = [
            instance.args[1] for instance in task.instances if instance.request_type == "generate_until"
        ]
        if any(given != kwargs[0] for given in kwargs[1:]):
            raise InputError(
                f"lm-eval's {name} sets other generation_kwargs for each document; a cell has one set"
            )
        filters = [ensemble.name for ensemble in getattr(task, "_filters", [])]
        for kind, wanted, there in (
            ("filter", self.entry.filter, filters),
            ("metric", self.entry.metric, list(task.aggregation())),
        ):
            if wanted is not None and wanted not in there:
                raise InputError(f"lm-eval's {name} has no {kind} {wanted!r}; it has: {', '.join(there)}")
        config = {key: value for key, value in task.dump_config().items() if key not in _NOT_HASHED}
        return Task(
            name=name,
            category=self.entry.category,
            version=str(task.VERSION),
            sha256=sha256(
                canonical_json(
                    [version("lm-eval"), config, [(one.sample_id, _hashed(one)) for one in samples]]
                )
            ),
            samples=samples,
            scorer_name="lm_eval",
            params=_params(kwargs[0]) if kwargs else Params(),
            source=self.name,
            repeats=int(task.get_config("repeats") or 1),
            grader=self,
        )


# Paths of this machine, and what the samples' own hash covers.
_NOT_HASHED = {"metadata", "dataset_kwargs", "dataset_path"}


def _hashed(sample: Sample) -> list[Any]:
    return [
        [message.role, message.text, [image.sha256 for image in message.images]]
        for message in sample.messages
    ]


def expand(
    entry: LmEvalEntry,
    folder: Path,
    limit: int | None,
    *,
    closed: Sequence[str] = (),
    allow_code: bool = False,
) -> list[Task]:
    """Return the tasks that an entry stands for, with every prompt written out.

    Args:
        entry: What the suite says.
        folder: The suite's, for a task YAML by path.
        limit: First N documents of each task, on top of the entry's own. None: no further limit.
        closed: Models with closed weights that will be asked.
        allow_code: Whether Python that a user's YAML names may run.

    Raises:
        InputError: There is no such task, or it cannot be run here.
        SetupError: lm-eval is missing, or the task's data cannot be had.
    """
    limits = [bound for bound in (entry.limit, limit) if bound is not None]
    library.package()
    with library.seeded(), library.quiet():
        loaded = library.load(
            entry.lm_eval, folder, num_fewshot=entry.num_fewshot, closed=closed, allow_code=allow_code
        )
        tasks = Expansion(entry, loaded, min(limits, default=None)).tasks()
    weighed = [task for task in tasks if task.samples[0].likelihood]
    if weighed and closed:  # a task that is a Python class says so only now
        raise generative_equivalents.refuse(weighed[0].name, closed, ())
    return tasks


def sample_id(doc_id: int, index: int, siblings: int) -> str:
    """Return the id of a request: its document, and which of the document's requests it is."""
    return str(doc_id) if siblings == 1 else f"{doc_id}.{index}"


def _sample(task: Any, instance: Any, siblings: int) -> Sample:
    target = task.doc_to_target(instance.doc)
    return Sample(
        sample_id=sample_id(instance.doc_id, instance.idx, siblings),
        messages=_messages(task, instance),
        target=target if isinstance(target, (str, int, float, bool)) else json.loads(canonical_json(target)),
        cluster_id=str(instance.doc_id),
        likelihood=instance.request_type != "generate_until",
    )


def _messages(task: Any, instance: Any) -> tuple[Message, ...]:
    kind, arguments = instance.request_type, instance.args
    if kind == "loglikelihood_rolling":
        return (_turn("assistant", arguments[0]),)
    if kind == "loglikelihood":
        return _turn("user", arguments[0]), _turn("assistant", arguments[1])
    prompt, media = arguments[0], arguments[2] if len(arguments) > 2 else {}
    turns = json.loads(prompt) if isinstance(prompt, _Chat) else [{"role": "user", "content": prompt}]
    messages = [_turn(turn["role"], turn["content"]) for turn in turns]
    if "audio" in media:
        raise InputError(f"lm-eval's {task.task_name} asks about sound; no runner here sends any")
    if media.get("visual"):
        last = messages[-1]
        # As lm-eval's own API models do: the images first, then the text with its <image> marks.
        pictures = tuple(_image(picture) for picture in media["visual"])
        messages[-1] = Message(last.role, (*pictures, *last.parts))
    return tuple(messages)


def _turn(role: Any, text: str) -> Message:
    return Message(role, (Text(text),))


def _image(picture: Any) -> Image:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return Image("image/png", buffer.getvalue(), "auto")


def _params(kwargs: Mapping[str, Any]) -> Params:
    """Return ``generation_kwargs`` as lm-eval's own API models read them: greedy unless told, 256 tokens."""
    rest = dict(kwargs)
    rest.pop("do_sample", None)
    budgets = [rest.pop(key) for key in _BUDGET if key in rest]
    until = rest.pop("until", None) or []
    return Params(
        max_tokens=int(budgets[0]) if budgets else MAX_TOKENS,
        temperature=float(rest.pop("temperature", 0)),
        top_p=rest.pop("top_p", None),
        # Four is what OpenAI's API takes, and where lm-eval's own chat models cut the list.
        stop=tuple([until] if isinstance(until, str) else until)[:4],
        extra=rest,
    )
