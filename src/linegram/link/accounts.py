"""A SIP account as its worker sees it."""

from enum import Enum

import msgspec

from linegram.units import AccountId


class SipTransport(Enum):
    """How SIP travels between a worker and the PBX; AUTO lets DNS say (RFC 3263)."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    AUTO = "auto"


class KeepAlive(Enum):
    """How the way to the PBX is kept open."""

    OFF = "off"
    CRLF = "crlf"
    OPTIONS = "options"


class SrtpUse(Enum):
    """Whether an account's audio is encrypted; AUTO prefers it where TLS protects the keys in SIP."""

    AUTO = "auto"
    OFF = "off"
    PREFERRED = "preferred"
    REQUIRED = "required"


class RegistrationState(Enum):
    """What became of our effort to keep an account's binding.

    RESTRICTED: the PBX knows the account and wants to be paid first (402). UNVERIFIED: the account does not
    register, so that nobody has confirmed it yet.
    """

    OFFLINE = "offline"
    REGISTERING = "registering"
    ONLINE = "online"
    ERROR = "error"
    RESTRICTED = "restricted"
    UNVERIFIED = "unverified"


class TlsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an account demands of the PBX's TLS. Files lie on the worker's machine.

    An empty `ca_file` means the system's authorities, an empty `server_name` the name of the server.
    `fingerprint` is the SHA-256 of the PBX's certificate, and proves the PBX alone if there is no `ca_file`.
    """

    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    fingerprint: str = ""
    server_name: str = ""


class SipAccountSettings(msgspec.Struct, frozen=True, tag=True, kw_only=True):
    """Everything a worker needs to register one account and to place its calls.

    `contact_token` marks the account's Contact; the same one after a restart replaces the old binding.
    A `port` of 0 means that DNS says where the server is. `trusted` are addresses and networks from which
    calls are taken besides the server's own. `public_address` is `host` or `host:port`. An account with
    `is_registering` off is known to the PBX by its address. `dtmf` are the ways to send digits, best first.
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
    tls: TlsSettings = TlsSettings()
    trusted: tuple[str, ...] = ()
    public_address: str = ""
    keep_alive: KeepAlive = KeepAlive.CRLF
    is_registering: bool = True
    has_tcp_for_large: bool = False
    dtmf: tuple[str, ...] = ("rfc2833", "info", "inband")
    has_mailbox: bool = False
    srtp: SrtpUse = SrtpUse.AUTO

    def __repr__(self) -> str:
        return f"SipAccountSettings({self.account_id}, {self.username}@{self.server}:{self.port})"
