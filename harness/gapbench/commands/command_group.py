"""The groups of commands, such as `bench traffic`: their help has whole sentences."""

from __future__ import annotations

import inspect

import click


class CommandGroup(click.Group):
    """A group whose help lists the whole first sentence of each command; click's own list cuts it at one line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with what they do."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, _first_sentence(command)) for name, command in commands if command])


def _first_sentence(command: click.Command) -> str:
    paragraph = inspect.cleandoc(command.help or "").split("\n\n")[0]
    return f"{' '.join(paragraph.split()).split('. ')[0].removesuffix('.')}."
