"""`linegram fieldtest`: the command."""

import asyncio
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from linegram.cli.complete import require_complete
from linegram.cli.fieldtest.guide import RECORD_NAME
from linegram.cli.fieldtest.plan import make_plan
from linegram.cli.fieldtest.programme import Programme
from linegram.cli.fieldtest.results import Record, read_record
from linegram.cli.logs import configure_logs
from linegram.cli.running import only_service
from linegram.cli.terminal import ConsoleTerminal
from linegram.config import LogSettings, Settings, load_settings
from linegram.errors import RefusedError
from linegram.voice.engines import installed_engines


def fieldtest(
    context: typer.Context,
    *,
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("fieldtest-out"),
    calls: Annotated[int, typer.Option(min=1, max=20, help="Calls each way.")] = 10,
    is_resumed: Annotated[
        bool, typer.Option("--resume", help="Go on with the test that was broken off in the folder.")
    ] = False,
) -> None:
    """Try real calls with your own telephone for half an hour, and write a report."""
    settings = load_settings(context.obj)
    require_complete(settings)
    configure_logs(LogSettings(level="error"))
    record = resumed_record(out) if is_resumed else new_record(settings, out, calls)
    with only_service(settings.data_dir):
        terminal = ConsoleTerminal()
        with terminal.busy("Starting ..."):
            from linegram.cli.fieldtest.session import hold  # noqa: PLC0415 - loads Telegram's libraries

        asyncio.run(hold(settings, terminal, out, record, programme=Programme()))


def new_record(settings: Settings, folder: Path, calls_each_way: int) -> Record:
    """Plan a test. Raises RefusedError if another one is in the folder: its work must not be lost."""
    if (folder / RECORD_NAME).exists():
        raise RefusedError(
            f"There is a field test in {folder} already: go on with --resume, or choose another --out."
        )
    plan = make_plan(installed_engines(), settings.telegram.offered_versions, calls_each_way=calls_each_way)
    return Record(linegram=version("linegram"), plan=plan)


def resumed_record(folder: Path) -> Record:
    """Read the test that was broken off. Raises RefusedError if there is none."""
    try:
        return read_record((folder / RECORD_NAME).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RefusedError(f"There is no field test in {folder} to go on with.") from None
