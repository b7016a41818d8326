"""The phone of a calling account for tests of calls: employees answer, decline and call by hand.

One suite holds it and the real one to the same promises
(`tests/calls/test_phone_contract.py`).
"""

import itertools
from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from linegram.calls.ports import (
    DiscardReason,
    PhoneAnswered,
    PhoneCallArrived,
    PhoneCallOpened,
    PhoneEnded,
    PhoneEvent,
    PhoneRinging,
    PhoneSignalled,
    PhoneSink,
)
from linegram.link.voice import VoiceParameters
from linegram.outcomes import EndReason
from linegram.units import LegId, TelegramUserId

PARAMETERS = VoiceParameters(
    key=bytes(256), is_outgoing=True, versions=("13.0.0",), servers=(), is_p2p_allowed=True
)


class PhoneStage(Enum):
    """How far a leg has come."""

    ASKED = "asked"
    ARRIVED = "arrived"
    ACCEPTED = "accepted"
    TALKING = "talking"


_WE_ENDED: Final[Mapping[PhoneStage, Mapping[DiscardReason, EndReason]]] = MappingProxyType(
    {
        PhoneStage.ARRIVED: {
            DiscardReason.MISSED: EndReason.NO_ANSWER,
            DiscardReason.BUSY: EndReason.BUSY,
            DiscardReason.HANG_UP: EndReason.DECLINED,
            DiscardReason.DISCONNECT: EndReason.DECLINED,
        },
        PhoneStage.TALKING: {
            **dict.fromkeys(DiscardReason, EndReason.COMPLETED),
            DiscardReason.DISCONNECT: EndReason.VOICE_LOST,
        },
    }
)
"""What our own end is called in each stage; cancelled where it is not listed."""


class _Leg:
    def __init__(self, user_id: TelegramUserId, stage: PhoneStage) -> None:
        self.user_id = user_id
        self.stage = stage
        self.early_signals: list[bytes] = []


class PhoneDouble:
    """Implements `TelegramPhone`. `sink` gets the events, when `deliver` lets them go."""

    def __init__(self, sink: PhoneSink, deliver: Callable[[Callable[[], None]], None]) -> None:
        self.legs: dict[LegId, _Leg] = {}
        self.requested: list[tuple[LegId, TelegramUserId]] = []
        self.accepted: list[LegId] = []
        self.ended: list[tuple[LegId, DiscardReason]] = []
        self.signalled: list[tuple[LegId, bytes]] = []
        self.discarded: list[dict[str, Any]] = []
        self._sink = sink
        self._deliver = deliver
        self._numbers = itertools.count(1)

    # ---- TelegramPhone

    def request(self, leg_id: LegId, user_id: TelegramUserId) -> None:
        """Call an employee."""
        self.requested.append((leg_id, user_id))
        self.legs.setdefault(leg_id, _Leg(user_id, PhoneStage.ASKED))

    def accept(self, leg_id: LegId) -> None:
        """Accept a call that arrived."""
        self.accepted.append(leg_id)
        leg = self.legs.get(leg_id)
        if leg is not None and leg.stage is PhoneStage.ARRIVED:
            leg.stage = PhoneStage.ACCEPTED

    def end(self, leg_id: LegId, reason: DiscardReason) -> None:
        """Discard the call in whatever state it is; PhoneEnded follows if it was not over. Repeatable."""
        self.ended.append((leg_id, reason))
        leg = self.legs.get(leg_id)
        if leg is not None:
            endings = _WE_ENDED.get(leg.stage, {})
            self.finish(leg_id, endings.get(reason, EndReason.CANCELLED))

    def signal(self, leg_id: LegId, payload: bytes) -> None:
        """Send signalling bytes of the voice leg to the far end."""
        self.signalled.append((leg_id, payload))

    async def discard_stored(self, recovery: dict[str, Any]) -> None:
        """Discard a call that an earlier process left behind."""
        self.discarded.append(recovery)

    # ---- what Telegram and the employees do

    def open(self, leg_id: LegId) -> None:
        """Let Telegram know the call."""
        self._tell(leg_id, PhoneCallOpened(leg_id, {"phone_call_id": leg_id}))

    def ring(self, leg_id: LegId) -> None:
        """Let a device ring."""
        if self._stage(leg_id) is PhoneStage.ASKED:
            self._tell(leg_id, PhoneRinging(leg_id))

    def answer(self, leg_id: LegId, parameters: VoiceParameters = PARAMETERS) -> None:
        """Let the keys be agreed: the employee answered our call, or his own was accepted."""
        leg = self.legs.get(leg_id)
        if leg is None or leg.stage not in {PhoneStage.ASKED, PhoneStage.ACCEPTED}:
            return
        leg.stage = PhoneStage.TALKING
        self._tell(leg_id, PhoneAnswered(leg_id, parameters))
        for payload in leg.early_signals:
            self._tell(leg_id, PhoneSignalled(leg_id, payload))

    def receive_signal(self, leg_id: LegId, payload: bytes) -> None:
        """Let signalling come from the employee; before the answer it waits."""
        leg = self.legs.get(leg_id)
        if leg is not None and leg.stage is PhoneStage.TALKING:
            self._tell(leg_id, PhoneSignalled(leg_id, payload))
        elif leg is not None:
            leg.early_signals.append(payload)

    def call(self, user_id: TelegramUserId) -> LegId:
        """Let somebody call the calling account."""
        leg_id = LegId(f"phone-{next(self._numbers)}")
        self.legs[leg_id] = _Leg(user_id, PhoneStage.ARRIVED)
        self._tell(leg_id, PhoneCallArrived(leg_id, user_id))
        return leg_id

    def finish(self, leg_id: LegId, reason: EndReason, *, retry_after_s: int | None = None) -> None:
        """Let a call be over."""
        if leg_id in self.legs:
            self._tell(leg_id, PhoneEnded(leg_id, reason, retry_after_s))
            del self.legs[leg_id]

    def _stage(self, leg_id: LegId) -> PhoneStage | None:
        leg = self.legs.get(leg_id)
        return None if leg is None else leg.stage

    def _tell(self, leg_id: LegId, event: PhoneEvent) -> None:
        if leg_id in self.legs:
            self._deliver(lambda: self._sink(event))
