"""A whole call on our own engine with peer-to-peer off: sound goes through Telegram's relays alone."""

from pathlib import Path

import pytest

from linegram.outcomes import EndReason
from linegram.sandbox.reflector import Reflector, outside_address
from linegram.sandbox.reflector_parties import Tags
from linegram.sandbox.world.people import Audience, PrivacyRule
from tests.integration.line import running_line
from tests.peers.asterisk import Asterisk

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

PBX_HZ, ANNAS_HZ = 700, 1200


@pytest.mark.parametrize("tags", list(Tags))
async def test_the_pbx_and_the_employee_hear_each_other_through_a_reflector(
    asterisk22: Asterisk, tmp_path: Path, tags: Tags
) -> None:
    sections = {"media": {"engine": "own"}}
    async with (
        running_line(asterisk22, tmp_path, number="1003", sections=sections) as line,
        Reflector("127.0.0.1") as unreachable,
        Reflector(outside_address(), tags=tags, admits=line.office.world.calls.knows_tag) as reflector,
    ):
        line.anna.person.phone_p2p_privacy = PrivacyRule(Audience.NOBODY)
        over_tcp = unreachable.relay(is_tcp=True)
        line.office.world.calls.relays.extend([over_tcp, reflector.relay()])
        await line.phone.voice.play_tone(ANNAS_HZ)
        channel = await line.pbx.call_and_play(line.number, PBX_HZ, caller="4730")
        ringing = await line.phone.wait_for_ring()
        await ringing.answer()
        await line.phone.voice.wait_until_hears(PBX_HZ)
        await line.talk(channel, 3.0)
        assert reflector.passed["udp"] > 40
        assert not reflector.refused
        await line.pbx.hang_up(channel)
        assert await ringing.wait_until_over() == "hangup"
        await line.wait_for_silence()
        await line.assert_heard(channel, ANNAS_HZ)
        assert (await line.last_record()).end_reason is EndReason.COMPLETED
