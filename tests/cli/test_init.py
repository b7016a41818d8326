"""`linegram init` leads from nothing to a service that can start, asks again, and keeps what is there."""

import asyncio
import base64
import stat
from pathlib import Path

import pytest
from telethon import functions

from linegram.cli.configuration_file import ConfigurationFile, with_values
from linegram.cli.set_up import NEXT, set_up
from linegram.config import Settings, load_settings, write_configuration
from linegram.errors import RefusedError
from linegram.sandbox.employee import API_HASH, API_ID, Employee
from linegram.sandbox.office import SandboxOffice
from tests.cli.command import command, sandbox_server, write_settings
from tests.cli.scripted_terminal import Answer, ScriptedTerminal

NUMBER = "+99966110001"
PASSWORD = "correct horse"


class Machine:
    """A folder on a machine that knows where the sandbox is, and nothing else."""

    def __init__(self, office: SandboxOffice, folder: Path) -> None:
        self.office = office
        self.folder = folder
        folder.mkdir()
        self.path = folder / "linegram.toml"
        write_configuration(self.path, sandbox_server(office))

    @property
    def settings(self) -> Settings:
        return load_settings(self.path)

    def code(self) -> str:
        return self.office.world.sign_in.code_for(self.office.calling_account.phone)

    def token(self) -> str:
        assert self.office.bot.bot is not None
        return self.office.bot.bot.token

    async def init(self, *, is_new_sign_in: bool = False, **answers: list[Answer]) -> ScriptedTerminal:
        terminal = ScriptedTerminal(**answers)
        await set_up(ConfigurationFile(self.path), terminal, is_new_sign_in=is_new_sign_in)
        assert terminal.is_done()
        assert terminal.said[-1] == NEXT
        return terminal

    async def is_set_up(self) -> ScriptedTerminal:
        return await self.init(
            token=[self.token()],
            api_id=[str(API_ID)],
            api_hash=[API_HASH],
            telephone=[NUMBER],
            code=[self.code],
        )


@pytest.fixture
def machine(office: SandboxOffice, tmp_path: Path) -> Machine:
    return Machine(office, tmp_path / "machine")


async def test_the_answers_become_a_configuration_a_key_and_a_signed_in_account(machine: Machine) -> None:
    terminal = await machine.is_set_up()
    assert machine.settings.missing() == ()
    assert machine.settings.telegram.phone == NUMBER
    assert stat.S_IMODE(machine.settings.key_path.stat().st_mode) == 0o600
    assert "The bot is @linegram_bot. Inline mode is on." in terminal.said
    assert "The calling account is Office telephone (@office_calls)." in terminal.said
    assert "Call cards work: inline mode and inline feedback are on." in terminal.said


async def test_run_again_it_asks_nothing_and_changes_nothing(machine: Machine) -> None:
    await machine.is_set_up()
    before = machine.path.read_text(), machine.settings.key_path.read_text()
    terminal = await machine.init()
    assert terminal.asked == []
    assert (machine.path.read_text(), machine.settings.key_path.read_text()) == before


async def test_an_interrupted_run_goes_on_where_it_stopped(machine: Machine) -> None:
    with pytest.raises(AssertionError, match="nobody answers 'api_hash'"):
        await machine.init(token=[machine.token()], api_id=["1"])
    assert machine.settings.telegram.bot_token.get_secret_value() == machine.token()
    terminal = await machine.init(
        api_id=[str(API_ID)], api_hash=[API_HASH], telephone=[NUMBER], code=[machine.code]
    )
    assert "Token of the bot" not in terminal.asked


async def test_every_wrong_answer_gets_a_sentence_and_another_try(machine: Machine) -> None:
    machine.office.telegram.faults.refuse("auth.sendCode", 400, "API_ID_INVALID")
    machine.office.calling_account.password = PASSWORD
    terminal = await machine.init(
        token=["nonsense", "123456:unknown", "", machine.token()],
        api_id=["abc", "7", str(API_ID)],
        api_hash=["", "wrong", API_HASH],
        telephone=[NUMBER, "office", "", "+99966110003", NUMBER],
        code=["", lambda: "1" + machine.code(), "-", machine.code],
        password=["battery staple", PASSWORD],
    )
    for sentence in (
        "This is no bot token",
        "Telegram does not know telegram.bot_token",
        "The api_id is a number.",
        "The api_hash is a word",
        "api_id and api_hash do not belong together",
        "Telegram does not accept this number",
        "Then once more from the number.",
        "The code is wrong.",
        "The code is empty.",
        "The two-step password is wrong.",
    ):
        assert sentence in terminal.text
    assert set(terminal.hidden) == {"Password of the two-step verification (does not show)"}
    assert PASSWORD not in terminal.text + machine.path.read_text()


async def test_the_account_may_sign_in_by_a_scanned_code(machine: Machine) -> None:
    async with Employee(machine.office.telegram, machine.office.calling_account) as app:
        scans: list[asyncio.Task[object]] = []

        def scan(url: str) -> None:
            token = base64.urlsafe_b64decode(url.partition("token=")[2] + "==")
            request = functions.auth.AcceptLoginTokenRequest(token)
            scans.append(asyncio.ensure_future(app.client(request)))

        terminal = ScriptedTerminal(
            token=[machine.token()], api_id=[str(API_ID)], api_hash=[API_HASH], telephone=["qr"]
        )
        terminal.on_qr = scan
        await set_up(ConfigurationFile(machine.path), terminal, is_new_sign_in=False)
        await asyncio.gather(*scans)
    assert terminal.drawn[0].startswith("tg://login?token=")
    assert machine.settings.telegram.phone == NUMBER


async def test_another_account_takes_the_place_of_the_first_when_asked_to(machine: Machine) -> None:
    await machine.is_set_up()
    machine.office.world.people.add_person("Second telephone", phone="99966110002")
    code_of = machine.office.world.sign_in.code_for
    terminal = await machine.init(
        is_new_sign_in=True, telephone=["+99966110002"], code=[lambda: code_of("99966110002")]
    )
    assert "The calling account is Second telephone." in terminal.said
    assert machine.settings.telegram.phone == "+99966110002"


async def test_an_ended_sign_in_is_noticed_and_made_anew(machine: Machine) -> None:
    await machine.is_set_up()
    machine.office.telegram.terminate(machine.office.calling_account.user_id)
    terminal = await machine.init(code=[machine.code])
    assert "Telegram has ended the sign-in of the calling account" in terminal.text


async def test_inline_mode_that_is_off_is_waited_for(machine: Machine) -> None:
    settings = machine.office.bot.bot
    assert settings is not None
    settings.is_inline = False

    def switch_on() -> str:
        settings.is_inline = True
        return ""

    terminal = await machine.init(
        token=[machine.token()],
        api_id=[str(API_ID)],
        api_hash=[API_HASH],
        telephone=[NUMBER],
        code=[machine.code],
        press=["", switch_on],
    )
    assert terminal.text.count("/setinline to @BotFather") == 2


async def test_inline_feedback_that_is_off_is_noticed_and_may_be_left_for_later(machine: Machine) -> None:
    settings = machine.office.bot.bot
    assert settings is not None
    await machine.is_set_up()
    settings.has_inline_feedback = False
    terminal = await machine.init(press=["skip"])
    assert "The bot heard of 0 of 3 cards" in terminal.text
    assert "/setinlinefeedback to @BotFather, choose the bot @linegram_bot, and press 100 %" in terminal.text
    machine_account = machine.office.calling_account.user_id
    assert machine.office.world.chats.history(machine_account, machine_account) == []


async def test_a_lost_key_is_not_replaced_by_one_that_opens_nothing(machine: Machine) -> None:
    await machine.is_set_up()
    machine.settings.key_path.unlink()
    with pytest.raises(RefusedError, match=r"its key .*linegram\.key is gone"):
        await machine.init()
    assert not machine.settings.key_path.exists()


async def test_a_wrong_value_in_the_environment_is_not_asked_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEGRAM_TELEGRAM_BOT_TOKEN", "123456:unknown")
    with pytest.raises(RefusedError, match=r"LINEGRAM_TELEGRAM_BOT_TOKEN is set in the environment"):
        await machine.init(token=[machine.token()])


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", '\n[telegram]\nphone = "+1"\n'),
        ("[telegram]\n", '[telegram]\nphone = "+1"\n'),
        ("[telegram] # x\n# phone = ''\napi_id = 1\n", '[telegram] # x\nphone = "+1"\napi_id = 1\n'),
        ("[telegram]\n# phone = ''\nphone = '+2'\n", "[telegram]\n# phone = ''\nphone = \"+1\"\n"),
        ("[sip]\n# phone = 1\n[telegram]\n[rtp]", '[sip]\n# phone = 1\n[telegram]\nphone = "+1"\n[rtp]\n'),
    ],
)
def test_a_value_is_put_where_it_belongs_and_all_else_stays(text: str, result: str) -> None:
    assert with_values(text, {"telegram.phone": "+1"}) == result


@pytest.mark.parametrize(
    "text", ["telegram = {}", "telegram.api_id = 1", '[log]\nlevel = """\n[telegram]\n"""']
)
def test_a_file_in_an_unusual_layout_is_left_alone(text: str) -> None:
    with pytest.raises(ValueError, match=r"one value a line|Cannot"):
        with_values(text, {"telegram.phone": "+1"})


@pytest.mark.slow
async def test_the_command_itself_leads_from_questions_to_a_service_that_starts(machine: Machine) -> None:
    machine.office.calling_account.password = PASSWORD
    async with command(machine.folder, "init") as init:
        await init.until("Token of the bot")
        init.type(machine.token())
        await init.until("api_id:")
        init.type(str(API_ID))
        await init.until("api_hash:")
        init.type(API_HASH)
        await init.until("Telephone number")
        init.type(NUMBER)
        await init.until("Code (")
        init.type(machine.code())
        await init.until("Password of the two-step")
        init.type(PASSWORD)
        await init.until("All is set up.")
        code, out, _ = await init.ended()
    assert code == 0
    assert PASSWORD not in out
    async with command(machine.folder, "serve") as service:
        await service.until("linegram is ready: bot @linegram_bot, calling account @office_calls, 0 accounts")
        service.process.terminate()
        assert (await service.ended())[0] == 0


@pytest.mark.slow
async def test_input_that_ends_ends_the_command(office: SandboxOffice) -> None:
    write_settings(office, telegram__bot_token="")
    async with command(office.folder, "init") as init:
        code, out, err = await init.ended()
    assert code == 1
    assert "Token of the bot" in out
    assert err == "Aborted.\n"
