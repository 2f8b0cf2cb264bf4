"""`bench schema`: the columns of the Parquet tables, and the JSON Schema of a suite."""

from __future__ import annotations

import json

import click

from gapbench.commands.options import json_option


@click.command("schema", epilog="Examples: bench schema attempts; bench schema suite > suite.schema.json")
@click.argument(
    "kind",
    type=click.Choice(("attempts", "payload", "trajectories", "traffic", "suite")),
    default="attempts",
)
@json_option
def schema_command(kind: str, *, as_json: bool) -> None:
    """Print the columns of a Parquet table, or the JSON Schema of a suite for your editor."""
    if kind == "suite":
        from gapbench.suite.json_schema import suite_json_schema

        click.echo(json.dumps(suite_json_schema(), indent=2))
        return
    from gapbench.store.schema import derive_schema, describe_columns, describe_schema

    if kind == "traffic":
        from gapbench.traffic.record import TrafficRecord

        described = describe_schema(derive_schema(TrafficRecord))
    else:
        described = describe_columns(kind)
    columns = [
        {"column": name, "type": type_, "null": null, "meaning": doc} for name, type_, null, doc in described
    ]
    if as_json:
        click.echo(json.dumps(columns))
        return
    width = max(len(str(column["column"])) for column in columns)
    for column in columns:
        null = "?" if column["null"] else ""
        click.echo(
            f"{str(column['column']).ljust(width)}  {str(column['type']) + null:18}  {column['meaning']}"
        )
