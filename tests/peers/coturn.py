"""coturn for a test: a TURN and STUN server over UDP with long-term credentials for one user."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.peers.addresses import free_port, is_bound
from tests.peers.available import find_peer
from tests.peers.process import PeerProcess

REALM = "office.test"


@dataclass(frozen=True)
class TurnPolicy:
    """Whom the server knows, and how strict it is. Zeros mean coturn's own defaults."""

    username: str = "desk"
    password: str = "desk-secret"
    nonce_s: int = 0
    most_allocations: int = 0
    denied_peer: str = ""

    def options(self) -> list[str]:
        """Give what the command line says of it."""
        found = ["--lt-cred-mech", f"--realm={REALM}", f"--user={self.username}:{self.password}"]
        if self.nonce_s:
            found.append(f"--stale-nonce={self.nonce_s}")
        if self.most_allocations:
            found.append(f"--user-quota={self.most_allocations}")
        if self.denied_peer:
            found.append(f"--denied-peer-ip={self.denied_peer}")
        return found


class Coturn:
    """One server on one address. Not bound to an event loop."""

    def __init__(self, address: str, policy: TurnPolicy | None = None) -> None:
        self.peer = find_peer("coturn")
        self.address = address
        self.policy = policy or TurnPolicy()
        self.port = free_port(address)
        self._process = PeerProcess("coturn")

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    async def __aenter__(self) -> Self:
        """Start the server."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server and remove its folder."""
        await self._process.close()

    async def start(self) -> None:
        """Start the server and wait until its port is bound. Raises PeerStartError."""
        folder = self._process.folder
        self._process.start(
            self.peer.command(
                "-n",
                *(f"--listening-ip={self.address}", f"--listening-port={self.port}"),
                *(f"--relay-ip={self.address}", "--relay-threads=1", "--allow-loopback-peers"),
                *("--no-tcp", "--no-tls", "--no-dtls", "--no-tcp-relay", "--no-cli", "--no-rfc5780"),
                *(f"--userdb={folder}/turndb", f"--pidfile={folder}/turn.pid"),
                *("--log-file=stdout", "--simple-log", "--verbose"),
                *self.policy.options(),
            )
        )
        await self._process.wait_until(self._is_up)

    async def stop(self) -> None:
        """Stop the server; it forgets its allocations."""
        await self._process.stop()

    def log(self) -> str:
        """Read what the server has logged."""
        return self._process.output()

    async def _is_up(self) -> bool:
        return is_bound(self.address, self.port)
