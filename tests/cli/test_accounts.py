"""`linegram accounts` does to a real database what it says, and never shows a password."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from linegram.cli import app
from linegram.link.accounts import RegistrationState, SipTransport
from linegram.office.account import AccountStatus, SipAccount
from linegram.office.codecs import DtmfMethod
from linegram.storage.accounts import AccountRepository
from linegram.storage.database import Database
from linegram.storage.people import PeopleRepository
from linegram.storage.vault import Vault, create_key_file, open_vault
from linegram.units import AccountId, TelegramUserId

PASSWORD = "correct horse battery staple"
T = TypeVar("T")


class Machine:
    """A folder with a configuration, and the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "linegram.toml"
        self.config.write_text("")
        create_key_file(folder / "linegram.key")

    def run(self, *arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(app, ["--config", str(self.config), "accounts", *arguments], input=typed)

    def done(self, *arguments: str, typed: str = "") -> str:
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 0, result.output
        assert PASSWORD not in result.output
        return result.output

    def refused(self, *arguments: str, typed: str = "") -> str:
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 1, result.output
        assert result.stderr.count("\n") == 1
        assert PASSWORD not in result.output
        return result.stderr

    def added(self, login: str = "100", *options: str) -> None:
        self.done(
            "add",
            login,
            "pbx.example",
            "--owner",
            "1000",
            "--password-stdin",
            *options,
            typed=f"{PASSWORD}\n",
        )

    def stored(self, number: int = 1) -> SipAccount | None:
        return self.inside(lambda database: AccountRepository(database).find(AccountId(number)))

    def inside(self, work: Callable[[Database], Awaitable[T]]) -> T:
        async def run() -> T:
            vault = open_vault("", self.folder / "linegram.key")
            url = f"sqlite+aiosqlite:///{self.folder / 'linegram.db'}"
            async with await Database.open(url, vault) as database:
                return await work(database)

        return asyncio.run(run())


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("LINEGRAM_KEY", raising=False)
    return Machine(tmp_path)


def test_an_account_is_added_with_everything_that_can_be_set(machine: Machine) -> None:
    output = machine.done(
        *("add", "100:auth", "pbx.example:5070", "--owner", "1000", "--user", "2000", "--name", "Anna [1]"),
        *(
            "--domain",
            "office.example",
            "--proxy",
            "10.0.0.1",
            "--transport",
            "tcp",
            "--codecs",
            "PCMA, opus",
        ),
        *("--dtmf", "info", "--rules", r"[^+*#\w]= ^8=7", "--direct"),
        typed=f"{PASSWORD}\n",
    )
    assert "Account 1 added: Anna [1]." in output
    assert machine.stored() == SipAccount(
        account_id=AccountId(1),
        login="100",
        auth_login="auth",
        password=PASSWORD,
        server="pbx.example",
        port=5070,
        owner_id=TelegramUserId(1000),
        user_id=TelegramUserId(2000),
        name="Anna [1]",
        domain="office.example",
        proxy="10.0.0.1",
        transport=SipTransport.TCP,
        codecs=("alaw", "opus"),
        dtmf=(DtmfMethod.INFO,),
        dial_rules=r"[^+*#\w]= ^8=7",
        is_callback=False,
    )


def test_show_tells_everything_but_the_password(machine: Machine) -> None:
    machine.added("100", "--rules", r"[^+*#\w]= ^8=7", "--user", "2000")
    output = machine.done("show", "1")
    for value in (
        "pbx.example",
        "1000",
        "2000",
        "UDP",
        "opus,g722,alaw,mulaw",
        r"[^+*#\w]= ^8=7",
        "kept encrypted",
    ):
        assert value in output


def test_the_list_shows_employees_and_registrations(machine: Machine) -> None:
    machine.added("100", "--user", "2000", "--name", "[bold]")
    machine.added("200")
    machine.added("300")
    machine.done("off", "2")

    async def happen(database: Database) -> None:
        await PeopleRepository(database).meet(TelegramUserId(2000), name="Anna", username="anna", language="")
        await AccountRepository(database).set_status(
            AccountStatus(
                account_id=AccountId(1), state=RegistrationState.ERROR, sip_status=403, text="Forbidden"
            )
        )

    machine.inside(happen)
    first, second, third = [line for line in machine.done("list").splitlines() if "pbx.example" in line]
    assert "[bold]" in first
    assert "Anna (2000)" in first
    assert "error 403 Forbidden" in first
    assert "off" in second
    assert "not registered yet" in third


def test_an_empty_list_says_what_to_do(machine: Machine) -> None:
    assert "linegram accounts add" in machine.done("list")


def test_accounts_are_switched_assigned_reclaimed_and_removed(machine: Machine) -> None:
    machine.added()
    assert "is off" in machine.done("off", "1")
    assert "is on" in machine.done("on", "1")
    machine.done("assign", "1", "2000")
    account = machine.stored()
    assert account is not None
    assert (account.is_enabled, account.user_id) == (True, 2000)
    machine.done("reclaim", "1")
    assert "gone" in machine.done("remove", "1", "--yes")
    assert machine.stored() is None
    changes = machine.inside(lambda database: AccountRepository(database).changes_since(0))
    assert [change.action.value for change in changes] == [
        "added",
        "switched_off",
        "switched_on",
        "assigned",
        "reclaimed",
        "removed",
    ]


def test_removing_asks_first(machine: Machine) -> None:
    machine.added()
    assert machine.run("remove", "1", typed="n\n").exit_code == 1
    assert machine.stored() is not None
    machine.done("remove", "1", typed="y\n")
    assert machine.stored() is None


def test_an_employee_may_be_named_once_linegram_has_seen_him(machine: Machine) -> None:
    machine.added()
    assert "has not seen @anna yet" in machine.refused("assign", "1", "@anna")
    machine.inside(
        lambda database: PeopleRepository(database).meet(
            TelegramUserId(2000), name="Anna", username="Anna", language=""
        )
    )
    machine.done("assign", "1", "@anna")
    account = machine.stored()
    assert account is not None
    assert account.user_id == 2000


def test_a_change_touches_only_what_was_given(machine: Machine) -> None:
    machine.added("100", "--name", "Anna", "--rules", "^8=7")
    before = machine.stored()
    machine.done(
        "change", "1", "--server", "10.0.0.9:5080", "--rules", "=", "--password", typed="new secret\n"
    )
    after = machine.stored()
    assert before is not None
    assert after is not None
    assert (after.server, after.port, after.dial_rules, after.password) == (
        "10.0.0.9",
        5080,
        "",
        "new secret",
    )
    assert (after.login, after.name, after.owner_id) == (before.login, before.name, before.owner_id)


def test_the_only_owner_need_not_be_named(machine: Machine) -> None:
    assert "Nobody owns accounts yet" in machine.refused("add", "1", "pbx.example", typed=f"{PASSWORD}\n")
    machine.added()
    machine.done("add", "200", "pbx.example", typed=f"{PASSWORD}\n")
    account = machine.stored(2)
    assert account is not None
    assert account.owner_id == 1000
    machine.done("add", "300", "pbx.example", "--owner", "1001", typed=f"{PASSWORD}\n")
    assert "Several people own accounts" in machine.refused(
        "add", "400", "pbx.example", typed=f"{PASSWORD}\n"
    )


def test_rules_can_be_tried(machine: Machine) -> None:
    machine.added("100", "--rules", r"^8=7 ^7\d{10}$")
    output = machine.done("try", "1", "8 (926) 123-45-67")
    assert "The PBX gets 79261234567." in output
    assert "filter passed" in output
    assert "This line cannot call it." in machine.done("try", "1", "100")
    assert "A filter stops it." in machine.done("try", "1", "sip:anna@pbx.example")
    assert "neither a telephone number" in machine.refused("try", "1", "hello")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("show", "7"), "There is no account 7."),
        (("on", "7"), "There is no account 7."),
        (("remove", "7", "--yes"), "There is no account 7."),
        (("assign", "7", "2000"), "There is no account 7."),
        (("add", "1", "pbx example", "--owner", "1"), "must be a host name"),
        (("add", "1", "pbx.example", "--owner", "1", "--rules", "(a+)+="), "could take too long"),
        (("add", "1", "pbx.example", "--owner", "1", "--codecs", "mp3"), "Unknown codec: mp3"),
        (("add", "1", "pbx.example", "--owner", "1", "--user", "9" * 30), "has not seen"),
        (("add", "1", "pbx.example", "--owner", "1", "--password-stdin"), "password must be"),
    ],
)
def test_a_mistake_is_one_sentence_on_stderr(
    machine: Machine, arguments: tuple[str, ...], complaint: str
) -> None:
    typed = "\n" if "--password-stdin" in arguments else f"{PASSWORD}\n"
    assert complaint in machine.refused(*arguments, typed=typed)


def test_the_same_account_twice_is_refused(machine: Machine) -> None:
    machine.added()
    refusal = machine.refused("add", "100", "pbx.example", "--owner", "1000", typed=f"{PASSWORD}\n")
    assert "100@pbx.example at pbx.example is here already (account 1)." in refusal


def test_no_key_a_wrong_key_and_a_wrong_configuration_are_sentences(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.added()
    monkeypatch.setenv("LINEGRAM_KEY", Fernet.generate_key().decode())
    assert "does not fit this database" in machine.refused("list")
    monkeypatch.delenv("LINEGRAM_KEY")
    (machine.folder / "linegram.key").unlink()
    assert "There is no key file" in machine.refused("list")
    machine.config.write_text("[telegram]\nbot_toke = 'x'")
    assert "telegram.bot_toke: there is no such setting" in machine.refused("list")


def test_a_key_in_the_environment_needs_no_file(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    key = Fernet.generate_key().decode()
    (machine.folder / "linegram.key").unlink()
    monkeypatch.setenv("LINEGRAM_KEY", key)
    machine.added()

    async def read() -> str:
        url = f"sqlite+aiosqlite:///{machine.folder / 'linegram.db'}"
        async with await Database.open(url, Vault([key])) as database:
            return (await AccountRepository(database).all())[0].password

    assert asyncio.run(read()) == PASSWORD


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).output.startswith("linegram ")
