"""`linegram serve` starts, says so, stops cleanly on a signal, and says in a sentence why it cannot start."""

import json
import signal
from pathlib import Path

import pytest

from linegram.office.account import SipAccount
from linegram.sandbox.office import SandboxOffice
from linegram.units import TelegramUserId
from tests.cli.command import command, write_settings

pytestmark = pytest.mark.slow


def an_account(login: str) -> SipAccount:
    return SipAccount(login=login, password="pw", server="127.0.0.1", port=9, owner_id=TelegramUserId(1))


@pytest.mark.parametrize(("number", "form"), [(signal.SIGINT, "console"), (signal.SIGTERM, "json")])
async def test_the_service_says_that_it_is_ready_and_leaves_in_order(
    office: SandboxOffice, number: signal.Signals, form: str
) -> None:
    write_settings(office, log__format=form, log__level="debug")
    anna = await office.hire("Anna")
    await office.add_account(an_account("100"), anna)
    async with command(office.folder, "serve") as service:
        await service.until("linegram is ready: bot @linegram_bot, calling account @office_calls, 1 account")
        service.process.send_signal(number)
        code, out, err = await service.ended()
    assert code == 0, err
    assert "service_starting" in err
    assert out.count("\n") == 1
    assert "service_stopped" in err
    assert "Traceback" not in err
    assert office.settings().telegram.bot_token.get_secret_value() not in err
    if form == "json":
        assert {type(json.loads(line)) for line in err.splitlines()} == {dict}


async def test_a_second_service_in_the_same_folder_is_refused(office: SandboxOffice) -> None:
    write_settings(office)
    async with command(office.folder, "serve") as first:
        await first.until("linegram is ready")
        async with command(office.folder, "serve") as second:
            code, _, err = await second.ended()
        first.process.terminate()
        assert (await first.ended())[0] == 0
    assert (code, err) == (1, f"Linegram is running already (process {first.process.pid}).\n")


async def test_a_wrong_bot_token_is_one_sentence_and_exit_code_one(office: SandboxOffice) -> None:
    write_settings(office, telegram__bot_token="123456:wrong", log__level="error")
    async with command(office.folder, "serve") as service:
        code, out, err = await service.ended()
    assert (code, out) == (1, "")
    assert err == "Telegram does not know telegram.bot_token. Copy it again from @BotFather.\n"


async def test_a_telegram_that_does_not_answer_does_not_keep_the_service_from_being_stopped(
    office: SandboxOffice,
) -> None:
    write_settings(office)
    await office.telegram.stop()
    async with command(office.folder, "serve") as service:
        assert service.process.stderr is not None
        async for line in service.process.stderr:
            if b"Attempt 1 at connecting" in line:
                break
        service.process.terminate()
        code, out, _ = await service.ended()
    assert (code, out) == (0, "")


async def test_missing_settings_are_named(tmp_path: Path) -> None:
    async with command(tmp_path, "serve", LINEGRAM_TELEGRAM_API_ID="1") as service:
        code, out, err = await service.ended()
    assert (code, out) == (1, "")
    assert err.startswith(
        "Not set yet: telegram.api_hash, telegram.bot_token, telegram.phone. `linegram init`"
    )


async def test_a_calling_account_that_never_signed_in_is_told_to(office: SandboxOffice) -> None:
    write_settings(office, log__level="error")
    (office.folder / "linegram.db").unlink()
    async with command(office.folder, "serve") as service:
        code, _, err = await service.ended()
    assert (code, err) == (1, "The calling account is not signed in. Run `linegram init`.\n")
