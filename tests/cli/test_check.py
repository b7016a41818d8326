"""`linegram check` finds what is wrong, says what to do about it, and disturbs no running service."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from linegram.cli import check_machine
from linegram.cli.check_lines import reported_line
from linegram.cli.findings import Finding, Mark, find_out
from linegram.cli.inspection import inspect
from linegram.cli.running import only_service, running_service
from linegram.config import MediaSettings, Settings
from linegram.link.accounts import RegistrationState
from linegram.office.account import AccountStatus, SipAccount
from linegram.sandbox.office import SandboxOffice
from linegram.units import AccountId, TelegramUserId
from tests.cli.command import WAIT_S, command, write_settings
from tests.peers.asterisk import Asterisk
from tests.peers.waiting import until

OWNER = TelegramUserId(1)


async def findings(settings: Settings, service: str | None = None) -> dict[str, Finding]:
    return {finding.name: finding async for finding in inspect(settings, service)}


def an_account(login: str, host: str = "127.0.0.1", port: int = 9, **others: Any) -> SipAccount:
    fields: dict[str, Any] = {
        "login": login,
        "password": f"pw-{login}",
        "server": host,
        "port": port,
        "owner_id": OWNER,
    }
    return SipAccount(**fields | others)


async def has_contact(pbx: Asterisk, login: str) -> bool:
    return f" {login}/sip:" in await pbx.cli("pjsip show contacts")


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def test_an_office_in_order_passes_everything(office: SandboxOffice) -> None:
    found = await findings(office.settings())
    assert {finding.mark for name, finding in found.items() if name != "accounts"} == {Mark.OK}, found
    assert list(found) == [
        "configuration",
        "voice engines",
        "RTP ports",
        "SIP port",
        "clock",
        "bot token",
        "inline mode",
        "key and database",
        "calling account",
        "inline feedback",
        "accounts",
    ]
    assert found["bot token"].text == "@linegram_bot"
    assert found["calling account"].text == "Office telephone (@office_calls)"
    assert "linegram accounts add" in found["accounts"].text


@pytest.mark.parametrize(
    ("engine", "installed", "mark", "said"),
    [
        ("auto", ("own", "ntgcalls"), Mark.OK, "own and ntgcalls, media.engine is auto"),
        ("auto", ("own",), Mark.OK, "ntgcalls is not installed"),
        ("own", ("own",), Mark.OK, "ntgcalls is not installed"),
        ("ntgcalls", ("own",), Mark.FAILED, 'pip install "linegram[ntgcalls]"'),
    ],
)
async def test_the_voice_engines_are_named_and_a_wanted_one_that_is_not_there_fails(
    monkeypatch: pytest.MonkeyPatch, engine: str, installed: tuple[str, ...], mark: Mark, said: str
) -> None:
    monkeypatch.setattr(check_machine, "installed_engines", lambda: installed)
    media = MediaSettings.model_validate({"engine": engine})
    found = await find_out("voice engines", check_machine.voice_engines(media))
    assert found.mark is mark
    assert said in found.text


async def test_an_incomplete_configuration_names_what_is_missing_and_the_rest_is_still_looked_at(
    office: SandboxOffice,
) -> None:
    found = await findings(office.settings(telegram={"bot_token": "", "phone": ""}))
    assert found["configuration"] == Finding(
        "configuration",
        Mark.FAILED,
        "Not set yet: telegram.bot_token, telegram.phone. `linegram init` asks for what is missing.",
    )
    assert found["key and database"].mark is Mark.OK
    assert "bot token" not in found


@pytest.mark.parametrize(
    ("telegram", "sentence"),
    [
        ({"bot_token": "nonsense"}, "telegram.bot_token is no bot token"),
        (
            {"public_key_file": Path("/no/such.pem")},
            "There is no file /no/such.pem (telegram.public_key_file)",
        ),
    ],
)
async def test_a_setting_that_cannot_be_is_found_before_anything_is_started(
    office: SandboxOffice, telegram: dict[str, Any], sentence: str
) -> None:
    found = await findings(office.settings(telegram=telegram))
    assert found["configuration"].mark is Mark.FAILED
    assert sentence in found["configuration"].text


@pytest.mark.parametrize(
    ("break_it", "name", "sentence"),
    [
        (
            lambda office: (office.folder / "linegram.key").unlink(),
            "key and database",
            "There is no key file",
        ),
        (lambda office: (office.folder / "linegram.db").unlink(), "key and database", "There is no database"),
        (
            lambda office: (office.folder / "linegram.key").write_text("A" * 43 + "="),
            "key and database",
            "does not fit this database",
        ),
        (
            lambda office: setattr(office.bot.bot, "is_inline", False),
            "inline mode",
            "/setinline to @BotFather",
        ),
        (
            lambda office: setattr(office.bot.bot, "has_inline_feedback", False),
            "inline feedback",
            "/setinlinefeedback to @BotFather",
        ),
        (
            lambda office: office.telegram.terminate(office.calling_account.user_id),
            "calling account",
            "Telegram has ended the sign-in",
        ),
        (
            lambda office: setattr(office.world, "clock", lambda: time.time() - 100),
            "clock",
            "s ahead of Telegram's. Switch on time synchronization",
        ),
        (
            lambda office: setattr(office.world, "clock", lambda: time.time() + 100),
            "clock",
            "s behind Telegram's",
        ),
    ],
)
async def test_what_is_wrong_is_found_and_says_what_to_do(
    office: SandboxOffice, break_it: Any, name: str, sentence: str
) -> None:
    break_it(office)
    found = await findings(office.settings())
    assert found[name].mark is Mark.FAILED
    assert sentence in found[name].text


async def test_a_wrong_token_and_a_telegram_that_is_away_fail_in_time(office: SandboxOffice) -> None:
    await office.telegram.stop()
    found = await findings(office.settings(telegram={"bot_token": "123456:unknown"}))
    assert found["bot token"].text.startswith("Telegram does not know telegram.bot_token")
    for name in ("clock", "calling account"):
        assert found[name] == Finding(name, Mark.FAILED, "Telegram does not answer.")


async def test_ports_in_use_by_another_program_are_named(office: SandboxOffice) -> None:
    with taken_port() as port:
        found = await findings(
            office.settings(sip={"port": port}, rtp={"port_min": port, "port_max": port + 1})
        )
    assert found["SIP port"].mark is Mark.FAILED
    assert found["SIP port"].text.startswith("UDP ")  # somebody else may hold the TCP port of this number
    assert f" {port} is in use: another SIP program" in found["SIP port"].text
    assert found["RTP ports"].mark is Mark.FAILED
    assert f"{port} of 2 tried in use" in found["RTP ports"].text


async def test_an_address_that_is_not_ours_is_named(office: SandboxOffice) -> None:
    bad = {"bind_ip": "192.0.2.1"}
    found = await findings(office.settings(sip={**bad, "port": 5060}, rtp=bad))
    assert "192.0.2.1:5060 cannot be used (sip.bind_ip)" in found["SIP port"].text
    assert "(rtp.bind_ip)" in found["RTP ports"].text


async def test_beside_a_running_service_its_word_counts_and_its_session_is_left_alone(
    office: SandboxOffice,
) -> None:
    anna = await office.hire("Anna")
    await office.add_account(an_account("100"), anna)
    with taken_port() as port:
        found = await findings(office.settings(sip={"port": port}), service="4711")
    assert found["SIP port"].text.endswith("in use by the running service (process 4711)")
    for name in ("calling account", "inline feedback", "account 1"):
        assert found[name].mark is Mark.NOT_CHECKED
    assert found["bot token"].mark is Mark.OK


@pytest.mark.parametrize(
    ("state", "status", "text", "mark", "sentence"),
    [
        (RegistrationState.ONLINE, 200, "OK", Mark.OK, "Anna is registered at pbx.example:5060"),
        (RegistrationState.ERROR, 403, "Forbidden", Mark.FAILED, "403 Forbidden. Login or password is wrong"),
        (RegistrationState.ERROR, 0, "", Mark.FAILED, "check address, port, transport and firewall"),
        (RegistrationState.ERROR, 503, "Busy", Mark.FAILED, "503 Busy. The log of the PBX says more."),
    ],
)
def test_what_the_service_heard_of_a_line_is_told_with_code_and_advice(
    state: RegistrationState, status: int, text: str, mark: Mark, sentence: str
) -> None:
    account = an_account("100", "pbx.example", 5060, name="Anna", account_id=AccountId(3))
    heard = AccountStatus(account_id=AccountId(3), state=state, sip_status=status, text=text)
    finding = reported_line(account, heard)
    assert (finding.name, finding.mark) == ("account 3", mark)
    assert sentence in finding.text


async def test_a_check_that_takes_too_long_fails() -> None:
    async def never() -> str:
        await asyncio.Event().wait()
        return ""

    found = await find_out("x", never(), within_s=0)
    assert found == Finding("x", Mark.FAILED, "No answer within 0 seconds.")


def test_a_running_service_is_known_by_its_lock(tmp_path: Path) -> None:
    assert running_service(tmp_path) is None
    with only_service(tmp_path):
        holder = running_service(tmp_path)
        assert holder is not None
        assert int(holder) > 0
    assert running_service(tmp_path) is None


async def test_lines_register_at_a_real_pbx_or_say_what_it_said(
    office: SandboxOffice, asterisk22: Asterisk
) -> None:
    anna = await office.hire("Anna")
    for account in (
        an_account("1007", asterisk22.address, asterisk22.sip_port),
        an_account("1008", asterisk22.address, asterisk22.sip_port, password="wrong"),
        an_account("nobody", asterisk22.address, asterisk22.sip_port),
        an_account("1009", asterisk22.address, asterisk22.sip_port, is_enabled=False),
    ):
        await office.add_account(account, anna)
    found = await findings(office.settings())
    lines = {name: finding for name, finding in found.items() if name.startswith("account ")}
    assert [finding.mark for finding in lines.values()] == [Mark.OK, Mark.FAILED, Mark.FAILED]
    assert "is registered at" in lines["account 1"].text
    assert "Login or password is wrong: `linegram accounts change 2 --password`." in lines["account 2"].text
    assert not await has_contact(asterisk22, "1007")


async def test_a_pbx_that_is_not_there_is_told_from_one_that_refuses(office: SandboxOffice) -> None:
    anna = await office.hire("Anna")
    with taken_port() as port:
        await office.add_account(an_account("100", "127.0.0.1", port), anna)
        await office.add_account(an_account("101", "no-such-host.invalid", 5060), anna)
        found = await findings(office.settings())
    for name in ("account 1", "account 2"):
        assert found[name].mark is Mark.FAILED
        assert "check address, port, transport and firewall" in found[name].text


@pytest.mark.slow
async def test_the_command_prints_one_line_each_and_its_exit_code_says_whether_all_is_well(
    office: SandboxOffice,
) -> None:
    write_settings(office)
    async with command(office.folder, "check") as check:
        code, out, err = await check.ended()
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["ok"] * 10 + ["--"]
    office.telegram.terminate(office.calling_account.user_id)
    async with command(office.folder, "check") as check:
        code, out, err = await check.ended()
    assert (code, err) == (1, "")
    assert "FAIL calling account   Telegram has ended the sign-in" in out


@pytest.mark.slow
async def test_beside_a_real_service_its_registration_is_told_and_nothing_of_it_disturbed(
    office: SandboxOffice, asterisk22: Asterisk
) -> None:
    write_settings(office)
    anna = await office.hire("Anna")
    await office.add_account(an_account("1006", asterisk22.address, asterisk22.sip_port), anna)
    async with command(office.folder, "serve") as service:
        await service.until("linegram is ready")
        await until(lambda: has_contact(asterisk22, "1006"), WAIT_S)
        async with command(office.folder, "check") as check:
            code, out, err = await check.ended()
        assert (code, err) == (0, "")
        assert out.splitlines()[-1].startswith("ok   account 1")
        assert out.count(f"process {service.process.pid}") == 1
        service.process.terminate()
        code, _, err = await service.ended()
    assert code == 0
    assert "telegram_connection_renewed" not in err
    assert not await has_contact(asterisk22, "1006")


@pytest.mark.slow
async def test_a_configuration_that_cannot_be_read_is_the_first_and_only_line(tmp_path: Path) -> None:
    (tmp_path / "linegram.toml").write_text("[telegram")
    async with command(tmp_path, "check") as check:
        code, out, err = await check.ended()
    assert (code, err) == (1, "")
    assert out.startswith("FAIL configuration")
    assert out.count("\n") == 1
