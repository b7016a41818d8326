"""baresip for a test: a foreign telephone without a sound card that echoes, or plays a tone, and records."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.peers.addresses import free_port, is_bound, own_address
from tests.peers.available import find_peer
from tests.peers.certificates import PeerTls
from tests.peers.process import PeerProcess
from tests.peers.tones import Recording, read_wav, sine, write_wav
from tests.peers.waiting import until

Message = dict[str, Any]
"""An event (`type` is CALL_INCOMING, CALL_ESTABLISHED, CALL_CLOSED, ...) or the answer to a command."""


@dataclass(frozen=True)
class Line:
    """The account of the telephone. Without a `registrar` (ADDRESS:PORT) it only takes direct calls."""

    name: str = "phone"
    password: str = ""
    registrar: str = ""
    transport: str = "udp"
    codecs: tuple[str, ...] = ("pcma", "pcmu")
    answers: bool = True
    options: str = ""
    ca_file: str = ""


class Baresip:
    """One telephone. It belongs to the event loop that started it."""

    def __init__(
        self,
        line: Line | None = None,
        *,
        tone_hz: int | None = None,
        rate_hz: int = 8000,
        has_tls: bool = False,
    ) -> None:
        """Prepare a telephone that echoes what it hears, or plays a tone, made at the codec's rate."""
        self.line = line or Line()
        self.address = own_address()
        self.sip_port = free_port(self.address)
        self._control_port = free_port(self.address)
        self._tokens = itertools.count(1)
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._process = PeerProcess("baresip")
        self._tls = PeerTls(self.folder, (self.address,)) if has_tls else None
        self._write_configuration(tone_hz, rate_hz)

    @property
    def folder(self) -> Path:
        """The folder of this telephone, removed at the end."""
        return self._process.folder

    @property
    def tls(self) -> PeerTls:
        """By what the telephone is trusted; it listens for TLS one port above `sip_port`."""
        assert self._tls is not None, "started without TLS"
        return self._tls

    @property
    def pid(self) -> int:
        """The process id of the telephone."""
        return self._process.pid

    @property
    def uri(self) -> str:
        """The SIP address at which the telephone takes direct calls."""
        return f"sip:{self.line.name}@{self.address}:{self.sip_port}"

    async def __aenter__(self) -> Self:
        """Start the telephone and connect to its control port; wait for its registration, if it has one."""
        self._process.start(find_peer("baresip").command("-f", self._process.folder))
        await self._process.wait_until(self._is_listening)
        self._reader, self._writer = await asyncio.open_connection(self.address, self._control_port)
        self._pump = asyncio.create_task(self._read_all(), name="baresip-reader")
        try:
            if self.line.registrar:
                await until(self._is_registered, 15)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the telephone and remove its folder."""
        await self._close()

    async def _close(self) -> None:
        self._pump.cancel()
        await asyncio.gather(self._pump, return_exceptions=True)
        self._writer.close()
        await self._process.close()

    async def command(self, name: str, parameters: str = "") -> Message:
        """Carry out a command (`dial`, `accept`, `hangup`, `hold`, `resume`, `sndcode`, `reginfo`, ...)."""
        token = str(next(self._tokens))
        self._answers[token] = asyncio.get_running_loop().create_future()
        text = json.dumps({"command": name, "params": parameters, "token": token}).encode()
        self._writer.write(b"%d:%s," % (len(text), text))
        try:
            async with asyncio.timeout(10):
                return await self._answers[token]
        finally:
            del self._answers[token]

    async def dial(self, uri: str) -> None:
        """Call somebody; the events tell how it goes."""
        await self.command("dial", uri)

    async def hang_up(self) -> None:
        """End the current call."""
        await self.command("hangup")

    async def send_digits(self, digits: str) -> None:
        """Press keys during the call, one after the other."""
        for digit in digits:
            await self.command("sndcode", digit)

    async def events(self) -> AsyncIterator[Message]:
        """Hand out every event, in order, for ever."""
        while True:
            yield await self._events.get()

    async def wait_for(self, event_type: str, timeout_s: float = 15) -> Message:
        """Consume events up to the one of this type. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while (event := await self._events.get()).get("type") != event_type:
                continue
            return event

    def heard(self) -> Recording:
        """Read what the telephone heard in its latest call, once that is over."""
        return read_wav(max(self._dumps(), key=lambda path: path.stat().st_mtime_ns))

    def heard_bytes(self) -> int:
        """Tell how much the telephone has recorded so far: 16 000 a second for G.711."""
        return sum(path.stat().st_size for path in self._dumps())

    def log(self) -> str:
        """Read what the telephone has printed."""
        return self._process.output()

    def _dumps(self) -> list[Path]:
        return list(self._process.folder.glob("dump-*-dec.wav"))

    async def _is_listening(self) -> bool:
        return is_bound(self.address, self._control_port, "tcp") and is_bound(self.address, self.sip_port)

    async def _is_registered(self) -> bool:
        # The event REGISTER_OK may come before anybody can be connected to the control port.
        answer = await self.command("reginfo")
        return "Expires" in str(answer["data"])

    async def _read_all(self) -> None:
        while True:
            length = int((await self._reader.readuntil(b":"))[:-1])
            message: Message = json.loads(await self._reader.readexactly(length))
            await self._reader.readexactly(1)
            waiting = self._answers.get(str(message.get("token")))
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
            elif message.get("event"):
                self._events.put_nowait(message)

    def _write_configuration(self, tone_hz: int | None, rate_hz: int) -> None:
        source = "aubridge,loop"
        if tone_hz is not None:
            write_wav(self._process.folder / "tone.wav", sine(tone_hz, 60, rate_hz), rate_hz)
            source = f"aufile,{self._process.folder}/tone.wav"
        settings = [
            f"module_path {_modules_dir()}",
            *(
                f"module {name}.so"
                for name in ("g711", "g722", "opus", "aubridge", "aufile", "sndfile", "uuid")
            ),
            *(f"module_app {name}.so" for name in ("account", "menu", "ctrl_tcp")),
            f"sip_listen {self.address}:{self.sip_port}",
            f"net_interface {self.address}",
            f"ctrl_tcp_listen {self.address}:{self._control_port}",
            f"audio_source {source}",
            "audio_player aubridge,loop",
            "audio_alert aubridge,alert",
            f"snd_path {self._process.folder}",
            "call_max_calls 8",
            "rtp_timeout 0",
            *self._tls_settings(),
        ]
        (self._process.folder / "config").write_text("\n".join(settings) + "\n")
        (self._process.folder / "accounts").write_text(_account(self.line, f"{self.address}:{self.sip_port}"))

    def _tls_settings(self) -> list[str]:
        """One file holds certificate and key."""
        settings = [f"sip_cafile {self.line.ca_file}"] if self.line.ca_file else []
        if self._tls is None:
            return settings
        made = self._tls.certificate
        both = self._process.folder / "both.pem"
        both.write_bytes(made.certificate_file.read_bytes() + made.key_file.read_bytes())
        return [*settings, f"sip_certificate {both}"]


def _account(line: Line, own: str) -> str:
    options = [
        f"auth_pass={line.password or 'pw-' + line.name}",
        f"audio_codecs={','.join(line.codecs)}",
        "answermode=auto" if line.answers else "answermode=manual",
        "regint=600" if line.registrar else "regint=0",
    ]
    target = line.registrar or own
    return f"<sip:{line.name}@{target};transport={line.transport}>;{';'.join(options)}{line.options}\n"


def _modules_dir() -> Path:
    for folder in find_peer("baresip").library_dirs:
        if (folder / "baresip" / "modules" / "menu.so").exists():
            return folder / "baresip" / "modules"
    raise FileNotFoundError("menu.so of baresip")
