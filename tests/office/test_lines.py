"""The lines that fit a number are found, the last used first."""

from linegram.office.lines import choose_lines, fit_line
from linegram.office.number import Destination
from linegram.units import AccountId
from tests.office.accounts import make_account

NUMBER = Destination("84951234567")


def test_one_fitting_line_is_the_only_one() -> None:
    choice = choose_lines([make_account(dial_rules="^8=7")], NUMBER)
    assert choice.only is not None
    assert choice.only.dialled == "74951234567"


def test_several_fitting_lines_come_last_used_first() -> None:
    accounts = [make_account(str(number), account_id=AccountId(number)) for number in (1, 2, 3, 4)]
    choice = choose_lines(accounts, NUMBER, {AccountId(3): 10.0, AccountId(2): 20.0})
    assert [line.account.account_id for line in choice.lines] == [2, 3, 1, 4]
    assert choice.only is None


def test_lines_that_are_off_or_forbid_the_number_are_left_out() -> None:
    accounts = [make_account("1", is_enabled=False), make_account("2", dial_rules="^7"), make_account("3")]
    assert [line.account.login for line in choose_lines(accounts, NUMBER).lines] == ["3"]


def test_the_employee_is_told_why_no_line_fits() -> None:
    assert "no line yet" in choose_lines([], NUMBER).sentence
    assert "switched off" in choose_lines([make_account(is_enabled=False)], NUMBER).sentence
    assert "may call this number" in choose_lines([make_account(dial_rules="^7")], NUMBER).sentence


def test_an_address_is_dialled_as_written_when_the_filters_let_it_pass() -> None:
    address = Destination("anna@pbx.example", is_address=True)
    line = fit_line(make_account(dial_rules=r"[^\d]="), address)
    assert line is not None
    assert line.dialled == "anna@pbx.example"
    assert fit_line(make_account(dial_rules=r"^\d+$"), address) is None


def test_a_line_whose_stored_rules_are_broken_does_not_fit() -> None:
    assert fit_line(make_account(dial_rules="("), NUMBER) is None
