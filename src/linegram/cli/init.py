"""`linegram init`: from nothing to a service that can start. May be run again at any time."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from linegram.cli.configuration_file import ConfigurationFile
from linegram.cli.logs import configure_logs
from linegram.cli.running import only_service
from linegram.cli.terminal import ConsoleTerminal
from linegram.config import LogSettings


def init(
    context: typer.Context,
    *,
    is_new_sign_in: Annotated[
        bool, typer.Option("--sign-in", help="Sign the calling account in anew, perhaps another one.")
    ] = False,
) -> None:
    """Set Linegram up: bot, application, calling account. Asks only for what is missing."""
    given: Path | None = context.obj
    configure_logs(LogSettings(level="error"))  # a person reads this; refusals are said as sentences
    file = ConfigurationFile(given)
    with only_service(file.settings().data_dir):
        terminal = ConsoleTerminal()
        with terminal.busy("Starting ..."):
            from linegram.cli.set_up import set_up  # noqa: PLC0415 - loads the libraries of Telegram

        asyncio.run(set_up(file, terminal, is_new_sign_in=is_new_sign_in))
