"""What a worker must know to join a Telegram call's voice: settled by the hub's signalling."""

import json
from typing import Final

import msgspec

OWN: Final = "own"
"""Name of Linegram's own voice engine: every worker has it."""

NTGCALLS: Final = "ntgcalls"
"""Name of the engine that is made of the native library; a worker has it when that is installed."""


class VoiceServer(msgspec.Struct, frozen=True, tag=True):
    """One relay of the call: Telegram's phoneConnection (reflector) or phoneConnectionWebrtc (TURN, STUN)."""

    server_id: int
    ip: str
    ipv6: str
    port: int
    peer_tag: bytes = b""
    username: str = ""
    password: str = ""
    is_reflector: bool = False
    is_turn: bool = False
    is_stun: bool = False
    is_tcp: bool = False

    def __repr__(self) -> str:
        return f"VoiceServer({self.server_id}, {self.ip}:{self.port})"


class VoiceParameters(msgspec.Struct, frozen=True, tag=True):
    """The agreed parameters of one Telegram call.

    `key` is the 256-byte call key; `is_outgoing` says that we placed the call;
    `versions` are the agreed library versions, best first.
    """

    key: bytes
    is_outgoing: bool
    versions: tuple[str, ...]
    servers: tuple[VoiceServer, ...]
    is_p2p_allowed: bool
    custom_parameters: str | None = None

    def __repr__(self) -> str:
        return (
            f"VoiceParameters(is_outgoing={self.is_outgoing}, versions={self.versions}, "
            f"servers={len(self.servers)}, is_p2p_allowed={self.is_p2p_allowed})"
        )

    @property
    def asks_mtproto(self) -> bool:
        """Telegram wants the call's sound carried by MTProto, without DTLS; what is no JSON asks nothing."""
        try:
            custom = json.loads(self.custom_parameters or "{}")
        except (ValueError, RecursionError):
            return False
        return isinstance(custom, dict) and bool(custom.get("network_use_mtproto"))
