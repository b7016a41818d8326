"""`linegram check`: whether everything that Linegram needs is there, one line each."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from linegram.cli.findings import Finding, Mark
from linegram.cli.logs import configure_logs
from linegram.cli.running import running_service
from linegram.config import LogSettings, Settings, load_settings
from linegram.errors import RefusedError

_STYLES: Final[Mapping[Mark, str]] = MappingProxyType(
    {Mark.OK: "green", Mark.FAILED: "bold red", Mark.NOT_CHECKED: "dim"}
)


def check(context: typer.Context) -> None:
    """Check settings, Telegram, ports and every registration; exit code 1 if something fails."""
    configure_logs(LogSettings(level="error"))
    console = Console(highlight=False, soft_wrap=True)
    try:
        settings = load_settings(context.obj)
    except RefusedError as refused:
        _show(console, Finding("configuration", Mark.FAILED, str(refused)))
        raise typer.Exit(1) from None
    if asyncio.run(_has_failed(settings, console)):
        raise typer.Exit(1)


async def _has_failed(settings: Settings, console: Console) -> bool:
    """Show findings as they come, and that more is to come."""
    has_failed = False
    with console.status("Checking ...") as status:
        async for finding in _findings(settings):
            has_failed |= finding.mark is Mark.FAILED
            _show(console, finding)
            status.update(f"Checking, after {finding.name} ...")
    return has_failed


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    from linegram.cli.inspection import inspect  # noqa: PLC0415 - loads the libraries of Telegram

    async for finding in inspect(settings, running_service(settings.data_dir)):
        yield finding


def _show(console: Console, finding: Finding) -> None:
    console.print(
        Text.assemble(
            (f"{finding.mark.value:<5}", _STYLES[finding.mark]), f"{finding.name:<17} ", finding.text
        )
    )
