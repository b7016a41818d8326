"""Settings of an account are checked with a sentence, and its password stays hidden."""

from typing import Any

import pytest

from linegram.errors import RefusedError
from linegram.link.accounts import SipTransport
from linegram.office.account import checked, link_settings, parse_login, parse_server
from tests.office.accounts import PASSWORD, make_account


def test_a_good_account_is_returned_in_order() -> None:
    account = checked(make_account(dial_rules=" `^8=7`  ^7 ", codecs=("PCMA", "opus/48000"), dtmf=()))
    assert account.dial_rules == "^8=7 ^7"
    assert account.codecs == ("alaw", "opus")
    assert account.dtmf


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("login", "", "login must be"),
        ("login", "a b", "login must be"),
        ("login", "a@b", "login must be"),
        ("auth_login", 'a"b', "authorization id"),
        ("password", "", "password must be"),
        ("password", "a\r\nb", "password must be"),
        ("name", "a\nb", "name must be"),
        ("name", "n" * 65, "name must be"),
        ("server", "", "server must be"),
        ("server", "pbx example", "server must be"),
        ("domain", "-", "domain must be"),
        ("proxy", "host:x", "not a number"),
        ("port", 0, "not between 1 and 65535"),
        ("dial_rules", "(8=7", "not closed"),
        ("codecs", ("mp3",), "Unknown codec"),
    ],
)
def test_what_is_wrong_is_said(field: str, value: Any, complaint: str) -> None:
    with pytest.raises(RefusedError, match=complaint):
        checked(make_account(**{field: value}))


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("pbx.example", ("pbx.example", 5060)),
        (" 10.0.0.1:5070 ", ("10.0.0.1", 5070)),
        ("[2001:db8::1]", ("[2001:db8::1]", 5060)),
        ("[2001:db8::1]:5080", ("[2001:db8::1]", 5080)),
    ],
)
def test_servers_are_split(text: str, server: tuple[str, int]) -> None:
    assert parse_server(text) == server


@pytest.mark.parametrize("text", ["", ":5060", "pbx:", "pbx:sip", "pbx:70000", "pbx:٥", "a b", "2001:db8::1"])
def test_wrong_servers_are_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        parse_server(text)


def test_logins_may_carry_an_authorization_id() -> None:
    assert parse_login("100") == ("100", "")
    assert parse_login("100:auth@realm") == ("100", "auth@realm")
    with pytest.raises(RefusedError):
        parse_login(":auth")


def test_the_password_is_in_no_text_of_an_account() -> None:
    account = make_account()
    assert PASSWORD not in f"{account!r} {account} {link_settings(account)!r}"


def test_a_worker_gets_everything_that_it_needs() -> None:
    account = make_account(
        auth_login="auth", port=5070, domain="office.example", proxy="10.0.0.1", transport=SipTransport.TCP
    )
    settings = link_settings(account)
    assert (settings.username, settings.auth_username, settings.password) == ("100", "auth", PASSWORD)
    assert (settings.server, settings.port, settings.domain) == ("pbx.example", 5070, "office.example")
    assert (settings.proxy, settings.transport, settings.codecs) == (
        "10.0.0.1",
        SipTransport.TCP,
        account.codecs,
    )


def test_a_title_is_the_name_or_the_address() -> None:
    assert make_account().title == "100@pbx.example"
    assert make_account(domain="office.example", name="").title == "100@office.example"
    assert make_account(name="Anna's desk").title == "Anna's desk"
