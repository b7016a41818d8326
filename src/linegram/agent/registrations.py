"""The accounts of a worker: settings from the hub become SIP accounts, registrations become reports."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import structlog

from linegram.agent.sip_ports import SipAccounts
from linegram.errors import LocalProtocolError
from linegram.link import commands, events
from linegram.link.accounts import RegistrationState, SipAccountSettings
from linegram.sip.account import AccountConfig
from linegram.sip.events import RegistrationChanged
from linegram.sip.events import RegistrationState as SipState
from linegram.sip.flow import TransportName
from linegram.units import AccountId

_log = structlog.get_logger()

_STATES: Final[Mapping[SipState, RegistrationState]] = MappingProxyType(
    {
        SipState.REGISTERED: RegistrationState.ONLINE,
        SipState.RETRYING: RegistrationState.ERROR,
        SipState.REFUSED: RegistrationState.ERROR,
        SipState.UNREGISTERED: RegistrationState.OFFLINE,
    }
)


class Registrations:
    """Keeps the accounts that the hub wants registered."""

    def __init__(self, accounts: SipAccounts, report: Callable[[events.Event], None]) -> None:
        self._sip = accounts
        self._report = report
        self.settings: dict[AccountId, SipAccountSettings] = {}

    def put(self, command: commands.PutAccount) -> None:
        """Keep an account registered; the same settings again change nothing."""
        settings = command.settings
        if self.settings.get(settings.account_id) == settings:
            return
        self.settings[settings.account_id] = settings
        self._report(events.RegistrationChanged(settings.account_id, RegistrationState.REGISTERING))
        self._sip.put_account(account_config(settings))

    def drop(self, command: commands.DropAccount) -> None:
        """Take an account's binding away."""
        if self.settings.pop(command.account_id, None) is not None:
            self._sip.drop_account(command.account_id)

    def end_stored(self, command: commands.EndStoredDialog) -> None:
        """End a call that an earlier process left behind."""
        try:
            self._sip.end_exported(command.dialog, account_config(command.account))
        except LocalProtocolError as error:
            _log.warning("stored_dialog_unusable", account_id=command.account.account_id, reason=str(error))

    def take(self, event: RegistrationChanged) -> None:
        """Report what became of a registration."""
        state = _STATES[event.state]
        _log.info("registration_changed", account_id=event.account_id, state=state.value, status=event.status)
        self._report(events.RegistrationChanged(event.account_id, state, event.status, event.reason))


def account_config(settings: SipAccountSettings) -> AccountConfig:
    """Return an account as the SIP stack wants it."""
    proxy_host, proxy_port = _host_and_port(settings.proxy)
    return AccountConfig(
        account_id=settings.account_id,
        server_host=settings.server,
        server_port=settings.port,
        username=settings.username,
        password=settings.password,
        domain=settings.domain,
        transport=TransportName(settings.transport.value),
        outbound_proxy_host=proxy_host,
        outbound_proxy_port=int(proxy_port) if proxy_port else None,
        auth_username=settings.auth_username,
        display_name=settings.display_name,
        expires_s=settings.expires_s,
        keep_alive_s=float(settings.keep_alive_s),
        token=settings.contact_token,
    )


def _host_and_port(place: str) -> tuple[str, str]:
    """Split `host:port`; the port may be missing, and an IPv6 address stands in brackets."""
    host, colon, port = place.rpartition(":")
    return (host, port) if colon and not place.endswith("]") else (place, "")
