"""The person at the terminal: what is said to him, and what he is asked."""

import io
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

import qrcode
import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text


class Terminal(Protocol):
    """What a dialog needs of a terminal. Tests have one that answers by itself."""

    def say(self, text: str) -> None:
        """Show a sentence or paragraph."""

    def ask(self, question: str) -> str:
        """Return one line that the person typed, without blanks around it."""

    def ask_hidden(self, question: str) -> str:
        """Return one line that does not show while it is typed."""

    def show_qr(self, url: str) -> None:
        """Draw a QR code."""

    def busy(self, what: str) -> AbstractContextManager[object]:
        """Show that something goes on, as long as the context is open."""


class ConsoleTerminal:
    """The terminal that the command was started in. Raises typer.Abort on Ctrl-C and at the end of input."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """Show a sentence or paragraph."""
        self._console.print(escape(text))

    def ask(self, question: str) -> str:
        """Return one line that the person typed, without blanks around it."""
        with _interruptible():
            return str(typer.prompt(question, default="", show_default=False)).strip()

    def ask_hidden(self, question: str) -> str:
        """Return one line that does not show while it is typed."""
        with _interruptible():
            return str(typer.prompt(question, default="", show_default=False, hide_input=True))

    def show_qr(self, url: str) -> None:
        """Draw a QR code, white on black whatever the colours of the terminal are."""
        code = qrcode.QRCode(border=2)
        code.add_data(url)
        drawn = io.StringIO()
        code.print_ascii(out=drawn, invert=True)
        self._console.print(Text(drawn.getvalue(), style="bright_white on black"))

    def busy(self, what: str) -> AbstractContextManager[object]:
        """Show that something goes on, as long as the context is open; nothing when nobody looks."""
        return self._console.status(escape(what))


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a question at once: asyncio's own handler would wait for the answer first."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
