"""Turn generators of reasoning-gym into tasks."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import chain, zip_longest

from gapbench.suite.documents import Document, KeyPath
from gapbench.suite.reasoning_gym.entry import (
    GeneratorDocument,
    ReasoningGymEntry,
    reasoning_gym_entries,
    task_name,
)
from gapbench.suite.reasoning_gym.package import (
    PACKAGE,
    Gym,
    GymItem,
    UnmadeItemsError,
    describe_package,
    make_items,
)
from gapbench.suite.tasks.task import Task
from gapbench.suite.tasks.task_places import TaskPlaces
from gapbench.values import Message, Sample, Text, canonical_json, sha256

LICENSE = "Apache-2.0"


def load_reasoning_gym_tasks(
    document: Document, only: Collection[str], limit: int | None, places: TaskPlaces
) -> list[Task]:
    """Return the tasks that a suite's entries for reasoning-gym stand for.

    Args:
        document: The suite.
        only: Names of tasks; (): all.
        limit: N samples of each task, on top of the entries' own. None: no further limit.
        places: The suite's other tasks.

    Raises:
        DocumentError: A generator, level or field does not exist, or the package cannot make the items.
        SetupError: The package is not installed, or no sandbox works on this machine.
    """
    tasks: list[Task] = []
    for at, entry in reasoning_gym_entries(document):
        gym = describe_package()
        for generator, given in entry.generators().items():
            name = task_name(generator)
            place = (*at, "reasoning_gym", generator)
            places.add(name, at)
            _check_generator(document, place, generator, given, gym)
            if only and name not in only:
                continue
            limits = [bound for bound in (given.limit, entry.limit, limit) if bound is not None]
            try:
                tasks.append(convert_generator(gym, generator, given, entry, min(limits, default=None)))
            except UnmadeItemsError as exc:
                raise document.error(
                    place, f"reasoning-gym cannot make these items: {exc}; change levels, range or config"
                ) from exc
    return tasks


def _check_generator(
    document: Document, place: KeyPath, generator: str, given: GeneratorDocument, gym: Gym
) -> None:
    about = gym.generators.get(generator)
    if about is None:
        near = difflib.get_close_matches(generator, gym.generators, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise document.error(
            place,
            f"reasoning-gym {gym.version} has no generator {generator!r}; {hint}there are {len(gym.generators)}, such as "
            "zebra_puzzles: `bench list reasoning_gym` names them",
        )
    for number, level in enumerate(given.levels or ()):
        at = (*place, "levels", number)
        if about.levels == 0:
            raise document.error(at, f"{generator} has no levels; remove them, and set its config")
        if level >= about.levels:
            raise document.error(at, f"found level {level}; {generator} has levels 0 to {about.levels - 1}")
        if level in (given.levels or ())[:number]:
            raise document.error(at, f"level {level} is listed twice")
    for field in given.config:
        if field in {"seed", "size"}:
            key = "seed" if field == "seed" else "count"
            raise document.error((*place, "config", field), f"write {key} next to config instead")
        if field not in about.fields:
            names = sorted({*about.fields} - {"seed", "size"})
            near = difflib.get_close_matches(field, names, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise document.error(
                (*place, "config", field),
                f"{generator} has no such field; {hint}its fields: {', '.join(names)}",
            )


def convert_generator(
    gym: Gym, generator: str, given: GeneratorDocument, entry: ReasoningGymEntry, limit: int | None = None
) -> Task:
    """Return one generator's items as a task; those of several levels take turns.

    Args:
        gym: The package.
        generator: One of its generators.
        given: What the suite says of it.
        entry: The entry that it is in.
        limit: N samples. None: all.

    Raises:
        UnmadeItemsError: The package cannot make the items.
    """
    levels: Sequence[int | None] = given.levels or [None]
    by_level = [
        [(level, number, item) for number, item in enumerate(make_items(generator, level, given))]
        for level in levels
    ]
    rows = [row for row in chain.from_iterable(zip_longest(*by_level)) if row is not None][:limit]
    repeated = Counter(item.question for _, _, item in rows)
    samples = tuple(
        _convert_item(gym, generator, given, level, number, item, is_repeated=repeated[item.question] > 1)
        for level, number, item in rows
    )
    settings = [generator, given.model_dump(exclude={"limit"}), gym.version, gym.sha256]
    # Other packages make parts of the items, so these count as well.
    content = sha256(canonical_json([[item.question, item.answer] for _, _, item in rows]))
    return Task(
        name=task_name(generator),
        category=entry.category,
        version=gym.version,
        sha256=sha256(canonical_json([PACKAGE, settings, content])),
        samples=samples,
        scorer_name="reasoning_gym",
        license=LICENSE,
        source=f"{PACKAGE} {gym.version}",
        origin=f"{PACKAGE} {gym.version}, {generator}, seed {given.seed}",
        rungs=gym.generators[generator].levels if given.levels else None,
        rung_measure="level of reasoning-gym" if given.levels else None,
    )


def _convert_item(
    gym: Gym,
    generator: str,
    given: GeneratorDocument,
    level: int | None,
    number: int,
    item: GymItem,
    *,
    is_repeated: bool,
) -> Sample:
    label = "default" if level is None else f"level{level}"
    return Sample(
        sample_id=f"{generator}-{label}-{given.seed}-{number}",
        messages=(
            Message("system", (Text(gym.system_prompt),)),
            Message("user", (Text(item.question),)),
        ),
        target=item.answer,
        cluster_id=f"{generator}:{sha256(item.question)[:16]}" if is_repeated else None,
        tags=(gym.generators[generator].folder, *(() if level is None else (label,))),
        columns={"generator": generator, "level": level, "entry": item.entry},
        reference=None if item.answer is None else write_answer(item.answer),
        decoy=write_answer(item.decoy),
        # The package counts levels from 0.
        rung=None if level is None else level + 1,
        complexity=None if level is None else float(level),
    )


def write_answer(answer: str) -> str:
    """Return a reply with an answer in the tags that the package asks for."""
    return f"<answer>{answer}</answer>"
