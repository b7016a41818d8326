"""The `linegram` command as a process of its own, as a person or a service manager starts it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from linegram.config import write_configuration
from linegram.sandbox.office import SandboxOffice

WAIT_S = 60.0
"""Loading the libraries of Telegram takes seconds on a busy machine."""


class Command:
    """One running command: what it wrote, and how to type to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.seen = ""

    async def until(self, text: str) -> str:
        """Wait until the command wrote this, and return all of its standard output so far."""
        assert self.process.stdout is not None
        async with asyncio.timeout(WAIT_S):
            while text not in self.seen:
                chunk = await self.process.stdout.read(4096)
                if not chunk:
                    raise AssertionError(f"{text!r} never came: {self.seen} {await self.errors()}")
                self.seen += chunk.decode()
        return self.seen

    def type(self, line: str) -> None:
        """Type a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())

    async def errors(self) -> str:
        """Everything on standard error; waits for the end."""
        assert self.process.stderr is not None
        return (await self.process.stderr.read()).decode()

    async def ended(self) -> tuple[int, str, str]:
        """Type no more and wait for the end; returns exit code, standard output and standard error."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(WAIT_S):
            out, err = await self.process.communicate()
        self.seen += out.decode()
        return self.process.returncode or 0, self.seen, err.decode()


@asynccontextmanager
async def command(folder: Path, *arguments: str, **variables: str) -> AsyncIterator[Command]:
    """Start `linegram` in a folder, without a terminal and without settings from our own environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LINEGRAM_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from linegram.cli import main; main()", *arguments,
        cwd=folder,
        env=environment | variables,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # no terminal: hidden questions read the standard input too
    )  # fmt: skip
    try:
        yield Command(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def write_settings(office: SandboxOffice, **values: str | int) -> None:
    """Write the configuration of a sandbox office; `telegram__phone=""` and the like change it."""
    settings = office.settings()
    telegram = settings.telegram
    written: dict[str, str | int] = {
        "telegram.api_id": telegram.api_id,
        "telegram.api_hash": telegram.api_hash.get_secret_value(),
        "telegram.bot_token": telegram.bot_token.get_secret_value(),
        "telegram.phone": telegram.phone,
        **sandbox_server(office),
    }
    changed = {name.replace("__", "."): value for name, value in values.items()}
    write_configuration(office.folder / "linegram.toml", written | changed)


def sandbox_server(office: SandboxOffice) -> dict[str, str | int]:
    """The settings that lead to a sandbox instead of Telegram, on free ports."""
    telegram = office.settings().telegram
    return {
        "telegram.bot_api_url": telegram.bot_api_url,
        "telegram.server_host": telegram.server_host,
        "telegram.server_port": telegram.server_port,
        "telegram.public_key_file": str(telegram.public_key_file),
        "sip.bind_ip": "127.0.0.1",
        "sip.port": 0,
        "rtp.bind_ip": "127.0.0.1",
    }
