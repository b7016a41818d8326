"""A SIP account as the office knows it: who owns it, who uses it, how it connects.

Pure. What became of its registration is kept apart (`AccountStatus`), so that a
PBX that comes and goes does not look like a change of settings.
"""

import re
from typing import Final

import msgspec

from linegram.errors import RefusedError
from linegram.link.accounts import RegistrationState, SipAccountSettings, SipTransport
from linegram.office.codecs import DEFAULT_CODECS, DEFAULT_DTMF, DtmfMethod, parse_codecs, render_codecs
from linegram.office.dial_rules import parse_rules
from linegram.units import AccountId, TelegramUserId

DEFAULT_PORT: Final = 5060
NOT_STORED: Final = AccountId(0)
"""The id of an account that storage has not numbered yet."""

_LOGIN: Final = re.compile(r"[A-Za-z0-9_.!~*'()&=+$,;?/#%-]{1,64}", re.ASCII)
_AUTH_LOGIN: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{0,128}", re.ASCII)
_PASSWORD: Final = re.compile(r"[^\x00-\x1f\x7f]{1,128}")
_HOST: Final = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]", re.ASCII
)
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f]{0,64}")


class SipAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One SIP account: `owner_id` pays for it and decides, `user_id` calls and is called with it."""

    login: str
    password: str
    server: str
    owner_id: TelegramUserId
    user_id: TelegramUserId | None = None
    account_id: AccountId = NOT_STORED
    name: str = ""
    auth_login: str = ""
    port: int = DEFAULT_PORT
    domain: str = ""
    proxy: str = ""
    transport: SipTransport = SipTransport.UDP
    codecs: tuple[str, ...] = DEFAULT_CODECS
    dtmf: tuple[DtmfMethod, ...] = DEFAULT_DTMF
    dial_rules: str = ""
    is_callback: bool = True
    is_enabled: bool = True

    @property
    def title(self) -> str:
        """What a person reads: the name, or else the address."""
        return self.name or self.address

    @property
    def address(self) -> str:
        """The account's address of record."""
        return f"{self.login}@{self.domain or self.server}"

    def __repr__(self) -> str:
        return f"SipAccount({self.account_id}, {self.address})"


class AccountStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the PBX last said to an account, and when it was last used. Times are UTC epoch seconds."""

    account_id: AccountId
    state: RegistrationState = RegistrationState.OFFLINE
    sip_status: int = 0
    text: str = ""
    changed_at: float | None = None
    last_used_at: float | None = None


def checked(account: SipAccount) -> SipAccount:
    """Return the account with its texts in order.

    Raises RefusedError with a sentence for the first thing that is wrong.
    """
    _require(
        _LOGIN, account.login, "The login must be 1 to 64 letters, digits or signs, without blanks and @."
    )
    _require(
        _AUTH_LOGIN, account.auth_login, "The authorization id must have no blanks, quotes or backslashes."
    )
    _require(_PASSWORD, account.password, "The password must be 1 to 128 characters.")
    _require(_NAME, account.name, "The name must be one line of at most 64 characters.")
    _require(_HOST, account.server, "The server must be a host name or an IP address.")
    if account.domain:
        _require(_HOST, account.domain, "The domain must be a host name or an IP address.")
    if account.proxy:
        parse_server(account.proxy)
    _check_port(account.port)
    return msgspec.structs.replace(
        account,
        codecs=parse_codecs(render_codecs(account.codecs)),
        dtmf=account.dtmf or DEFAULT_DTMF,
        dial_rules=parse_rules(account.dial_rules).text,
    )


def parse_login(text: str) -> tuple[str, str]:
    """Split `login` or `login:authorization-id`."""
    login, _, auth_login = text.strip().partition(":")
    _require(_LOGIN, login, "The login must be 1 to 64 letters, digits or signs, without blanks and @.")
    return login, auth_login


def parse_server(text: str) -> tuple[str, int]:
    """Split `host` or `host:port`; an IPv6 address stands in brackets."""
    text = text.strip()
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, str(DEFAULT_PORT)
    _require(_HOST, host, f"The server {text!r} must be a host name or an IP address, and maybe a :port.")
    if not (port.isascii() and port.isdigit()) or len(port) > 5:
        raise RefusedError(f"The port {port!r} is not a number.")
    return host, _check_port(int(port))


def link_settings(account: SipAccount, contact_token: str = "") -> SipAccountSettings:
    """What the account's worker needs to know about it."""
    return SipAccountSettings(
        account_id=account.account_id,
        username=account.login,
        password=account.password,
        server=account.server,
        port=account.port,
        auth_username=account.auth_login,
        domain=account.domain,
        proxy=account.proxy,
        transport=account.transport,
        display_name=account.name,
        codecs=account.codecs,
        contact_token=contact_token,
        dtmf=tuple(method.value for method in account.dtmf),
    )


def _check_port(port: int) -> int:
    if not 0 < port < 65536:
        raise RefusedError(f"The port {port} is not between 1 and 65535.")
    return port


def _require(pattern: re.Pattern[str], text: str, sentence: str) -> None:
    if not pattern.fullmatch(text):
        raise RefusedError(sentence)
