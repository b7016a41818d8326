"""A real Asterisk for a test: its own folder, its own loopback address, ready when fully booted."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.peers.addresses import own_address
from tests.peers.ami import Ami
from tests.peers.asterisk_config import (
    AMI_SECRET,
    AMI_USER,
    MUSIC_HZ,
    Account,
    Site,
    configuration,
    usual_accounts,
)  # fmt: skip
from tests.peers.asterisk_dialplan import tone_number
from tests.peers.available import Peer, find_peer
from tests.peers.certificates import PeerTls
from tests.peers.process import PeerProcess
from tests.peers.tones import Recording, read_wav, sine, write_sln
from tests.peers.waiting import until

_FOLDERS = ("etc", "lib", "db", "keys/keys", "spool/tmp", "run", "log", "cache", "music", "recordings/part")


class Asterisk:
    """One PBX process. Several run side by side; only its `ami` connections are bound to an event loop."""

    def __init__(
        self,
        name: str = "asterisk22",
        accounts: Sequence[Account] | None = None,
        *,
        address: str | None = None,
        min_expires_s: int = 30,
        tls_names: Sequence[str] | None = None,
        wants_client_certificate: bool = False,
        ip6_port: int = 0,
    ) -> None:
        """`tls_names` switch TLS on, with a certificate for them and, if there are none, for the address."""
        self.peer = find_peer(name)
        self._process = PeerProcess(name)
        self._channel_ids = (f"{name}-{number}" for number in itertools.count(1))
        self.site = Site(
            folder=self._process.folder,
            modules=_modules_dir(self.peer),
            share=(self.peer.root or Path("/")) / "usr/share/asterisk",
            address=address or own_address(),
            min_expires_s=min_expires_s,
            accounts=usual_accounts() if accounts is None else accounts,
            ip6_port=ip6_port,
        )
        if tls_names is not None:
            names = tuple(tls_names) or (self.site.address,)
            tls = PeerTls(self._process.folder, names, wants_client=wants_client_certificate)
            self.site = replace(self.site, tls=tls)
        self._write_configuration()

    @property
    def _recordings(self) -> Path:
        return self.site.folder / "recordings"

    @property
    def address(self) -> str:
        """The loopback address that the PBX listens on."""
        return self.site.address

    @property
    def sip_port(self) -> int:
        """The port of SIP over UDP and TCP."""
        return self.site.sip_port

    @property
    def ip6_port(self) -> int:
        """The port of SIP over IPv6 loopback."""
        return self.site.ip6_port

    @property
    def tls(self) -> PeerTls:
        """By what the PBX is trusted."""
        assert self.site.tls is not None, "started without TLS"
        return self.site.tls

    @property
    def pid(self) -> int:
        """The process id of the PBX."""
        return self._process.pid

    def is_running(self) -> bool:
        """Tell whether the PBX process lives."""
        return self._process.is_running()

    async def __aenter__(self) -> Self:
        """Start the PBX."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the PBX and remove its folder."""
        await self.close()

    async def start(self) -> None:
        """Start the PBX and wait until it is fully booted. Raises PeerStartError."""
        for stale in (self.site.folder / "run").glob("asterisk.*"):
            stale.unlink()
        self._process.start(self.peer.command("-f", "-C", self.site.main_file))
        await self._process.wait_until(self._is_booted)

    async def stop(self) -> None:
        """Shut the PBX down in order, without waiting for its calls to end."""
        await self._process.stop()

    async def kill(self) -> None:
        """Kill the PBX by SIGKILL, as a crash would."""
        await self._process.kill()

    async def restart(self) -> None:
        """Stop the PBX and start it again: same configuration, same stored registrations."""
        await self.stop()
        await self.start()

    async def close(self) -> None:
        """Stop the PBX and remove its folder."""
        await self._process.close()

    async def cli(self, command: str) -> str:
        """Run a command of Asterisk's own command line and return what it prints."""
        words = self.peer.command("-C", self.site.main_file, "-rx", command)
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return output.decode(errors="replace")

    async def set_accounts(self, accounts: Sequence[Account]) -> None:
        """Replace the accounts of the running PBX."""
        self.site = replace(self.site, accounts=accounts)
        self._write_configuration()
        await self.cli("module reload res_pjsip.so")

    def ami(self) -> Ami:
        """Make a connection to the manager interface; enter it with `async with`."""
        return Ami(self.site.address, self.site.ami_port, AMI_USER, AMI_SECRET)

    async def originate(self, account: str, exten: str, caller: str = "700") -> str:
        """Call a registered account and connect whoever answers to `exten`; return the channel's id."""
        channel_id = next(self._channel_ids)
        async with self.ami() as ami:
            await ami.originate(f"PJSIP/{account}", exten, caller, channel_id)
        return channel_id

    async def call_and_play(self, account: str, frequency_hz: int, caller: str = "700") -> str:
        """Call a registered account, play a tone to whoever answers and record what comes back.

        Returns the channel's id, for `recording` and `hang_up`.
        """
        return await self.originate(account, tone_number(frequency_hz), caller)

    async def hang_up(self, channel: str) -> None:
        """End one channel by its name or id."""
        async with self.ami() as ami:
            await ami.hang_up(channel)

    async def channels(self) -> list[dict[str, str]]:
        """List the live channels."""
        async with self.ami() as ami:
            return await ami.channels()

    async def wait_for_no_channels(self, timeout_s: float = 10) -> None:
        """Wait until no call is left. Raises TimeoutError."""

        async def is_idle() -> bool:
            return not await self.channels()

        await until(is_idle, timeout_s)

    async def recording(self, who: str, timeout_s: float = 10) -> Recording:
        """Read what a tone number heard, once that call has ended.

        `who` is the caller's number or the channel's id; of several the latest counts. Raises TimeoutError.
        """

        async def finished() -> list[Path]:
            return [path for path in self._recordings.glob("*.wav16") if _belongs_to(path, who)]

        found = await until(finished, timeout_s)
        return read_wav(max(found, key=lambda path: path.stat().st_mtime_ns))

    def recorded_bytes(self, who: str) -> int:
        """Tell how much a live tone number of this caller or channel has recorded: 32 000 a second."""
        found = [path for path in (self._recordings / "part").iterdir() if _belongs_to(path, who)]
        return max((path.stat().st_size for path in found), default=0)

    def log(self) -> str:
        """Read the PBX's log."""
        file = self.site.folder / "log" / "full"
        return file.read_text(errors="replace") if file.exists() else self._process.output()

    async def _is_booted(self) -> bool:
        if not (self.site.folder / "run" / "asterisk.ctl").exists():
            return False
        # Asterisk 16 registers the commands of its core a moment after it says that it is fully booted.
        return "fully booted" in await self.cli("core waitfullybooted") and (
            await self.cli("core show version")
        ).startswith("Asterisk ")

    def _write_configuration(self) -> None:
        for name in _FOLDERS:
            (self.site.folder / name).mkdir(parents=True, exist_ok=True)
        for name, text in configuration(self.site).items():
            (self.site.folder / "etc" / name).write_text(text)
        write_sln(self.site.folder / "music" / "tone.sln", sine(MUSIC_HZ, 10))


def _modules_dir(peer: Peer) -> Path:
    for folder in peer.library_dirs:
        if (folder / "asterisk" / "modules" / "chan_pjsip.so").exists():
            return folder / "asterisk" / "modules"
    raise FileNotFoundError(f"chan_pjsip.so of {peer.name}")


def _belongs_to(path: Path, who: str) -> bool:
    return path.stem.startswith(f"{who}-") or path.stem.endswith(f"-{who}")
