"""Kamailio for a test: registrar and record-routing proxy with digest for a fixed list of users."""

import asyncio
import itertools
import json
import socket
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.peers.addresses import is_bound, own_address
from tests.peers.available import find_peer
from tests.peers.certificates import PeerTls
from tests.peers.kamailio_config import Policy, Site, configuration
from tests.peers.process import PeerProcess

SIP_PORT = 5060
TLS_PORT = 5061
RPC_TIMEOUT_S = 5


class Kamailio:
    """One proxy with its children. Not bound to an event loop."""

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        address: str | None = None,
        tls_names: Sequence[str] | None = None,
        wants_client_certificate: bool = False,
        ip6_port: int = 0,
    ) -> None:
        """`tls_names` switch TLS on, with a certificate for them and, if there are none, for the address."""
        self.peer = find_peer("kamailio")
        self.policy = policy or Policy()
        self.address = address or own_address()
        self.sip_port = SIP_PORT
        self._process = PeerProcess("kamailio")
        self._control = self._process.folder / "control.sock"
        self._questions = itertools.count(1)
        self._config = self._process.folder / "kamailio.cfg"
        self.ip6_port = ip6_port
        names = None if tls_names is None else tuple(tls_names) or (self.address,)
        self._tls = names and PeerTls(self.folder, names, wants_client=wants_client_certificate)
        listen = (f"{self.address}:{SIP_PORT}", *([f"[::1]:{ip6_port}"] if ip6_port else []))
        site = Site(listen, self._modules_dir(), self._control, self._tls, f"{self.address}:{TLS_PORT}")
        self._config.write_text(configuration(self.policy, site))

    @property
    def folder(self) -> Path:
        """The folder of this process, removed by `close`."""
        return self._process.folder

    @property
    def tls(self) -> PeerTls:
        """By what the proxy is trusted."""
        assert self._tls is not None, "started without TLS"
        return self._tls

    @property
    def pid(self) -> int:
        """The process id of the first process; the others are its children."""
        return self._process.pid

    async def __aenter__(self) -> Self:
        """Start the proxy."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the proxy and remove its folder."""
        await self.close()

    async def start(self) -> None:
        """Start the proxy and wait until it answers on its control socket. Raises PeerStartError."""
        self._control.unlink(missing_ok=True)
        self._process.start(
            self.peer.command(
                "-DD", "-E", "-m", "64", "-M", "32", "-w", self.folder, "-Y", self.folder, "-f", self._config
            )
        )
        await self._process.wait_until(self._is_up)

    async def stop(self) -> None:
        """Stop the proxy in order; it forgets its bindings."""
        await self._process.stop()

    async def kill(self) -> None:
        """Kill the proxy and its children by SIGKILL, as a crash would."""
        await self._process.kill()

    async def restart(self) -> None:
        """Stop the proxy and start it again without any binding."""
        await self.stop()
        await self.start()

    async def close(self) -> None:
        """Stop the proxy and remove its folder."""
        await self._process.close()

    def log(self) -> str:
        """Read what the proxy has logged."""
        return self._process.output()

    async def rpc(self, method: str, *parameters: str) -> Any:
        """Carry out a command of the JSON-RPC interface (`ul.dump`, `core.uptime`) and return its result.

        Raises OSError or TimeoutError when nobody answers.
        """
        loop = asyncio.get_running_loop()
        ours = self.folder / f"question-{next(self._questions)}.sock"
        question = {"jsonrpc": "2.0", "method": method, "params": list(parameters), "id": 1}
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asking:
            asking.bind(str(ours))
            ours.chmod(0o777)
            try:
                asking.connect(str(self._control))
                await loop.sock_sendall(asking, json.dumps(question).encode())
                answer = json.loads(await asyncio.wait_for(loop.sock_recv(asking, 1 << 20), RPC_TIMEOUT_S))
            finally:
                ours.unlink()
        return answer["result"]

    async def bindings(self) -> dict[str, list[str]]:
        """List who is registered: user to Contact URIs."""
        table: dict[str, list[str]] = {}
        for domain in (await self.rpc("ul.dump"))["Domains"]:
            for record in domain["Domain"]["AoRs"]:
                info = record["Info"]
                table[info["AoR"]] = [contact["Contact"]["Address"] for contact in info["Contacts"]]
        return table

    async def _is_up(self) -> bool:
        if not is_bound(self.address, SIP_PORT):
            return False
        try:
            await self.rpc("core.uptime")
        except (OSError, TimeoutError):
            return False
        return True

    def _modules_dir(self) -> Path:
        for folder in self.peer.library_dirs:
            if (folder / "kamailio" / "modules" / "registrar.so").exists():
                return folder / "kamailio" / "modules"
        raise FileNotFoundError("registrar.so of kamailio")
