"""`linegram demo`: two calls through a whole office on this machine, shown as they happen, and judged.

Imports the service only when it is wanted: the libraries of Telegram take seconds to load.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from linegram.cli.logs import configure_logs
from linegram.config import LogSettings
from linegram.errors import UnavailableError

if TYPE_CHECKING:
    from linegram.sandbox.demo import Moment
    from linegram.sandbox.demo_call import CallRecord
    from linegram.sandbox.demo_report import Row

LOG_NAME: Final = "linegram.log"
PICTURE_NAME: Final = "demo.png"
_SET_UP_S: Final = 60.0
_PLAIN_WIDTH: Final = 110
_COLOURS: Final = {"Anna": "cyan", "Boris": "yellow", "Vera": "yellow", "PBX": "magenta", "Chat": "green"}


def demo(
    *,
    out: Annotated[Path, typer.Option(help="Folder for recordings, picture and log.")] = Path("demo-out"),
    seconds: Annotated[
        float, typer.Option(min=2.0, max=300.0, help="How long people talk in each call.")
    ] = 8.0,
    plain: Annotated[
        bool, typer.Option("--plain", help="Only lines of text: no colours, no spinner.")
    ] = False,
) -> None:
    """Show a call in and a call out on this machine: needs no account, no PBX, no network."""
    view = DemoView(is_plain=plain)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="linegram-demo-") as folder:
        os.environ["MPLCONFIGDIR"] = folder  # matplotlib keeps a cache of fonts: not in the home folder
        with _errors_into(out / LOG_NAME):
            configure_logs(LogSettings())
            with view.busy("Loading the service"):
                records = asyncio.run(_run(Path(folder), seconds, view))
            with view.busy("Drawing"):
                rows, written, picture = _keep(out, records)
    view.show_result(records, rows)
    view.show_files(out, len(written), picture)
    if wrong := _judge(rows):
        raise UnavailableError("\n".join(wrong))
    view.say("Everybody heard everybody.")


class DemoView:
    """What the person at the terminal sees of it."""

    def __init__(self, *, is_plain: bool) -> None:
        self._is_plain = is_plain
        width = _PLAIN_WIDTH if is_plain or not sys.stdout.isatty() else None
        self._console = Console(
            highlight=False,
            width=width,
            no_color=is_plain or None,
            force_terminal=False if is_plain else None,
        )
        self.last = "nothing"

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Show that something goes on; what exactly, is told by the moments."""
        if self._is_plain:
            yield
            return
        with self._console.status(what) as self._status:
            yield

    def note(self, moment: "Moment") -> None:
        """Add a line to the timeline."""
        self.last = f"{moment.who}: {moment.what}"
        colour = _COLOURS.get(moment.who, "blue")
        line = f"[dim]{moment.at_s:8.3f}[/dim]  [{colour}]{moment.who:<8}[/{colour}]  {escape(moment.what)}"
        self._console.print(line, soft_wrap=True)
        if not self._is_plain:
            self._status.update(escape(f"{moment.who}: {moment.what}"))

    def show_result(self, records: "list[CallRecord]", rows: "list[Row]") -> None:
        """Show the final tables."""
        self._console.print()
        self._console.print(_setup_table(records))
        self._console.print(_sound_table(rows))
        self._console.print(
            "[dim]Delay: from saying a frame to its play-out at the listener's, jitter buffers included.\n"
            "Similarity: cross-correlation of said and heard; 1.00 is the same wave, other words reach 0.3.\n"
            "Lost: RTP packets between PBX and worker.[/dim]"
        )

    def show_files(self, out: Path, recordings: int, picture: str) -> None:
        """Say what was written where."""
        self.say(f"{recordings} recordings, {picture}, {LOG_NAME}: in {out}")

    def say(self, sentence: str) -> None:
        """Show a sentence."""
        self._console.print(escape(sentence), soft_wrap=True)


async def _run(folder: Path, talk_s: float, view: DemoView) -> "list[CallRecord]":
    from linegram.sandbox.demo import Demo  # noqa: PLC0415 - see the head of this file

    try:
        async with asyncio.timeout(_SET_UP_S + 2 * talk_s):
            return await Demo(folder, talk_s=talk_s, note=view.note).run()
    except TimeoutError as error:
        raise UnavailableError(f"The demo stood still. The last that happened was: {view.last}.") from error
    except UnavailableError as error:
        reason = str(error).rstrip(".")
        raise UnavailableError(
            f"{reason[:1].upper()}{reason[1:]}. The last that happened was: {view.last}."
        ) from error


def _keep(out: Path, records: "list[CallRecord]") -> "tuple[list[Row], list[Path], str]":
    """Measure, and write recordings and picture."""
    from linegram.sandbox.demo_picture import draw  # noqa: PLC0415
    from linegram.sandbox.demo_report import rows_of, write_recordings  # noqa: PLC0415

    rows = rows_of(records)
    written = write_recordings(out, rows)
    try:
        draw(out / PICTURE_NAME, rows)
    except UnavailableError as error:
        return rows, written, str(error)
    return rows, written, PICTURE_NAME


def _judge(rows: "list[Row]") -> list[str]:
    from linegram.sandbox.demo_report import complaints  # noqa: PLC0415

    return complaints(rows)


def _setup_table(records: "list[CallRecord]") -> Table:
    table = Table("call", "from → to", "ms", title="Set-up times", title_justify="left")
    table.columns[2].justify = "right"
    for record in records:
        for what, took_ms in record.setup_ms.items():
            table.add_row(record.title, what, f"{took_ms:.0f}")
    return table


def _sound_table(rows: "list[Row]") -> Table:
    table = Table(title="Sound", title_justify="left")
    table.add_column("call")
    table.add_column("direction")
    table.add_column("codec")
    for name in ("delay ms", "lost %", "level dBFS", "similarity"):
        table.add_column(name, justify="right")
    table.add_column("heard")
    for row in rows:
        hearing = row.hearing
        table.add_row(
            row.call,
            row.direction,
            row.codec,
            "—" if hearing.delay_ms is None else f"{hearing.delay_ms:.0f}",
            f"{row.lost_percent:.1f}",
            f"{hearing.level_dbfs:.1f}",
            f"{hearing.similarity:.2f}",
            "[green]yes[/green]" if hearing.is_heard else "[red]NO[/red]",
        )
    return table


@contextmanager
def _errors_into(log: Path) -> Iterator[None]:
    """Send standard error of this process and of its children to a file, so that the display stays whole."""
    sys.stderr.flush()
    kept = os.dup(2)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
