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
from gapbench.suite.lm_eval.aggregate_metrics import aggregate_metrics
from gapbench.suite.lm_eval.entry import LmEvalEntry
from gapbench.suite.lm_eval.sample_scores import DocumentScorer
from gapbench.suite.tasks.grader import StoredReply
from gapbench.suite.tasks.task import Task
from gapbench.values import Image, Message, Params, Sample, Text, canonical_json, sha256

DEFAULT_MAX_TOKENS = 256
"""Where a task names no ``max_gen_toks``: the default of lm-eval's own API models."""
_MAX_TOKENS_KEYS = ("max_tokens", "max_gen_toks", "max_new_tokens", "max_completion_tokens")


class _ChatPrompt(str):
    """A prompt that the chat template hook made: messages as JSON, which its type distinguishes from plain text."""

    __slots__ = ()


def _chat_template(history: Sequence[Mapping[str, str]], **_: Any) -> str:
    return _ChatPrompt(json.dumps(list(history), ensure_ascii=False))


@dataclass(frozen=True)
class LmEvalScorer:
    """All tasks that one entry of a suite stands for, and the judge of their replies.

    Attributes:
        entry: What the suite says.
        task_dict: lm-eval's tasks and groups by name.
        limit: First N documents of each task. None: all.
    """

    entry: LmEvalEntry
    task_dict: Mapping[str, Any]
    limit: int | None

    @property
    def name(self) -> str:
        """What the suite calls it."""
        return self.entry.lm_eval

    def convert_tasks(self) -> list[Task]:
        """Convert lm-eval's tasks to gapbench tasks."""
        return [self._convert_task(name, task) for name, task in self.task_dict["tasks"].items()]

    def cell_scorer(self, task: str, earlier_replies: Iterable[StoredReply]) -> DocumentScorer:
        """Return the judge of a new cell; see :class:`gapbench.suite.tasks.grader.ExternalScorer`."""
        return DocumentScorer(self.task_dict["tasks"][task], self.entry, earlier_replies)

    def aggregate_metrics(self, replies: Mapping[str, Sequence[StoredReply]]) -> list[dict[str, Any]]:
        """Return lm-eval's own figures; see :class:`gapbench.suite.tasks.grader.ExternalScorer`."""
        return aggregate_metrics(self.name, self.task_dict, self.limit, replies)

    def _convert_task(self, name: str, task: Any) -> Task:
        if getattr(task, "UNSAFE_CODE", False):
            raise InputError(
                f"lm-eval's {name} runs the model's code in this process; here such code runs in the sandbox "
                "alone: bring its data as JSONL with `scorer: code`"
            )
        generates = task.OUTPUT_TYPE == "generate_until"
        task.set_fewshot_seed(seed=library.NUMPY_AND_FEWSHOT_SEED)
        task.build_all_requests(
            limit=self.limit,
            apply_chat_template=generates,
            fewshot_as_multiturn=generates,
            chat_template=_chat_template if generates else None,
        )
        siblings: dict[int, int] = {}
        for instance in task.instances:
            siblings[instance.doc_id] = siblings.get(instance.doc_id, 0) + 1
        samples = tuple(
            _convert_sample(task, instance, siblings[instance.doc_id]) for instance in task.instances
        )
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
                    [
                        version("lm-eval"),
                        config,
                        [(one.sample_id, _hashable_messages(one)) for one in samples],
                    ]
                )
            ),
            samples=samples,
            scorer_name="lm_eval",
            params=_convert_params(kwargs[0]) if kwargs else Params(),
            source=self.name,
            repeats=int(task.get_config("repeats") or 1),
            external_scorer=self,
        )


# Paths of this machine, and what the samples' own hash covers.
_NOT_HASHED = {"metadata", "dataset_kwargs", "dataset_path"}


def _hashable_messages(sample: Sample) -> list[Any]:
    return [
        [message.role, message.text, [image.sha256 for image in message.images]]
        for message in sample.messages
    ]


def convert_entry(
    entry: LmEvalEntry,
    folder: Path,
    limit: int | None,
    *,
    closed_models: Sequence[str] = (),
    allow_code: bool = False,
) -> list[Task]:
    """Return the tasks that an entry stands for, with every prompt written out.

    Args:
        entry: What the suite says.
        folder: The suite's, for a task YAML by path.
        limit: First N documents of each task, on top of the entry's own. None: no further limit.
        closed_models: Models with closed weights that will be asked.
        allow_code: Whether Python that a user's YAML names may run.

    Raises:
        InputError: There is no such task, or it cannot be run here.
        SetupError: lm-eval is missing, or the task's data cannot be loaded.
    """
    limits = [bound for bound in (entry.limit, limit) if bound is not None]
    library.import_lm_eval()
    with library.seed_generators(), library.suppress_output():
        loaded = library.load_task_dict(
            entry.lm_eval,
            folder,
            num_fewshot=entry.num_fewshot,
            closed_models=closed_models,
            allow_code=allow_code,
        )
        tasks = LmEvalScorer(entry, loaded, min(limits, default=None)).convert_tasks()
    weighed = [task for task in tasks if task.samples[0].needs_logprobs]
    if weighed and closed_models:  # a task written as a Python class can be recognized only now
        raise generative_equivalents.closed_model_error(weighed[0].name, closed_models, ())
    return tasks


def request_sample_id(doc_id: int, index: int, siblings: int) -> str:
    """Return the id of a request: its document, and which of the document's requests it is."""
    return str(doc_id) if siblings == 1 else f"{doc_id}.{index}"


def _convert_sample(task: Any, instance: Any, siblings: int) -> Sample:
    target = task.doc_to_target(instance.doc)
    return Sample(
        sample_id=request_sample_id(instance.doc_id, instance.idx, siblings),
        messages=_convert_messages(task, instance),
        target=target if isinstance(target, (str, int, float, bool)) else json.loads(canonical_json(target)),
        cluster_id=str(instance.doc_id),
        needs_logprobs=instance.request_type != "generate_until",
    )


def _convert_messages(task: Any, instance: Any) -> tuple[Message, ...]:
    kind, arguments = instance.request_type, instance.args
    if kind == "loglikelihood_rolling":
        return (_text_message("assistant", arguments[0]),)
    if kind == "loglikelihood":
        return _text_message("user", arguments[0]), _text_message("assistant", arguments[1])
    prompt, media = arguments[0], arguments[2] if len(arguments) > 2 else {}
    turns = json.loads(prompt) if isinstance(prompt, _ChatPrompt) else [{"role": "user", "content": prompt}]
    messages = [_text_message(turn["role"], turn["content"]) for turn in turns]
    if "audio" in media:
        raise InputError(f"lm-eval's {task.task_name} asks about sound; no runner here sends any")
    if media.get("visual"):
        last = messages[-1]
        # As lm-eval's own API models do: the images first, then the text with its <image> marks.
        pictures = tuple(_convert_image(picture) for picture in media["visual"])
        messages[-1] = Message(last.role, (*pictures, *last.parts))
    return tuple(messages)


def _text_message(role: Any, text: str) -> Message:
    return Message(role, (Text(text),))


def _convert_image(picture: Any) -> Image:
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return Image("image/png", buffer.getvalue(), "auto")


def _convert_params(kwargs: Mapping[str, Any]) -> Params:
    """Return ``generation_kwargs`` as lm-eval's own API models read them: greedy unless set otherwise, 256 tokens."""
    rest = dict(kwargs)
    rest.pop("do_sample", None)
    budgets = [rest.pop(key) for key in _MAX_TOKENS_KEYS if key in rest]
    until = rest.pop("until", None) or []
    return Params(
        max_tokens=int(budgets[0]) if budgets else DEFAULT_MAX_TOKENS,
        temperature=float(rest.pop("temperature", 0)),
        top_p=rest.pop("top_p", None),
        # Four is what OpenAI's API takes, and where lm-eval's own chat models cut the list.
        stop=tuple([until] if isinstance(until, str) else until)[:4],
        extra=rest,
    )
