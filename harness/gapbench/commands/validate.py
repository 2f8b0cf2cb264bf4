"""`bench validate`: check suites without sending a request."""

from __future__ import annotations

import click

from gapbench.commands.options import allow_code_option


@click.command("validate", epilog="Example: bench validate my-suite.yaml")
@click.argument("suites", nargs=-1, required=True)
@allow_code_option
def validate_command(suites: tuple[str, ...], *, allow_code: bool) -> None:
    """Check SUITES with their tasks, tools, data, scorers, targets and runners; exit 2 at the first error.

    Scores the references of single replies with tools, which must be right.

    Warns about prompts that cannot lead to a right answer: the same prompt for all samples, letters as targets that no
    prompt explains, and a column of images that no prompt shows.
    """
    from gapbench.errors import InputError
    from gapbench.execution.setup import (
        Selection,
        build_run_setup,
        enforce_data_policy,
        find_missing_requirements,
    )
    from gapbench.formatting import count_of, escape_invisible
    from gapbench.scoring.task_scorer import find_failing_references, find_unscorable_samples
    from gapbench.suite.tasks.prompt_problems import find_prompt_problems

    for suite in suites:
        setup = build_run_setup(Selection(suite, allow_code=allow_code))
        enforce_data_policy(setup)
        plan = setup.plan
        for task in plan.tasks:
            count, problem = find_unscorable_samples(task)
            if count:
                raise InputError(f"{problem}; fix the rows, the template of the target, or the scorer")
            count, problem = find_failing_references(task)
            if count:
                raise InputError(f"{problem}; fix the reference, the target, or the scorer")
        click.echo(
            f"{suite}: valid: {count_of(len(plan.models), 'model')}, {count_of(len(plan.tasks), 'task')}, "
            f"{count_of(sum(len(task.samples) for task in plan.tasks), 'sample')}, {count_of(plan.requests_total, 'request')}"
            + (f", {len(plan.searches)} search{'es' * (len(plan.searches) > 1)}" if plan.searches else "")
        )
        for task in plan.tasks:
            for problem in find_prompt_problems(task):
                click.echo(f"  warning: {escape_invisible(problem)}")
        for model_id, problem in find_missing_requirements(setup).items():
            click.echo(f"  {model_id} cannot be called yet: {problem}")
