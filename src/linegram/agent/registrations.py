"""The accounts of a worker: settings from the hub become SIP accounts, registrations become reports."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import msgspec
import structlog

from linegram.agent.sip_ports import SipAccounts
from linegram.errors import LocalProtocolError
from linegram.link import commands, events
from linegram.link.accounts import RegistrationState, SipAccountSettings, SipTransport
from linegram.sip.account import AccountConfig, KeepAliveMethod, PublicPlace
from linegram.sip.events import MessagesWaiting, RegistrationChanged
from linegram.sip.events import RegistrationState as SipState
from linegram.sip.flow import TransportName
from linegram.sip.tls_terms import TlsTerms
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
_UNPAID: Final = 402


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
        try:
            config = account_config(settings)
        except (LocalProtocolError, ValueError) as error:
            self._sip.drop_account(settings.account_id)
            self._report(
                events.RegistrationChanged(settings.account_id, RegistrationState.ERROR, 0, str(error))
            )
            return
        begun = RegistrationState.REGISTERING if config.is_registering else RegistrationState.UNVERIFIED
        self._report(events.RegistrationChanged(settings.account_id, begun))
        self._sip.put_account(config)

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

    def take(self, event: RegistrationChanged | MessagesWaiting) -> None:
        """Report what became of a registration, or what waits in a mailbox."""
        if isinstance(event, MessagesWaiting):
            summary = event.summary
            self._report(
                events.MailboxChanged(event.account_id, summary.is_waiting, summary.new, summary.old)
            )
            return
        self._report_state(event)
        settings = self.settings.get(event.account_id)
        if event.state is SipState.REGISTERED and settings is not None and settings.has_mailbox:
            self._sip.watch_mailbox(event.account_id)

    def _report_state(self, event: RegistrationChanged) -> None:
        state = _STATES[event.state] if event.status != _UNPAID else RegistrationState.RESTRICTED
        _log.info("registration_changed", account_id=event.account_id, state=state.value, status=event.status)
        self._report(
            events.RegistrationChanged(
                event.account_id, state, event.status, event.reason, event.other_contacts
            )
        )


def account_config(settings: SipAccountSettings) -> AccountConfig:
    """Return an account as the SIP stack wants it. Raises LocalProtocolError or ValueError for bad ones."""
    proxy_host, proxy_port = _host_and_port(settings.proxy)
    return AccountConfig(
        account_id=settings.account_id,
        server_host=settings.server,
        server_port=settings.port or None,
        username=settings.username,
        password=settings.password,
        domain=settings.domain,
        transport=_transport(settings.transport),
        outbound_proxy_host=proxy_host,
        outbound_proxy_port=int(proxy_port) if proxy_port else None,
        auth_username=settings.auth_username,
        display_name=settings.display_name,
        expires_s=settings.expires_s,
        keep_alive=KeepAliveMethod(settings.keep_alive.value),
        keep_alive_s=float(settings.keep_alive_s),
        is_registering=settings.is_registering,
        token=settings.contact_token,
        trusted_hosts=settings.trusted,
        tls=TlsTerms(**msgspec.structs.asdict(settings.tls)),
        public_place=_public_place(settings.public_address),
        has_tcp_for_large=settings.has_tcp_for_large,
    )


def _transport(transport: SipTransport) -> TransportName | None:
    return None if transport is SipTransport.AUTO else TransportName(transport.value)


def _public_place(address: str) -> PublicPlace | None:
    if not address:
        return None
    host, port = _host_and_port(address)
    return PublicPlace(host.strip("[]"), int(port) if port else None)


def _host_and_port(place: str) -> tuple[str, str]:
    """Split `host:port`; the port may be missing, and an IPv6 address stands in brackets."""
    host, colon, port = place.rpartition(":")
    return (host, port) if colon and not place.endswith("]") else (place, "")
