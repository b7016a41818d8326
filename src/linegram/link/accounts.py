"""A SIP account as its worker sees it."""

from enum import Enum

import msgspec

from linegram.units import AccountId


class SipTransport(Enum):
    """How SIP travels between a worker and the PBX."""

    UDP = "udp"
    TCP = "tcp"


class RegistrationState(Enum):
    """What became of our effort to keep an account's binding."""

    OFFLINE = "offline"
    REGISTERING = "registering"
    ONLINE = "online"
    ERROR = "error"


class SipAccountSettings(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Everything a worker needs to register one account and to place its calls.

    `contact_token` marks the account's Contact; the same one after a restart replaces the old binding.
    """

    account_id: AccountId
    username: str
    password: str
    server: str
    port: int = 5060
    auth_username: str = ""
    domain: str = ""
    proxy: str = ""
    transport: SipTransport = SipTransport.UDP
    display_name: str = ""
    codecs: tuple[str, ...] = ("opus", "g722", "alaw", "mulaw")
    expires_s: int = 300
    keep_alive_s: int = 25
    contact_token: str = ""

    def __repr__(self) -> str:
        return f"SipAccountSettings({self.account_id}, {self.username}@{self.server}:{self.port})"
