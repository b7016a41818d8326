"""Accounts of the hub become SIP accounts, and what becomes of them is reported."""

from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from linegram.agent.registrations import Registrations, account_config
from linegram.errors import LocalProtocolError
from linegram.link import commands, events
from linegram.link.accounts import (
    KeepAlive,
    RegistrationState,
    SipAccountSettings,
    SipTransport,
    TlsSettings,
)
from linegram.sip.account import AccountConfig, KeepAliveMethod, PublicPlace
from linegram.sip.events import MessagesWaiting, RegistrationChanged
from linegram.sip.events import RegistrationState as SipState
from linegram.sip.flow import TransportName
from linegram.sip.message_summary import MessageSummary
from linegram.sip.tls_terms import TlsTerms
from linegram.units import AccountId

LINE = AccountId(1)
SETTINGS = SipAccountSettings(account_id=LINE, username="100", password="top secret", server="pbx.example")


class SipDouble:
    """Implements `SipAccounts`: keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.is_refusing = False

    def put_account(self, config: AccountConfig) -> None:
        self.told.append(("put", config))

    def drop_account(self, account_id: AccountId) -> None:
        self.told.append(("drop", account_id))

    def watch_mailbox(self, account_id: AccountId) -> None:
        self.told.append(("watch", account_id))

    def end_exported(self, exported: dict[str, Any], config: AccountConfig) -> None:
        if self.is_refusing:
            raise LocalProtocolError("no dialog")
        self.told.append(("end", exported))


class Desk:
    def __init__(self) -> None:
        self.sip = SipDouble()
        self.reports: list[events.Event] = []
        self.registrations = Registrations(self.sip, self.reports.append)

    @property
    def verbs(self) -> list[str]:
        return [verb for verb, _ in self.sip.told]


def test_an_account_is_put_once_and_again_when_it_changes() -> None:
    desk = Desk()
    changed = msgspec.structs.replace(SETTINGS, server="new.example")
    for settings in (SETTINGS, SETTINGS, changed):
        desk.registrations.put(commands.PutAccount(settings))
    assert desk.verbs == ["put", "put"]
    assert desk.reports == [events.RegistrationChanged(LINE, RegistrationState.REGISTERING)] * 2
    assert desk.registrations.settings == {LINE: changed}


def test_an_account_is_dropped_once_and_only_if_it_is_there() -> None:
    desk = Desk()
    desk.registrations.drop(commands.DropAccount(LINE))
    desk.registrations.put(commands.PutAccount(SETTINGS))
    for _ in range(2):
        desk.registrations.drop(commands.DropAccount(LINE))
    assert desk.verbs == ["put", "drop"]
    assert desk.registrations.settings == {}


@pytest.mark.parametrize(
    ("state", "reported"),
    [
        (SipState.REGISTERED, RegistrationState.ONLINE),
        (SipState.RETRYING, RegistrationState.ERROR),
        (SipState.REFUSED, RegistrationState.ERROR),
        (SipState.UNREGISTERED, RegistrationState.OFFLINE),
    ],
)
def test_every_state_of_a_registration_has_a_name_for_the_hub(
    state: SipState, reported: RegistrationState
) -> None:
    desk = Desk()
    desk.registrations.take(RegistrationChanged(LINE, state, 403, "Forbidden"))
    assert desk.reports == [events.RegistrationChanged(LINE, reported, 403, "Forbidden")]


def test_an_account_that_is_to_be_paid_first_is_restricted() -> None:
    desk = Desk()
    desk.registrations.take(RegistrationChanged(LINE, SipState.REFUSED, 402, "Payment Required"))
    restricted = RegistrationState.RESTRICTED
    assert desk.reports == [events.RegistrationChanged(LINE, restricted, 402, "Payment Required")]


def test_an_account_that_does_not_register_is_unverified() -> None:
    desk = Desk()
    desk.registrations.put(commands.PutAccount(msgspec.structs.replace(SETTINGS, is_registering=False)))
    assert desk.reports == [events.RegistrationChanged(LINE, RegistrationState.UNVERIFIED)]
    assert desk.verbs == ["put"]


def test_the_telephone_on_the_desk_is_reported() -> None:
    desk = Desk()
    phone = ("sip:100@192.0.2.9",)
    desk.registrations.take(RegistrationChanged(LINE, SipState.REGISTERED, 200, "OK", other_contacts=phone))
    assert desk.reports == [
        events.RegistrationChanged(LINE, RegistrationState.ONLINE, 200, "OK", other_contacts=phone)
    ]


def test_no_state_of_a_registration_is_forgotten() -> None:
    desk = Desk()
    for state in SipState:
        desk.registrations.take(RegistrationChanged(LINE, state, 0, ""))
    assert len(desk.reports) == len(SipState)


def test_a_stored_dialog_is_ended_and_one_that_is_none_is_logged() -> None:
    desk = Desk()
    desk.registrations.end_stored(commands.EndStoredDialog(SETTINGS, {"tag": "x"}))
    assert desk.sip.told == [("end", {"tag": "x"})]
    desk.sip.is_refusing = True
    with capture_logs() as logs:
        desk.registrations.end_stored(commands.EndStoredDialog(SETTINGS, {}))
    assert [entry["event"] for entry in logs] == ["stored_dialog_unusable"]
    assert "top secret" not in str(logs)


def test_every_setting_reaches_the_sip_stack() -> None:
    config = account_config(
        msgspec.structs.replace(
            SETTINGS, port=5070, transport=SipTransport.TCP, auth_username="auth", domain="d", expires_s=90
        )
    )
    assert (config.server_host, config.server_port, config.username) == ("pbx.example", 5070, "100")
    assert (config.password, config.auth_username, config.domain) == ("top secret", "auth", "d")
    assert (config.transport, config.expires_s) == (TransportName.TCP, 90)


def test_what_a_hosted_pbx_needs_reaches_the_sip_stack() -> None:
    tls = TlsSettings(ca_file="/ca.pem", certificate_file="/us.pem", key_file="/us.key", server_name="pbx")
    config = account_config(
        msgspec.structs.replace(
            SETTINGS,
            port=0,
            transport=SipTransport.TLS,
            tls=tls,
            trusted=("203.0.113.0/24",),
            public_address="[2001:db8::7]:5070",
            keep_alive=KeepAlive.OPTIONS,
            is_registering=False,
            has_tcp_for_large=True,
        )
    )
    assert (config.server_port, config.transport) == (None, TransportName.TLS)
    assert config.tls == TlsTerms("/ca.pem", "/us.pem", "/us.key", server_name="pbx")
    assert (config.trusted_hosts, config.public_place) == (
        ("203.0.113.0/24",),
        PublicPlace("2001:db8::7", 5070),
    )
    assert (config.keep_alive, config.is_registering) == (KeepAliveMethod.OPTIONS, False)
    assert config.has_tcp_for_large


def test_an_account_may_leave_the_transport_to_dns() -> None:
    config = account_config(msgspec.structs.replace(SETTINGS, transport=SipTransport.AUTO))
    assert config.transport is None


def test_a_fingerprint_that_is_none_is_an_error_of_the_account_and_of_no_other() -> None:
    desk = Desk()
    bad = msgspec.structs.replace(SETTINGS, tls=TlsSettings(fingerprint="not hex"))
    desk.registrations.put(commands.PutAccount(bad))
    text = "a SHA-256 fingerprint is 64 hexadecimal digits"
    assert desk.reports == [events.RegistrationChanged(LINE, RegistrationState.ERROR, 0, text)]
    assert desk.verbs == ["drop"]


@pytest.mark.parametrize(
    ("proxy", "host", "port"),
    [
        ("", "", None),
        ("proxy.example", "proxy.example", None),
        ("proxy.example:5080", "proxy.example", 5080),
        ("[2001:db8::1]", "2001:db8::1", None),
        ("[2001:db8::1]:5080", "2001:db8::1", 5080),
    ],
)
def test_a_proxy_may_have_a_port_and_an_address_of_any_kind(proxy: str, host: str, port: int | None) -> None:
    config = account_config(msgspec.structs.replace(SETTINGS, proxy=proxy))
    assert (config.outbound_proxy_host, config.outbound_proxy_port) == (host, port)


def registered(desk: Desk) -> None:
    desk.registrations.take(RegistrationChanged(LINE, SipState.REGISTERED, 200, "OK"))


def test_the_mailbox_of_an_account_that_has_one_is_watched_once_it_is_registered() -> None:
    for has_mailbox in (False, True):
        desk = Desk()
        settings = msgspec.structs.replace(SETTINGS, has_mailbox=has_mailbox)
        desk.registrations.put(commands.PutAccount(settings))
        assert "watch" not in desk.verbs
        registered(desk)
        assert ("watch" in desk.verbs) is has_mailbox


def test_waiting_messages_are_reported() -> None:
    desk = Desk()
    summary = MessageSummary(is_waiting=True, new=2, old=1, new_urgent=1)
    desk.registrations.take(MessagesWaiting(LINE, summary))
    assert desk.reports == [events.MailboxChanged(LINE, is_waiting=True, new=2, old=1)]
