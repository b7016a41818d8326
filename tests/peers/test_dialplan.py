"""The bench itself: every service number of the test PBX does what it says, seen from a foreign telephone."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.peers.asterisk import Asterisk
from tests.peers.asterisk_config import MUSIC_HZ
from tests.peers.asterisk_dialplan import EARLY_MEDIA_HZ, MILLIWATT_HZ, tone_number
from tests.peers.baresip import Baresip, Line
from tests.peers.waiting import until

pytestmark = [pytest.mark.peer("baresip")]

VERSIONS = [
    pytest.param("asterisk22", marks=pytest.mark.peer("asterisk22")),
    pytest.param("asterisk16", marks=pytest.mark.peer("asterisk16")),
]


@pytest_asyncio.fixture(params=VERSIONS, scope="module", loop_scope="module")
async def pbx(request: pytest.FixtureRequest) -> AsyncIterator[Asterisk]:
    async with Asterisk(request.param) as running:
        yield running


@pytest_asyncio.fixture
async def phone(pbx: Asterisk) -> AsyncIterator[Baresip]:
    async with Baresip(Line("1001", registrar=pbx.address), tone_hz=500) as telephone:
        yield telephone
    await pbx.wait_for_no_channels()


async def _dial(phone: Baresip, number: str) -> None:
    await phone.dial(f"sip:{number}@{phone.line.registrar}")


async def _hear_for(phone: Baresip, seconds: float) -> None:
    """Wait until this much 8 kHz audio is in the telephone's recording."""

    async def is_enough() -> bool:
        return phone.heard_bytes() >= seconds * 16000

    await until(is_enough, 20)


@pytest.mark.parametrize(
    ("number", "status"), [("605", "486"), ("606", "503"), ("615", "403"), ("616", "404"), ("999", "404")]
)
async def test_a_refusing_number_refuses_with_its_code(phone: Baresip, number: str, status: str) -> None:
    await _dial(phone, number)
    closed = await phone.wait_for("CALL_CLOSED")
    assert closed["param"].startswith(f"{status} ")


@pytest.mark.parametrize(
    ("number", "frequency_hz"),
    [("601", MILLIWATT_HZ), ("603", MUSIC_HZ), ("620", 440), ("629", 1600), (tone_number(770), 770)],
)
async def test_a_playing_number_plays_its_tone(phone: Baresip, number: str, frequency_hz: int) -> None:
    await _dial(phone, number)
    await phone.wait_for("CALL_ESTABLISHED")
    await _hear_for(phone, 1)
    await phone.hang_up()
    await phone.wait_for("CALL_CLOSED")
    assert abs(phone.heard().strongest_hz() - frequency_hz) < 5


async def test_600_echoes(phone: Baresip) -> None:
    await _dial(phone, "600")
    await phone.wait_for("CALL_ESTABLISHED")
    await _hear_for(phone, 1)
    await phone.hang_up()
    await phone.wait_for("CALL_CLOSED")
    assert abs(phone.heard().strongest_hz() - 500) < 5


async def test_604_plays_early_media_and_is_then_busy(phone: Baresip) -> None:
    await _dial(phone, "604")
    await phone.wait_for("CALL_PROGRESS")
    closed = await phone.wait_for("CALL_CLOSED")
    assert closed["param"].startswith("486 ")
    assert abs(phone.heard().strongest_hz() - EARLY_MEDIA_HZ) < 5


async def test_607_rings_until_the_caller_gives_up(phone: Baresip) -> None:
    await _dial(phone, "607")
    await phone.wait_for("CALL_RINGING")
    await phone.hang_up()


async def test_608_hangs_up_by_itself(phone: Baresip) -> None:
    await _dial(phone, "608")
    await phone.wait_for("CALL_ESTABLISHED")
    await phone.wait_for("CALL_CLOSED")


async def test_609_tells_the_digits_that_it_read(pbx: Asterisk, phone: Baresip) -> None:
    async with pbx.ami() as ami:
        await _dial(phone, "609")
        await phone.wait_for("CALL_ESTABLISHED")
        await phone.send_digits("17#")
        event = await ami.wait_for("UserEvent", UserEvent="DigitsRead")
    assert (event["Digits"], event["From"]) == ("17", "1001")
    await phone.wait_for("CALL_CLOSED")


async def test_610_sends_every_digit(phone: Baresip) -> None:
    await _dial(phone, "610")
    digits = ""
    while len(digits) < 16:
        digits += (await phone.wait_for("CALL_DTMF_START"))["param"]
    assert digits == "0123456789*#ABCD"
    await phone.wait_for("CALL_CLOSED")


async def test_611_records_without_playing(pbx: Asterisk, phone: Baresip) -> None:
    await _dial(phone, "611")
    await phone.wait_for("CALL_ESTABLISHED")
    await _hear_for(phone, 1)
    await phone.hang_up()
    assert abs((await pbx.recording("1001")).strongest_hz() - 500) < 5


async def test_613_rings_then_plays_early_media_then_answers(phone: Baresip) -> None:
    await _dial(phone, "613")
    for event in ("CALL_RINGING", "CALL_PROGRESS", "CALL_ESTABLISHED"):
        await phone.wait_for(event)
    await phone.hang_up()


async def test_614_redirects_to_the_echo(phone: Baresip) -> None:
    await _dial(phone, "614")
    await phone.wait_for("CALL_ESTABLISHED")
    await phone.hang_up()


async def test_617_answers_late(phone: Baresip) -> None:
    await _dial(phone, "617")
    await phone.wait_for("CALL_ESTABLISHED")
    await phone.hang_up()


async def test_a_four_digit_number_rings_the_telephone_of_that_name(pbx: Asterisk, phone: Baresip) -> None:
    async with Baresip(Line("1002", registrar=pbx.address)) as other:
        await _dial(phone, "1002")
        await other.wait_for("CALL_ESTABLISHED")
        await phone.wait_for("CALL_ESTABLISHED")
        await other.hang_up()
        await phone.wait_for("CALL_CLOSED")
