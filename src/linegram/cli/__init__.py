"""The `linegram` command. Each command has a file of its own and is registered here.

Commands read settings, call one use case and print what came of it; they
decide nothing. What goes wrong for a person is one sentence on stderr and exit
code 1.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from linegram.cli import accounts
from linegram.cli.check import check
from linegram.cli.demo import demo
from linegram.cli.fieldtest.command import fieldtest
from linegram.cli.init import init
from linegram.cli.sentences import SentenceGroup
from linegram.cli.serve import serve

app = typer.Typer(
    cls=SentenceGroup,
    help="An office telephone inside Telegram.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # a local variable may be a password
)
app.add_typer(accounts.app, name="accounts")
app.command()(demo)
app.command()(init)
app.command()(serve)
app.command()(check)
app.command()(fieldtest)


def _print_version(is_wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if is_wanted:
        typer.echo(f"linegram {version('linegram')}")
        raise typer.Exit


@app.callback()
def _common_options(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(help="Configuration file; else LINEGRAM_CONFIG, else linegram.toml in this folder."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    context.obj = config


def main() -> None:
    """Run the command line."""
    app()
