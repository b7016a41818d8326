"""Turns what went wrong for a person into one sentence and exit code 1."""

from typing import Any

import typer
from typer.core import TyperGroup

from linegram.errors import RefusedError, UnavailableError


class SentenceGroup(TyperGroup):
    """A group of commands whose refusals are sentences; everything else is a bug and shows its trace."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (RefusedError, UnavailableError) as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(1) from error
