"""Commands reach the part that does them; a dead host is told where it matters, once."""

from typing import get_args

import pytest

from linegram.link import commands, events
from linegram.link.accounts import RegistrationState
from linegram.link.voice import NTGCALLS, OWN
from linegram.outcomes import EndReason
from linegram.sandbox.doubles_clock import settle
from linegram.sandbox.doubles_phone import PARAMETERS
from linegram.units import CallId, LegId
from tests.agent.sip_office import CALL, LEG, LINE, VOICE, sip_office

OTHER = CallId("other")


async def test_every_command_has_somebody_who_does_it() -> None:
    async with sip_office() as office:
        assert set(office.agent._do) == set(get_args(commands.Command))


async def test_a_worker_says_which_voice_engines_it_has() -> None:
    async with sip_office() as office:
        office.do(commands.DescribeWorker())
        assert office.reports[-1] == events.WorkerDescribed((OWN, NTGCALLS))


async def test_audio_commands_reach_the_hosts() -> None:
    async with sip_office() as office:
        office.do(commands.OpenVoice(CALL, VOICE, PARAMETERS))
        await settle()
        office.do(
            commands.SignalVoice(VOICE, b"x"),
            commands.PlayTone(CALL, commands.Tone.BUSY),
            commands.ConnectAudio(CALL),
        )
        assert office.audio.signals == [(VOICE, b"x")]
        assert office.audio.tones == [(CALL, commands.Tone.BUSY)]
        assert office.audio.connected == [CALL]
        office.do(commands.CloseVoice(VOICE), commands.EndCall(CALL))
        assert await office.report(events.CallMeasured) == events.CallMeasured(call_id=CALL)
        assert office.of(events.VoiceEnded) == [events.VoiceEnded(VOICE, EndReason.COMPLETED)]


async def test_news_of_the_hosts_is_passed_on() -> None:
    async with sip_office() as office:
        office.do(commands.OpenVoice(CALL, VOICE, PARAMETERS))
        await settle()
        office.audio.send_signal(VOICE, b"out")
        office.audio.connect_voice(VOICE)
        assert office.reports[-2:] == [events.VoiceSignalled(VOICE, b"out"), events.VoiceConnected(VOICE)]


async def test_a_call_with_a_voice_hears_of_its_dead_host_there_and_keeps_the_pbx_for_the_hub_to_end() -> (
    None
):
    async with sip_office() as office:
        await office.talking()
        office.do(commands.OpenVoice(CALL, VOICE, PARAMETERS))
        await settle()
        office.audio.die(CALL)
        assert office.of(events.VoiceEnded) == [events.VoiceEnded(VOICE, EndReason.MEDIA_HOST_DIED)]
        assert office.of(events.PbxEnded) == []
        office.do(commands.EndPbx(LEG), commands.EndCall(CALL))
        await office.ended(EndReason.COMPLETED)
        await office.report(events.CallMeasured)


async def test_a_dead_host_of_another_call_ends_nothing() -> None:
    async with sip_office() as office:
        await office.talking()
        office.audio.die(OTHER)
        assert office.of(events.PbxEnded) == []


async def test_a_dropped_account_is_reported_offline() -> None:
    async with sip_office() as office:
        office.do(commands.DropAccount(LINE))
        await office.until(lambda: office.states[-1] is RegistrationState.OFFLINE)


@pytest.mark.parametrize(
    "command",
    [
        commands.RingPbx(LegId("?")),
        commands.AnswerPbx(LegId("?")),
        commands.EndPbx(LegId("?")),
        commands.CloseVoice(LegId("?")),
        commands.SignalVoice(LegId("?"), b"x"),
        commands.ConnectAudio(CallId("?")),
        commands.PlayTone(CallId("?"), commands.Tone.BUSY),
        commands.EndCall(CallId("?")),
    ],
    ids=lambda command: type(command).__name__,
)
async def test_commands_about_what_never_was_are_ignored(command: commands.Command) -> None:
    async with sip_office() as office:
        before = list(office.reports)
        office.do(command, command)
        await settle()
        assert office.reports == before


async def test_a_command_that_is_repeated_after_the_end_of_its_leg_begins_nothing() -> None:
    async with sip_office() as office:
        opening = commands.OpenVoice(CALL, VOICE, PARAMETERS)
        office.do(opening)
        await settle()
        office.do(commands.CloseVoice(VOICE), opening)
        await settle()
        assert office.of(events.VoiceEnded) == [events.VoiceEnded(VOICE, EndReason.COMPLETED)]
        assert office.audio.legs == {}


async def test_a_number_is_dialled_once_however_often_it_is_asked_for() -> None:
    async with sip_office() as office:
        await office.talking()
        (dialled,) = office.of(events.PbxAnswered)
        office.do(commands.EndPbx(dialled.leg_id))
        await office.ended(EndReason.COMPLETED)
        before = list(office.reports)
        office.do(commands.DialPbx(CALL, dialled.leg_id, LINE, "2000"))
        await settle()
        assert office.reports == before
