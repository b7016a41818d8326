"""A line over TLS: its audio is encrypted where the PBX can, and the PBX lets no other pass."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from linegram.link.accounts import SipTransport
from linegram.outcomes import EndReason
from tests.integration.line import Line, running_line
from tests.peers.asterisk import Asterisk
from tests.peers.asterisk_config import Account

pytestmark = [pytest.mark.slow, pytest.mark.peer("asterisk22"), pytest.mark.asyncio(loop_scope="module")]

EMPLOYEE_HZ, PBX_HZ = 440, 700
STRICT = {"media_encryption": "sdes"}
"""Asterisk refuses an offer that is not secured altogether."""
TOLERANT = {"media_encryption": "sdes", "media_encryption_optimistic": "yes"}
ACCOUNTS = [Account("1001", endpoint=STRICT), Account("1002", endpoint=TOLERANT), Account("1003")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pbx() -> AsyncIterator[Asterisk]:
    async with Asterisk("asterisk22", ACCOUNTS, tls_names=()) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["1001", "1002", "1003"])
async def line(
    request: pytest.FixtureRequest, pbx: Asterisk, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Line]:
    assert pbx.site.tls is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", pbx.site.tls.ca_file)  # as if this machine trusted the authority
        folder = tmp_path_factory.mktemp("secure")
        async with running_line(
            pbx, folder, number=request.param, port=pbx.site.tls_port, transport=SipTransport.TLS
        ) as running:
            yield running


async def is_encrypted(line: Line) -> bool:
    """Whether the PBX has keys for the call that it is in."""
    (channel,) = [one["Channel"] for one in await line.pbx.channels() if f"/{line.number}-" in one["Channel"]]
    async with line.pbx.ami() as ami:
        reply = await ami.action("Getvar", Channel=channel, Variable="CHANNEL(rtp,secure)")
    return reply["Value"] == "1"


async def test_both_hear_each_other_and_nobody_else_could(line: Line) -> None:
    await line.text(f"63{PBX_HZ:04d}")
    ringing = await line.phone.wait_for_ring()
    await line.phone.voice.play_tone(EMPLOYEE_HZ)
    await ringing.answer()
    await line.phone.voice.wait_until_hears(PBX_HZ)
    await line.talk(line.number)
    assert await is_encrypted(line) is (line.number != "1003")
    await ringing.hang_up()
    await line.wait_for_silence()
    await line.assert_heard(line.number, EMPLOYEE_HZ)
    assert (await line.last_record()).end_reason is EndReason.COMPLETED


async def test_a_call_of_the_pbx_is_encrypted_too(line: Line) -> None:
    channel = await line.pbx.call_and_play(line.number, PBX_HZ)
    ringing = await line.phone.wait_for_ring()
    await line.phone.voice.play_tone(EMPLOYEE_HZ)
    await ringing.answer()
    await line.phone.voice.wait_until_hears(PBX_HZ)
    assert await is_encrypted(line) is (line.number != "1003")
    await line.talk(channel)
    await ringing.hang_up()
    await line.wait_for_silence()
    await line.assert_heard(channel, EMPLOYEE_HZ)
