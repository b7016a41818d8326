"""Whatever the order of everything, each part of each call is released once and nothing is left."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from linegram.calls.bridge import State
from linegram.calls.card import CardButton, CardState
from linegram.link import commands, events
from linegram.outcomes import EndReason
from linegram.sandbox.doubles_clock import settle
from linegram.units import AccountId, CallId, LegId, TelegramUserId
from tests.calls.call_office import (
    ANN,
    ANNS_LINE,
    BOB,
    BOBS_LINE,
    EVE,
    NOBODYS_LINE,
    CallOffice,
)

PEOPLE = st.sampled_from([ANN, ANN, BOB, BOB, EVE])
LINES = st.sampled_from([ANNS_LINE, ANNS_LINE, BOBS_LINE, NOBODYS_LINE])
REASONS = st.sampled_from(list(EndReason))
PICK = st.integers(min_value=0, max_value=99)
PATIENCE = 10_000


class SwitchboardMachine(RuleBasedStateMachine):
    """Several employees, a PBX and Telegram do what they like; news travels in order, at any pace."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.news: deque[Callable[[], None]] = deque()
        self.arrivals: list[events.PbxCallArrived] = []

    @initialize(is_callback=st.booleans())
    def open(self, is_callback: bool) -> None:
        async def make() -> CallOffice:
            return CallOffice(is_callback=is_callback, deliver=self.news.append)

        self.office = self.loop.run_until_complete(make())

    def do(self, deed: Callable[[], object]) -> None:
        self.loop.run_until_complete(self.office.do(deed))

    def pick(self, legs: Mapping[LegId, object], number: int) -> LegId:
        return sorted(legs)[number % len(legs)]

    # ---- people

    @rule(user=PEOPLE, text=st.sampled_from(["4711", "4711", "4712", "hello"]))
    def somebody_writes(self, user: TelegramUserId, text: str) -> None:
        self.do(lambda: self.office.switchboard.take_text(user, text))

    @rule(user=PEOPLE)
    def somebody_calls_in_telegram(self, user: TelegramUserId) -> None:
        self.do(lambda: self.office.phone.call(user))

    @rule(user=PEOPLE, number=PICK, button=st.sampled_from(CardButton))
    def somebody_presses_a_button(self, user: TelegramUserId, number: int, button: CardButton) -> None:
        cards = sorted(self.office.chat.history)
        if cards:
            card_id = cards[number % len(cards)]
            self.do(lambda: self.office.switchboard.take_button(user, CallId(card_id), button, "4711"))

    @rule(is_open=st.sampled_from([True, True, False]))
    def telegram_becomes_slow_or_quick(self, is_open: bool) -> None:
        hurdle = self.office.chat.hurdle
        self.do(hurdle.set if is_open else hurdle.clear)

    @rule(seconds=st.sampled_from([1.0, 4.0, 50.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.loop.run_until_complete(self.office.clock.advance(seconds))

    # ---- the PBX and the media

    @rule(line=LINES)
    def the_pbx_calls(self, line: AccountId) -> None:
        self.do(lambda: self.arrivals.append(self.office.worker.call(line)))

    @precondition(lambda self: self.office.worker.pbx_legs)
    @rule(number=PICK, step=st.sampled_from(["ring", "send_early_media", "answer"]))
    def the_pbx_goes_on(self, number: int, step: str) -> None:
        leg = self.pick(self.office.worker.pbx_legs, number)
        self.do(lambda: getattr(self.office.worker, step)(leg))

    @precondition(lambda self: self.office.worker.pbx_legs)
    @rule(number=PICK, reason=REASONS)
    def the_pbx_ends(self, number: int, reason: EndReason) -> None:
        leg = self.pick(self.office.worker.pbx_legs, number)
        self.do(lambda: self.office.worker.end_pbx(leg, reason, 486))

    @precondition(lambda self: self.office.worker.voice_legs)
    @rule(number=PICK)
    def a_voice_connects(self, number: int) -> None:
        leg = self.pick(self.office.worker.voice_legs, number)
        self.do(lambda: self.office.worker.connect_voice(leg))

    @precondition(lambda self: self.office.worker.voice_legs)
    @rule(number=PICK, reason=st.sampled_from([EndReason.VOICE_NOT_CONNECTED, EndReason.MEDIA_HOST_DIED]))
    def a_voice_ends(self, number: int, reason: EndReason) -> None:
        leg = self.pick(self.office.worker.voice_legs, number)
        self.do(lambda: self.office.worker.end_voice(leg, reason))

    # ---- Telegram

    @precondition(lambda self: self.office.phone.legs)
    @rule(number=PICK, step=st.sampled_from(["open", "ring", "answer", "answer"]))
    def a_phone_goes_on(self, number: int, step: str) -> None:
        leg = self.pick(self.office.phone.legs, number)
        self.do(lambda: getattr(self.office.phone, step)(leg))

    @precondition(lambda self: self.office.phone.legs)
    @rule(number=PICK, reason=REASONS)
    def a_phone_ends(self, number: int, reason: EndReason) -> None:
        leg = self.pick(self.office.phone.legs, number)
        self.do(lambda: self.office.phone.finish(leg, reason))

    # ---- news

    @precondition(lambda self: self.news)
    @rule(count=st.integers(min_value=1, max_value=5))
    def news_arrives(self, count: int) -> None:
        for _ in range(min(count, len(self.news))):
            self.do(self.news.popleft())

    @rule(
        steps=st.lists(
            st.sampled_from(["answer_phone", "connect", "ring", "media", "answer_far"]), max_size=5
        )
    )
    def a_call_goes_well_for_a_while(self, steps: list[str]) -> None:
        """Let all news arrive, and the newest parts go on, each step followed by its news."""
        self.everything_arrives()
        for step in ["open", *steps]:
            for deed in self.progress(step):
                self.do(deed)
            self.everything_arrives()

    def progress(self, step: str) -> Sequence[Callable[[], None]]:
        worker, phone = self.office.worker, self.office.phone
        phones, voices, fars = list(phone.legs), list(worker.voice_legs), list(worker.pbx_legs)
        return {
            "open": [partial(phone.open, leg) for leg in phones]
            + [partial(phone.ring, leg) for leg in phones],
            "answer_phone": [partial(phone.answer, leg) for leg in phones],
            "connect": [partial(worker.connect_voice, leg) for leg in voices],
            "ring": [partial(worker.ring, leg) for leg in fars],
            "media": [partial(worker.send_early_media, leg) for leg in fars],
            "answer_far": [partial(worker.answer, leg) for leg in fars],
        }[step]

    def everything_arrives(self) -> None:
        while self.news:
            self.do(self.news.popleft())

    # ---- what must always be so

    @invariant()
    def nobody_has_two_calls(self) -> None:
        if hasattr(self, "office"):
            busy = Counter(call.user_id for call in self.office.runner.desk if call.state is not State.ENDED)
            assert all(count == 1 for count in busy.values())

    @invariant()
    def nothing_is_released_twice(self) -> None:
        if hasattr(self, "office"):
            sent = self.office.worker.sent
            for kind in (commands.EndPbx, commands.CloseVoice):
                ends = Counter(command.leg_id for command in sent if isinstance(command, kind))
                assert all(count == 1 for count in ends.values())
            calls = Counter(command.call_id for command in sent if isinstance(command, commands.EndCall))
            assert all(count == 1 for count in calls.values())
            phones = Counter(leg_id for leg_id, _ in self.office.phone.ended)
            assert all(count == 1 for count in phones.values())

    def teardown(self) -> None:
        if hasattr(self, "office"):
            self.loop.run_until_complete(self.close_and_check())
        self.loop.close()

    async def close_and_check(self) -> None:
        """Let everything report its end: then nothing is open, and everything is noted and shown."""
        office = self.office
        office.chat.hurdle.set()
        closing = asyncio.create_task(office.runner.close(EndReason.SERVICE_STOPPED))
        for _ in range(PATIENCE):
            await settle()
            if not self.news:
                break
            self.news.popleft()()
        assert closing.done(), [(call.state, call.open_parts) for call in office.runner.desk]
        await closing
        assert len(office.runner.desk) == 0
        assert (office.worker.pbx_legs, office.worker.voice_legs, office.phone.legs) == ({}, {}, {})
        self.check_calls()

    def check_calls(self) -> None:
        office = self.office
        begun = {command.call_id for command in office.worker.of(commands.DialPbx)}
        begun |= {arrived.call_id for arrived in self.arrivals}
        ended = [command.call_id for command in office.worker.of(commands.EndCall)]
        closed = [record.call_id for record in office.records]
        assert begun <= set(ended)
        assert len(closed) == len(set(closed))
        assert set(closed) <= set(ended)
        refused = set(ended) - set(closed)
        assert refused <= {arrived.call_id for arrived in self.arrivals}
        assert {cards[-1].state for cards in office.chat.history.values()} <= {CardState.ENDED}


SwitchboardMachine.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestSwitchboard = SwitchboardMachine.TestCase
