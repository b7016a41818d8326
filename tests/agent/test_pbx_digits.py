"""Digits towards the PBX go the first way of the account's that works; those from it are reported."""

from dataclasses import replace

import msgspec

from linegram.link import commands, events
from linegram.sip.audio_stream import PCMA
from linegram.sip.events import InfoReceived, InviteReceived
from linegram.sip.offer_answer import answer
from linegram.sip.sdp import Sdp
from tests.agent.sip_office import LEG, LINE, THEIRS, SipOffice, sip_office


async def talking(office: SipOffice, *ways: str, has_events: bool) -> InviteReceived:
    """Dial from an account that sends digits in these ways; the PBX may take telephone events."""
    settings = office.registrations.settings[LINE]
    office.do(commands.PutAccount(msgspec.structs.replace(settings, dtmf=ways)))
    invite = await office.dialled()
    theirs = replace(THEIRS, codecs=(PCMA,), has_telephone_event=has_events)
    sdp = bytes(answer(Sdp.parse(invite.sdp), theirs).sdp)
    office.at_pbx(lambda endpoint, now: endpoint.answer(invite.handle, sdp, now))
    await office.report(events.PbxAnswered)
    return invite


async def test_telephone_events_are_used_where_they_were_agreed() -> None:
    async with sip_office() as office:
        await talking(office, "rfc2833", "info", has_events=True)
        office.do(commands.PressDigits(LEG, "12#"))
        assert office.audio.pressed == [(LEG, "12#", False)]
        assert not office.audio.agreements[LEG][-1].has_keypad_tones


async def test_without_an_agreement_the_next_way_is_taken() -> None:
    async with sip_office() as office:
        await talking(office, "rfc2833", "inband", has_events=False)
        office.do(commands.PressDigits(LEG, "7"))
        assert office.audio.pressed == [(LEG, "7", True)]
        assert office.audio.agreements[LEG][-1].has_keypad_tones, "and tones are listened for"


async def test_infos_arrive_one_after_the_other() -> None:
    async with sip_office() as office:
        await talking(office, "info", has_events=True)
        office.do(commands.PressDigits(LEG, "1x#"))
        office.do(commands.PressDigits(LEG, "5"))
        bodies: list[bytes] = []
        while len(bodies) < 3:
            event = await office.pbx.next_event()
            if isinstance(event, InfoReceived):
                bodies.append(event.body)
        assert [body.splitlines()[0] for body in bodies] == [b"Signal=1", b"Signal=#", b"Signal=5"]
        assert not office.audio.pressed


async def test_a_digit_of_the_pbx_is_reported_and_nonsense_is_not() -> None:
    async with sip_office() as office:
        invite = await talking(office, "info", has_events=False)
        for kind, body in (
            ("application/dtmf-relay", b"Signal=nonsense\r\n"),
            ("text/plain", b"5"),
            ("application/dtmf-relay", b"Signal=9\r\nDuration=160\r\n"),
        ):
            office.at_pbx(lambda endpoint, now, k=kind, b=body: endpoint.info(invite.handle, k, b, now=now))
        await office.report(events.DigitReceived)
        assert office.of(events.DigitReceived) == [events.DigitReceived(LEG, "9")]
