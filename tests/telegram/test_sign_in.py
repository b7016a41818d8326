"""Signing the calling account in, step by step, with a real Telethon client against the sandbox."""

import asyncio
import base64

import pytest
from telethon import functions

from linegram.errors import RefusedError, UnavailableError
from linegram.telegram.connection import TelegramServer, TelegramSettings
from linegram.telegram.sign_in import SENTENCES, SignIn, Step, sentence_of
from tests.telegram.office import MemoryStore, Office
from tests.telegram.test_errors import telethon_error

NUMBER = "+7 999 000-00-01"


def the_code(office: Office) -> str:
    return office.world.sign_in.code_for("79990000001")


async def test_number_and_code_sign_the_account_in_and_keep_its_session(empty_office: Office) -> None:
    office = empty_office
    async with SignIn(office.settings, office.store) as sign_in:
        assert await sign_in.request_code(NUMBER) is Step.ENTER_CODE
        code = the_code(office)
        assert await sign_in.enter_code(f" {code[:2]}-{code[2:]} ") is Step.SIGNED_IN
        account = await sign_in.account()
    assert (account.user_id, account.name, account.phone) == (
        office.caller.user_id,
        "Office calls",
        "79990000001",
    )
    assert office.store.session is not None


async def test_a_wrong_code_has_a_sentence_and_may_be_typed_again(empty_office: Office) -> None:
    office = empty_office
    async with SignIn(office.settings, office.store) as sign_in:
        await sign_in.request_code(NUMBER)
        code = the_code(office)
        wrong = str(int(code) - 1) if code.startswith("9") else "9" + code[1:]
        with pytest.raises(RefusedError, match="The code is wrong"):
            await sign_in.enter_code(wrong)
        assert office.store.session is None
        assert await sign_in.enter_code(code) is Step.SIGNED_IN


async def test_a_two_step_password_is_asked_for(empty_office: Office) -> None:
    office = empty_office
    office.caller.password = "correct horse"
    async with SignIn(office.settings, office.store) as sign_in:
        await sign_in.request_code(NUMBER)
        assert await sign_in.enter_code(the_code(office)) is Step.ENTER_PASSWORD
        with pytest.raises(RefusedError, match="two-step password is wrong"):
            await sign_in.enter_password("battery staple")
        assert await sign_in.enter_password("correct horse") is Step.SIGNED_IN
    assert office.store.saves == 1


@pytest.mark.parametrize("password", ["", "correct horse"])
async def test_a_scanned_qr_code_signs_in(empty_office: Office, password: str) -> None:
    office = empty_office
    async with office.at_device(office.caller) as app, SignIn(office.settings, office.store) as sign_in:
        office.caller.password = password
        stale = await sign_in.show_qr()
        shown = await sign_in.show_qr()
        assert shown.url.startswith("tg://login?token=")
        assert stale.url not in repr(stale)
        scan = asyncio.create_task(sign_in.wait_for_scan())
        token = base64.urlsafe_b64decode(shown.url.partition("token=")[2] + "==")
        await app.client(functions.auth.AcceptLoginTokenRequest(token))
        if password:
            assert await scan is Step.ENTER_PASSWORD
            assert await sign_in.enter_password(password) is Step.SIGNED_IN
        else:
            assert await scan is Step.SIGNED_IN
        assert (await sign_in.account()).user_id == office.caller.user_id


async def test_a_qr_code_that_expires_is_to_be_shown_again(empty_office: Office) -> None:
    office = empty_office
    async with SignIn(office.settings, office.store) as sign_in:
        await sign_in.show_qr()
        assert sign_in._scan is not None
        sign_in._scan.cancel()

        async def expire() -> None:
            raise TimeoutError

        sign_in._scan = asyncio.create_task(expire())
        assert await sign_in.wait_for_scan() is Step.SHOW_QR_AGAIN
        with pytest.raises(RefusedError, match="QR code"):
            await sign_in.wait_for_scan()


@pytest.mark.parametrize("number", ["", "office", "+43-call-me"])
async def test_what_is_no_number_is_refused_without_asking_telegram(
    empty_office: Office, number: str
) -> None:
    async with SignIn(empty_office.settings, empty_office.store) as sign_in:
        with pytest.raises(RefusedError, match="does not accept this number"):
            await sign_in.request_code(number)


async def test_an_empty_code_is_refused_without_asking_telegram(empty_office: Office) -> None:
    async with SignIn(empty_office.settings, empty_office.store) as sign_in:
        with pytest.raises(RefusedError, match="empty"):
            await sign_in.enter_code(" - ")


@pytest.mark.parametrize(
    ("method", "code", "name", "sentence"),
    [
        ("auth.sendCode", 400, "PHONE_NUMBER_BANNED", "banned this number"),
        ("auth.sendCode", 420, "FLOOD_WAIT_30", "wait 30 seconds"),
        ("auth.sendCode", 420, "FLOOD_WAIT_86400", "wait 24 hours"),
        ("auth.sendCode", 400, "API_ID_INVALID", "my.telegram.org"),
        ("auth.sendCode", 406, "UPDATE_APP_TO_LOGIN", "Update Linegram"),
        ("auth.sendCode", 400, "SOMETHING_NEW", "SOMETHING_NEW"),
    ],
)
async def test_a_refusal_is_explained(
    empty_office: Office, method: str, code: int, name: str, sentence: str
) -> None:
    empty_office.telegram.faults.refuse(method, code, name)
    async with SignIn(empty_office.settings, empty_office.store) as sign_in:
        with pytest.raises(RefusedError, match=sentence):
            await sign_in.request_code(NUMBER)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("PHONE_CODE_EXPIRED", "no longer valid"), ("PHONE_PASSWORD_FLOOD", "tomorrow")],
)
async def test_a_refused_code_is_explained(empty_office: Office, name: str, sentence: str) -> None:
    async with SignIn(empty_office.settings, empty_office.store) as sign_in:
        await sign_in.request_code(NUMBER)
        empty_office.telegram.faults.refuse("auth.signIn", 400, name)
        with pytest.raises(RefusedError, match=sentence):
            await sign_in.enter_code(the_code(empty_office))


async def test_a_number_without_an_account_is_sent_to_an_app(empty_office: Office) -> None:
    async with SignIn(empty_office.settings, empty_office.store) as sign_in:
        await sign_in.request_code("+79995554433")
        with pytest.raises(RefusedError, match="Sign up in a Telegram app"):
            await sign_in.enter_code(empty_office.world.sign_in.code_for("79995554433"))


async def test_a_telegram_that_is_away_is_unavailable(empty_office: Office) -> None:
    await empty_office.telegram.stop()
    host, port = "127.0.0.1", empty_office.settings.server.port if empty_office.settings.server else 1
    nowhere = TelegramSettings(
        api_id=1, api_hash="x", server=TelegramServer(host=host, port=port), connect_within_s=1
    )
    with pytest.raises(UnavailableError, match="does not answer"):
        async with SignIn(nowhere, MemoryStore()):
            raise AssertionError("connected to nothing")


@pytest.mark.parametrize("name", sorted(SENTENCES))
def test_every_sentence_ends_as_a_sentence_and_is_found(name: str) -> None:
    sentence = sentence_of(telethon_error(400, name))
    assert sentence == SENTENCES[name]
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "wait 1 second before"), (119, "119 seconds"), (300, "5 minutes"), (7201, "3 hours")],
)
def test_a_wait_is_told_in_words_that_people_use(seconds: int, words: str) -> None:
    assert words in sentence_of(telethon_error(420, f"FLOOD_WAIT_{seconds}"))
