"""Voice legs: early signals wait, each leg ends once, whatever happens to its host."""

import asyncio
from collections import Counter
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from linegram.agent.hosts import PoolEvent
from linegram.agent.voice_legs import VoiceLegs
from linegram.link import commands, events
from linegram.link.voice import NTGCALLS, OWN
from linegram.outcomes import EndReason
from linegram.sandbox.doubles_audio import AudioDouble
from linegram.sandbox.doubles_clock import settle
from linegram.sandbox.doubles_phone import PARAMETERS
from linegram.units import CallId, LegId

CALL, LEG, OTHER = CallId("call"), LegId("voice"), LegId("other")
OPEN = commands.OpenVoice(CALL, LEG, PARAMETERS)


class Voices:
    """The legs of a worker, their hosts and what was reported."""

    def __init__(self) -> None:
        self.reports: list[events.Event] = []
        self.audio = AudioDouble(self._take)
        self.legs = VoiceLegs(self.audio, self.reports.append, [OWN])

    def _take(self, event: PoolEvent) -> None:
        if isinstance(event, events.VoiceEnded):
            self.legs.end(event.leg_id, event.reason)

    def ends(self) -> list[EndReason]:
        return [report.reason for report in self.reports if isinstance(report, events.VoiceEnded)]


async def test_signals_that_come_before_the_host_is_found_are_kept_in_their_order() -> None:
    voices = Voices()
    voices.audio.hurdle.clear()
    voices.legs.open(OPEN)
    await settle()
    for payload in (b"1", b"2"):
        voices.legs.signal(commands.SignalVoice(LEG, payload))
    assert voices.audio.signals == []
    voices.audio.hurdle.set()
    await settle()
    voices.legs.signal(commands.SignalVoice(LEG, b"3"))
    assert voices.audio.signals == [(LEG, b"1"), (LEG, b"2"), (LEG, b"3")]


async def test_a_closed_leg_is_over_once() -> None:
    voices = Voices()
    voices.legs.open(OPEN)
    await settle()
    for _ in range(2):
        voices.legs.close(commands.CloseVoice(LEG))
    voices.audio.end_voice(LEG, EndReason.VOICE_LOST)
    assert voices.ends() == [EndReason.COMPLETED]
    assert (len(voices.legs), voices.audio.legs) == (0, {})


async def test_a_leg_that_is_closed_while_it_waits_for_a_host_is_never_opened() -> None:
    voices = Voices()
    voices.audio.hurdle.clear()
    voices.legs.open(OPEN)
    await settle()
    voices.legs.close(commands.CloseVoice(LEG))
    voices.audio.hurdle.set()
    await settle()
    assert voices.ends() == [EndReason.COMPLETED]
    assert voices.audio.legs == {}


async def test_no_room_ends_the_leg() -> None:
    voices = Voices()
    voices.audio.refusal = "All media hosts are full."
    voices.legs.open(OPEN)
    await settle()
    assert voices.ends() == [EndReason.NO_CAPACITY]


async def test_a_leg_whose_engine_is_not_installed_ends_with_that_reason_and_takes_no_place() -> None:
    voices = Voices()
    voices.legs.open(commands.OpenVoice(CALL, LEG, PARAMETERS, NTGCALLS))
    await settle()
    assert voices.ends() == [EndReason.VOICE_ENGINE_MISSING]
    assert (len(voices.legs), voices.audio.legs) == (0, {})


async def test_a_voice_that_fails_is_reported_with_its_reason() -> None:
    voices = Voices()
    voices.legs.open(OPEN)
    await settle()
    voices.audio.end_voice(LEG, EndReason.VOICE_NOT_CONNECTED)
    assert voices.ends() == [EndReason.VOICE_NOT_CONNECTED]


async def test_a_dead_host_ends_the_legs_of_its_calls_only() -> None:
    voices = Voices()
    voices.legs.open(OPEN)
    voices.legs.open(commands.OpenVoice(CallId("other"), OTHER, PARAMETERS))
    await settle()
    assert voices.legs.lose_calls((CALL, CallId("without voice"))) == {CALL}
    assert voices.reports == [events.VoiceEnded(LEG, EndReason.MEDIA_HOST_DIED)]
    assert len(voices.legs) == 1


async def test_commands_about_legs_that_never_were_are_ignored() -> None:
    voices = Voices()
    voices.legs.signal(commands.SignalVoice(LEG, b"x"))
    voices.legs.close(commands.CloseVoice(LEG))
    await settle()
    assert (voices.reports, voices.audio.signals) == ([], [])


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["open", "signal", "close", "end", "die", "wait", "slow", "quick", "full", "room"]),
        st.sampled_from([1, 2, 3]),
    ),
    max_size=30,
)


@given(STEPS)
def test_whatever_happens_every_leg_that_was_opened_ends_once(steps: list[tuple[str, int]]) -> None:
    asyncio.run(play(steps))


class Stage:
    """Three calls whose voice legs are opened, used and lost; a leg that is over gets a new name."""

    def __init__(self) -> None:
        self.voices = Voices()
        self.opened: set[LegId] = set()

    async def take(self, step: str, number: int) -> None:
        voices, leg_id = self.voices, self.leg(number)
        deeds: dict[str, Callable[[], object]] = {
            "open": lambda: self.open(number),
            "signal": lambda: voices.legs.signal(commands.SignalVoice(leg_id, b"x")),
            "close": lambda: voices.legs.close(commands.CloseVoice(leg_id)),
            "end": lambda: voices.audio.end_voice(leg_id, EndReason.VOICE_LOST),
            "die": lambda: voices.legs.lose_calls((CallId(f"call-{number}"),)),
            "slow": voices.audio.hurdle.clear,
            "quick": voices.audio.hurdle.set,
            "full": lambda: setattr(voices.audio, "refusal", "full"),
            "room": lambda: setattr(voices.audio, "refusal", ""),
        }
        if step == "wait":
            await settle()
        else:
            deeds[step]()

    def leg(self, number: int) -> LegId:
        """The leg that call `number` has now."""
        ends = [end for end in self.voices.reports if isinstance(end, events.VoiceEnded)]
        return LegId(f"{number}-{sum(end.leg_id.startswith(str(number)) for end in ends)}")

    def open(self, number: int) -> None:
        self.opened.add(self.leg(number))
        self.voices.legs.open(commands.OpenVoice(CallId(f"call-{number}"), self.leg(number), PARAMETERS))


async def play(steps: list[tuple[str, int]]) -> None:
    stage = Stage()
    for step, number in steps:
        await stage.take(step, number)
    voices = stage.voices
    voices.audio.hurdle.set()
    await settle()
    for number in (1, 2, 3):
        voices.legs.close(commands.CloseVoice(stage.leg(number)))
    await settle()
    ended = Counter(report.leg_id for report in voices.reports if isinstance(report, events.VoiceEnded))
    assert ended == Counter(stage.opened)
    assert (len(voices.legs), voices.audio.legs) == (0, {})
