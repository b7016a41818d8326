"""sipp for a test: one scenario, played as a caller or as a callee, and its result."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.addresses import free_port, is_bound, own_address
from tests.peers.available import find_peer
from tests.peers.process import PeerProcess


@dataclass(frozen=True)
class SippResult:
    """How a scenario ended: status 0 when every call went as written."""

    exit_status: int
    errors: str
    messages: str


class Sipp:
    """One sipp process. Enter it with `async with`: it then plays its scenario and listens on its port."""

    def __init__(
        self,
        scenario: Path | str,
        remote: str = "",
        *,
        transport: str = "udp",
        address: str | None = None,
        calls: int = 1,
        arguments: Sequence[str] = (),
        timeout_s: int = 30,
    ) -> None:
        """Prepare a scenario: a file, its text (`<?xml ...`), or the name of a built-in one (`uac`, `uas`).

        `remote` is ADDRESS:PORT of the other side; a callee needs none.
        """
        self.address = address or own_address()
        self.port = free_port(self.address)
        self._process = PeerProcess("sipp")
        self._timeout_s = timeout_s
        self._transport = transport
        self._is_caller = bool(remote)
        self._command = find_peer("sipp").command(
            *self._scenario_arguments(scenario),
            *(
                "-i",
                self.address,
                "-p",
                str(self.port),
                "-m",
                str(calls),
                "-nostdin",
                "-t",
                f"{transport[0]}1",
            ),
            *(
                "-trace_err",
                "-error_file",
                self._file("errors"),
                "-trace_msg",
                "-message_file",
                self._file("messages"),
            ),
            *("-timeout", f"{timeout_s}s", "-timeout_error", *arguments, *([remote] if remote else [])),
        )

    async def __aenter__(self) -> Self:
        """Start sipp and wait until it listens."""
        self._process.start(self._command)
        await self._process.wait_until(self._is_listening_or_done)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End sipp and remove its folder."""
        await self._process.kill()
        await self._process.close()

    async def result(self) -> SippResult:
        """Wait until all calls are over. Raises TimeoutError when sipp itself does not end."""
        status = await self._process.wait(self._timeout_s + 10)
        return SippResult(status, self._read("errors") or self._process.output(), self._read("messages"))

    async def _is_listening_or_done(self) -> bool:
        if self._transport == "tcp" and self._is_caller:
            return True  # it connects and never listens
        return is_bound(self.address, self.port, self._transport)

    def _scenario_arguments(self, scenario: Path | str) -> tuple[str, str]:
        if isinstance(scenario, Path):
            return "-sf", str(scenario)
        if scenario.lstrip().startswith("<"):
            file = self._process.folder / "scenario.xml"
            file.write_text(scenario.lstrip())
            return "-sf", str(file)
        return "-sn", scenario

    def _file(self, name: str) -> str:
        return str(self._process.folder / f"{name}.log")

    def _read(self, name: str) -> str:
        file = Path(self._file(name))
        return file.read_text(errors="replace") if file.exists() else ""


async def run_scenario(
    scenario: Path | str, remote: str, *, calls: int = 1, timeout_s: int = 30
) -> SippResult:
    """Play a caller's scenario against ADDRESS:PORT to its end."""
    async with Sipp(scenario, remote, calls=calls, timeout_s=timeout_s) as sipp:
        return await sipp.result()
