"""The terminal of `linegram init` on a real (pseudo) terminal: secrets do not show, Ctrl-C ends at once."""

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from linegram.cli.terminal import ConsoleTerminal

WAIT_S = 60.0
_TALK = """
import asyncio, fcntl, termios
from linegram.cli.terminal import ConsoleTerminal

async def talk():
    terminal = ConsoleTerminal()
    terminal.say("[bold]brackets stay[/bold]")
    with terminal.busy("Looking ..."):
        await asyncio.sleep(0)
    print("heard", [terminal.ask("Name"), len(terminal.ask_hidden("Password"))])
    terminal.ask("Last")

fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # this terminal is ours: hidden questions open it by name
asyncio.run(talk())
"""


class TerminalProcess:
    """A process on a pseudo terminal of its own."""

    def __init__(self, script: str) -> None:
        self.master, inner = pty.openpty()
        os.set_blocking(self.master, False)
        self.seen = ""
        self.process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            start_new_session=True,
        )
        os.close(inner)

    def read_until(self, is_enough: Callable[[], bool]) -> str:
        """Read until it is enough, and return all that was shown."""
        limit = time.monotonic() + WAIT_S
        while not is_enough():
            assert time.monotonic() < limit, self.seen
            try:
                self.seen += os.read(self.master, 65536).decode()
            except BlockingIOError:
                time.sleep(0.02)
            except OSError:  # the other end is closed
                self.process.wait(WAIT_S)
                break
        return self.seen

    def answer(self, question: str, typed: str) -> None:
        self.read_until(lambda: f"{question}:" in self.seen)
        os.write(self.master, typed.encode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def talk() -> Iterator[TerminalProcess]:
    process = TerminalProcess(_TALK)
    yield process
    process.close()


@pytest.mark.slow
def test_hidden_answers_do_not_show_and_ctrl_c_ends_a_question_at_once(talk: TerminalProcess) -> None:
    talk.answer("Name", " Anna \n")
    talk.answer("Password", "hush hush\n")
    talk.answer("Last", "\x03")
    seen = talk.read_until(lambda: talk.process.poll() is not None)
    assert "heard ['Anna', 9]" in seen
    assert "[bold]brackets stay[/bold]" in seen
    assert "hush" not in seen
    assert "Abort" in seen
    assert talk.process.wait(WAIT_S) == 1


def test_a_qr_code_is_drawn_in_lines_of_one_width(capsys: pytest.CaptureFixture[str]) -> None:
    ConsoleTerminal().show_qr("tg://login?token=" + "A" * 43)
    lines = capsys.readouterr().out.rstrip("\n").splitlines()
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines) * 2 - 1 == len(lines[0]) >= 29
    assert set("".join(lines)) <= set("█▀▄ \xa0")
