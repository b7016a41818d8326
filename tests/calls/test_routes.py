"""Calls find the right employee and the right line."""

import pytest

from linegram.calls.routes import NOT_A_NUMBER, OfficeRoutes
from linegram.errors import RefusedError
from linegram.office.account import SipAccount
from linegram.units import AccountId, TelegramUserId

ANN, BOB = TelegramUserId(1), TelegramUserId(2)


def account(number: int, user_id: TelegramUserId | None = ANN, **other: object) -> SipAccount:
    settings = {
        "login": f"100{number}",
        "password": "secret",
        "server": "pbx.example",
        "owner_id": TelegramUserId(9),
        "account_id": AccountId(number),
        "user_id": user_id,
        "name": f"Line {number}",
        **other,
    }
    return SipAccount(**settings)  # type: ignore[arg-type]


def routes(*accounts: SipAccount) -> OfficeRoutes:
    made = OfficeRoutes()
    made.renew(accounts, {})
    return made


def test_a_call_to_an_account_goes_to_its_user() -> None:
    route = routes(account(1)).incoming(AccountId(1))
    assert route is not None
    assert (route.user_id, route.line) == (ANN, "Line 1")


@pytest.mark.parametrize("unusable", [account(1, None), account(1, is_enabled=False), account(2)])
def test_a_call_to_nobodys_account_goes_nowhere(unusable: SipAccount) -> None:
    assert routes(unusable).incoming(AccountId(1)) is None


def test_a_number_goes_through_the_dial_rules_of_the_line_used_last() -> None:
    office = routes(account(1), account(2, dial_rules="^8=7"), account(3, BOB))
    office.used(AccountId(2), 100.0)
    route = office.outgoing(ANN, "8 (926) 123-45-67")
    assert (route.account_id, route.number) == (AccountId(2), "79261234567")


def test_a_renewed_picture_keeps_what_was_used_since() -> None:
    office = routes(account(1), account(2))
    office.used(AccountId(2), 100.0)
    office.renew([account(1), account(2)], {AccountId(1): 50.0})
    assert office.outgoing(ANN, "100").account_id == AccountId(2)


def test_words_are_answered_with_a_sentence() -> None:
    with pytest.raises(RefusedError, match=NOT_A_NUMBER):
        routes(account(1)).outgoing(ANN, "see you at lunch")


def test_somebody_without_a_line_is_told_so() -> None:
    office = routes(account(1))
    assert not office.is_employee(BOB)
    with pytest.raises(RefusedError, match="no line"):
        office.outgoing(BOB, "100")
