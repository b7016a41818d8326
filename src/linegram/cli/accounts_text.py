"""What the accounts commands print. Passwords are never among it.

Cells are `Text`, not strings: rich would take the [ ] of a dial rule for a style.
"""

from collections.abc import Iterable, Mapping

from rich.table import Table
from rich.text import Text

from linegram.link.accounts import RegistrationState
from linegram.office.account import AccountStatus, SipAccount
from linegram.office.codecs import render_codecs, render_dtmf
from linegram.office.dial_rules import Dialled, Verdict
from linegram.office.person import Person
from linegram.units import AccountId, TelegramUserId

People = Mapping[TelegramUserId, Person]

_STYLES = {
    RegistrationState.ONLINE: "green",
    RegistrationState.REGISTERING: "yellow",
    RegistrationState.UNVERIFIED: "yellow",
    RegistrationState.RESTRICTED: "red",
    RegistrationState.ERROR: "red",
    RegistrationState.OFFLINE: "dim",
}
_VERDICTS = {
    Verdict.REPLACED: "replaced",
    Verdict.UNCHANGED: "does not match, skipped",
    Verdict.PASSED: "filter passed",
    Verdict.BLOCKED: "filter does not match: this line cannot call the number",
    Verdict.EMPTIED: "nothing is left to dial",
    Verdict.TOO_LONG: "the result is too long",
}


def account_list(
    accounts: Iterable[SipAccount], statuses: Mapping[AccountId, AccountStatus], people: People
) -> Table:
    """One row for each account."""
    table = Table("#", "name", "account", "employee", "state")
    for account in accounts:
        state, style = _state(account, statuses.get(account.account_id))
        cells = (
            str(account.account_id),
            account.name,
            f"{account.login}@{_server(account)}",
            _person(account.user_id, people),
            state,
        )
        table.add_row(*map(Text, cells), style=style)
    return table


def account_details(account: SipAccount, status: AccountStatus | None, people: People) -> Table:
    """Everything that is set for one account, but its password."""
    rows = {
        "number": str(account.account_id),
        "name": account.name,
        "owner": _person(account.owner_id, people),
        "employee": _person(account.user_id, people) or "nobody",
        "state": _state(account, status)[0],
        "login": account.login,
        "authorization id": account.auth_login or account.login,
        "password": "kept encrypted",
        "server": _server(account),
        "domain": account.domain or account.server,
        "proxy": account.proxy or "none",
        "transport": account.transport.value.upper(),
        "codecs": render_codecs(account.codecs),
        "DTMF": render_dtmf(account.dtmf),
        "dial rules": account.dial_rules or "none",
        "outgoing calls": "Telegram calls the employee" if account.is_callback else "the employee calls",
    }
    table = Table(show_header=False)
    for name, value in rows.items():
        table.add_row(Text(name), Text(value))
    return table


def rule_steps(number: str, dialled: Dialled) -> Table:
    """What each dial rule does to a number."""
    table = Table("rule", "effect", "number")
    table.add_row("", "as written", Text(number))
    for step in dialled.steps:
        table.add_row(Text(step.rule), _VERDICTS[step.verdict], Text(step.number))
    return table


def _state(account: SipAccount, status: AccountStatus | None) -> tuple[str, str]:
    """What the list says about an account, and in which style."""
    if not account.is_enabled:
        return "off", "dim"
    if status is None:
        return "not registered yet", "dim"
    words = [status.state.value, str(status.sip_status) if status.sip_status else "", status.text]
    return " ".join(word for word in words if word), _STYLES[status.state]


def _server(account: SipAccount) -> str:
    return account.server if account.port == 5060 else f"{account.server}:{account.port}"


def _person(user_id: TelegramUserId | None, people: People) -> str:
    if user_id is None:
        return ""
    person = people.get(user_id)
    return str(user_id) if person is None or person.title == str(user_id) else f"{person.title} ({user_id})"
