"""One running peer program with a folder of its own. Knows no protocol; not bound to an event loop."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tests.peers.available import bounded, hand_over
from tests.peers.waiting import until


class PeerStartError(Exception):
    """A peer program did not come up; the text holds the end of its output."""


class PeerProcess:
    """Starts, stops and kills a program whose output goes to a file in its folder."""

    def __init__(self, name: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"linegram-{name}-"))
        self.folder.chmod(0o755)
        self._output = self.folder / "output.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the running program."""
        assert self._process is not None, "not started"
        return self._process.pid

    def is_running(self) -> bool:
        """Tell whether the program has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def output(self) -> str:
        """Read what the program has printed so far."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def start(self, command: Sequence[str]) -> None:
        """Start the program as an ordinary user. Call it from the main thread: it dies with its parent."""
        assert not self.is_running(), "already running"
        hand_over(self.folder)
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                bounded(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env={"PATH": os.defpath, "TERM": "dumb", "HOME": str(self.folder), "LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )

    async def wait_until(self, is_ready: Callable[[], Awaitable[bool]], timeout_s: float = 30) -> None:
        """Wait until the started program is ready.

        Raises PeerStartError when it ends or takes too long; nothing of it is left then.
        """

        async def is_up() -> bool:
            if not self.is_running():
                raise PeerStartError(f"ended at once: {self.output()[-2000:]}")
            return await is_ready()

        try:
            await until(is_up, timeout_s)
        except TimeoutError:
            complaint = f"not ready after {timeout_s} s: {self.output()[-2000:]}"
            await self.close()
            raise PeerStartError(complaint) from None
        except BaseException:
            await self.close()
            raise

    async def wait(self, timeout_s: float) -> int:
        """Wait for the program's own end and return its exit status. Raises TimeoutError."""
        assert self._process is not None, "not started"
        await until(self._has_ended, timeout_s)
        return self._process.wait()

    async def _has_ended(self) -> bool:
        return not self.is_running()

    async def stop(self, timeout_s: float = 10) -> None:
        """Ask the program to end, and kill it when it does not."""
        if self._process is None:
            return
        if self.is_running():
            self._process.send_signal(signal.SIGTERM)
        try:
            await self.wait(timeout_s)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End the program and its children at once by SIGKILL, as a crash would."""
        if self.is_running() and self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self.wait(10)
            await until(self._has_no_child, 10)

    async def _has_no_child(self) -> bool:
        return not living_group(self.pid)

    async def close(self) -> None:
        """Stop the program and remove its folder."""
        await self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def living_group(group: int) -> list[int]:
    """List the living processes of a group; dead ones that nobody has waited for do not count."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, process_group, *_ = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue  # it has ended in between
        if int(process_group) == group and state not in "ZX":
            members.append(int(stat.parent.name))
    return members
