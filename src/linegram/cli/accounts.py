"""`linegram accounts`: SIP accounts from the command line.

A running service notices what is changed here within a second or two.
"""

import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from linegram.cli.account_options import (
    MAX_TELEGRAM_NUMBER,
    Callback,
    Codecs,
    Domain,
    Dtmf,
    Employee,
    Name,
    Number,
    Owner,
    PasswordFromInput,
    Proxy,
    Rules,
    Transport,
)
from linegram.cli.accounts_text import account_details, account_list, rule_steps
from linegram.cli.office import Office, in_office
from linegram.errors import RefusedError
from linegram.office.account import SipAccount, parse_login, parse_server
from linegram.office.codecs import parse_codecs, parse_dtmf
from linegram.office.dial_rules import parse_rules
from linegram.office.number import read_destination
from linegram.units import AccountId, TelegramUserId

app = typer.Typer(help="SIP accounts: add, list, assign, switch, remove.", no_args_is_help=True)


@app.command()
def add(  # noqa: PLR0913 - every parameter is an option
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="Login, or login:authorization-id.")],
    server: Annotated[str, typer.Argument(help="Server of the PBX: host or host:port.")],
    *,
    name: Name = None,
    owner: Owner = None,
    user: Employee = None,
    domain: Domain = None,
    proxy: Proxy = None,
    transport: Transport = None,
    codecs: Codecs = None,
    dtmf: Dtmf = None,
    rules: Rules = None,
    callback: Callback = None,
    password_stdin: PasswordFromInput = False,
) -> None:
    """Add a SIP account; its password is asked for."""
    login, auth_login = parse_login(login)
    host, port = parse_server(server)
    options = _given(name=name, domain=domain, proxy=proxy, transport=transport, is_callback=callback)
    options |= _given_lists(codecs=codecs, dtmf=dtmf, rules=rules)

    async def work(office: Office) -> SipAccount:
        account = SipAccount(
            login=login,
            auth_login=auth_login,
            server=host,
            port=port,
            password="",
            owner_id=await _owner(office, owner),
            user_id=None if user is None else await _employee(office, user),
            **options,
        )
        return await office.administration.add(msgspec.structs.replace(account, password=password))

    password = _password(is_from_input=password_stdin)
    account = in_office(context, work)
    _say(f"Account {account.account_id} added: {account.title}.")


@app.command()
def change(  # noqa: PLR0913 - every parameter is an option
    context: typer.Context,
    number: Number,
    *,
    login: Annotated[str | None, typer.Option(help="Login, or login:authorization-id.")] = None,
    server: Annotated[str | None, typer.Option(help="Server of the PBX: host or host:port.")] = None,
    name: Name = None,
    domain: Domain = None,
    proxy: Proxy = None,
    transport: Transport = None,
    codecs: Codecs = None,
    dtmf: Dtmf = None,
    rules: Rules = None,
    callback: Callback = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new password.")] = False,
    password_stdin: PasswordFromInput = False,
) -> None:
    """Change settings of an account; what is not given stays."""
    options = _given(name=name, domain=domain, proxy=proxy, transport=transport, is_callback=callback)
    options |= _given_lists(codecs=codecs, dtmf=dtmf, rules=rules)
    if login is not None:
        options["login"], options["auth_login"] = parse_login(login)
    if server is not None:
        options["server"], options["port"] = parse_server(server)
    if password or password_stdin:
        options["password"] = _password(is_from_input=password_stdin)

    async def work(office: Office) -> SipAccount:
        before = await office.administration.show(AccountId(number))
        return await office.administration.change(msgspec.structs.replace(before, **options))

    account = in_office(context, work)
    _say(f"Account {number} changed: {account.title}.")


@app.command("list")
def list_accounts(context: typer.Context) -> None:
    """List the accounts with their employees and registrations."""

    async def work(office: Office) -> Table:
        return account_list(
            await office.administration.accounts(), await office.statuses(), await office.known_people()
        )

    table = in_office(context, work)
    if table.row_count:
        Console().print(table)
    else:
        _say("There are no accounts yet; `linegram accounts add` adds one.")


@app.command()
def show(context: typer.Context, number: Number) -> None:
    """Show everything that is set for an account, but its password."""

    async def work(office: Office) -> Table:
        account = await office.administration.show(AccountId(number))
        status = (await office.statuses()).get(account.account_id)
        return account_details(account, status, await office.known_people())

    Console().print(in_office(context, work))


@app.command("try")
def try_rules(
    context: typer.Context,
    number: Number,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A telephone number, as an employee texts it.")],
) -> None:
    """Show what the account's dial rules make of a number, step by step."""
    account = in_office(context, _shown(number))
    destination = read_destination(text)
    if destination is None:
        raise RefusedError(f"{text!r} is neither a telephone number nor a SIP address.")
    rules = parse_rules(account.dial_rules)
    if destination.is_address:
        _say("The filters let this address pass." if rules.allows(destination.text) else "A filter stops it.")
        return
    dialled = rules.apply(destination.text)
    Console().print(rule_steps(destination.text, dialled))
    _say("This line cannot call it." if dialled.number is None else f"The PBX gets {dialled.number}.")


@app.command()
def on(context: typer.Context, number: Number) -> None:
    """Switch an account on."""
    account = in_office(
        context, lambda office: office.administration.switch(AccountId(number), is_enabled=True)
    )
    _say(f"Account {number} is on: {account.title}.")


@app.command()
def off(context: typer.Context, number: Number) -> None:
    """Switch an account off; it keeps its settings and its employee."""
    account = in_office(
        context, lambda office: office.administration.switch(AccountId(number), is_enabled=False)
    )
    _say(f"Account {number} is off: {account.title}.")


@app.command()
def assign(
    context: typer.Context,
    number: Number,
    user: Annotated[str, typer.Argument(help="Telegram number or @username of the employee.")],
) -> None:
    """Let an employee call and be called with an account."""

    async def work(office: Office) -> SipAccount:
        return await office.administration.assign(AccountId(number), await _employee(office, user))

    account = in_office(context, work)
    _say(f"Account {number} is used by {account.user_id}: {account.title}.")


@app.command()
def reclaim(context: typer.Context, number: Number) -> None:
    """Take an account back from its employee."""
    account = in_office(context, lambda office: office.administration.reclaim(AccountId(number)))
    _say(f"Account {number} is used by nobody: {account.title}.")


@app.command()
def remove(
    context: typer.Context,
    number: Number,
    *,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase an account with its password."""
    account = in_office(context, _shown(number))
    if not is_sure:
        typer.confirm(f"Erase account {number}, {account.title}?", abort=True)
    in_office(context, lambda office: office.administration.remove(AccountId(number)))
    _say(f"Account {number} is gone: {account.title}.")


def _shown(number: int) -> Callable[[Office], Awaitable[SipAccount]]:
    return lambda office: office.administration.show(AccountId(number))


def _given(**fields: Any) -> dict[str, Any]:
    """The fields of an account for which an option was given."""
    return {field: value for field, value in fields.items() if value is not None}


def _given_lists(*, codecs: str | None, dtmf: str | None, rules: str | None) -> dict[str, Any]:
    """The same for the options that are texts with a grammar. Raises RefusedError if one is wrong."""
    return _given(
        codecs=None if codecs is None else parse_codecs(codecs),
        dtmf=None if dtmf is None else parse_dtmf(dtmf),
        dial_rules=None if rules is None else parse_rules(rules).text,
    )


async def _owner(office: Office, given: int | None) -> TelegramUserId:
    """The owner that was named, or the only one there is."""
    if given is not None:
        return TelegramUserId(given)
    owners = await office.accounts.owners()
    if len(owners) != 1:
        what = "Nobody owns accounts yet" if not owners else "Several people own accounts"
        raise RefusedError(f"{what}: say with --owner whose account it is (a Telegram number).")
    return owners[0]


async def _employee(office: Office, text: str) -> TelegramUserId:
    """The person with this Telegram number, or with a @username that Linegram has seen."""
    if text.isascii() and text.isdigit() and 0 < int(text) <= MAX_TELEGRAM_NUMBER:
        return TelegramUserId(int(text))
    wanted = text.removeprefix("@").lower()
    for person in (await office.known_people()).values():
        if wanted and person.username.lower() == wanted:
            return person.user_id
    raise RefusedError(
        f"Linegram has not seen {text} yet: let this person write to the bot, or give the Telegram number."
    )


def _password(*, is_from_input: bool) -> str:
    if is_from_input:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = typer.prompt("Password of the SIP account", hide_input=True)
    return password


def _say(sentence: str) -> None:
    Console(soft_wrap=True, highlight=False).print(escape(sentence))
