"""What cannot be sent from other machines, found before the first call."""

from __future__ import annotations

from gapbench.errors import InputError
from gapbench.execution.machines.cell_share import refuse_local_tools
from gapbench.execution.setup import RunSetup
from gapbench.values.cache_place import CachePlace


def refuse_on_machines(setup: RunSetup, cache: CachePlace | None) -> None:
    """Refuse a run that other machines cannot send as this one would.

    Args:
        setup: The run.
        cache: The response cache that the command line names. None: none.

    Raises:
        InputError: It has a response cache, a model that runs in this process, or tools that run where
            requests are sent; or other machines would have nothing to send.
    """
    live = [model for model in setup.plan.models if not model.batch]
    if not live:
        raise InputError(
            "--machines: every model is asked in batches, which this machine submits; leave it out, or run without batches"
        )
    if cache is not None or setup.suite.cache:
        place = "--cache" if cache is not None else f"{setup.suite.path}: cache"
        raise InputError(
            f"{place}: other machines do not use a response cache; leave it out, or run without --machines"
        )
    for task in setup.plan.tasks:
        refuse_local_tools(task)
    for model in live:
        if setup.runners[model.id].model_for_workers() is None:
            raise InputError(
                f"{setup.suite.model_location(model.id)}: model {model.id!r} runs in this process, which other machines cannot "
                "reach; run it without --machines, or serve it and give its base_url"
            )
