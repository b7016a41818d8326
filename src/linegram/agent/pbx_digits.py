"""Digits between an employee and the PBX: sent in the first way of the account's that works on the leg."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from linegram.agent.call_audio import CallAudio
from linegram.agent.pbx_leg import LegStage, PbxLeg
from linegram.agent.sip_ports import SipCalls
from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.link import commands, events
from linegram.sip import events as sip
from linegram.sip.digit_info import DigitBody, read_digit, write_digit
from linegram.sip.events import CallHandle
from linegram.units import LegId

_log = structlog.get_logger()

RFC2833, INFO, INBAND = "rfc2833", "info", "inband"
_BETWEEN_INFOS_S: Final = 0.25
"""A digit sounds for 160 ms; requests that follow at once may overtake each other on the way."""
_MOST_WAITING: Final = 64


class PbxDigits:
    """Presses keys, and reads what the PBX says of keys in SIP; those in audio come from the media host."""

    def __init__(
        self,
        calls: SipCalls,
        pool: CallAudio,
        *,
        find: Callable[[LegId], PbxLeg | None],
        of_handle: Callable[[CallHandle], PbxLeg | None],
        report: Callable[[events.Event], None],
    ) -> None:
        self._sip = calls
        self._pool = pool
        self._find = find
        self._of_handle = of_handle
        self._report = report
        self._waiting: dict[LegId, deque[str]] = {}

    def press(self, command: commands.PressDigits) -> None:
        """Send digits; what is no key of the telephone is dropped."""
        leg = self._find(command.leg_id)
        if leg is None or leg.stage is not LegStage.ANSWERED or leg.stream is None:
            return
        match self._way(leg):
            case "info":
                self._queue(leg, command.digits)
            case way:
                self._pool.press_digits(leg.leg_id, command.digits, in_band=way == INBAND)

    def take_info(self, event: sip.InfoReceived) -> None:
        """Report the digit of an INFO; one about something else is no business of ours."""
        leg = self._of_handle(event.handle)
        try:
            digit = read_digit(event.content_type, event.body)
        except RemoteProtocolError as error:
            _log.info("digit_not_understood", reason=str(error))
            return
        if leg is not None and digit is not None:
            self._report(events.DigitReceived(leg.leg_id, digit))

    def forget(self, leg_id: LegId) -> None:
        """Send nothing more: the leg is over."""
        self._waiting.pop(leg_id, None)

    def _way(self, leg: PbxLeg) -> str:
        """Choose: telephone events need an agreement, INFO and tones do not."""
        has_events = leg.stream is not None and leg.stream.telephone_event is not None
        for way in leg.settings.dtmf:
            if way != RFC2833 or has_events:
                return way
        return INBAND

    def _queue(self, leg: PbxLeg, digits: str) -> None:
        waiting = self._waiting.get(leg.leg_id)
        if waiting is not None:
            waiting.extend(digits[: _MOST_WAITING - len(waiting)])
            return
        self._waiting[leg.leg_id] = deque(digits[:_MOST_WAITING])
        self._send_next(leg)

    def _send_next(self, leg: PbxLeg) -> None:
        waiting = self._waiting.get(leg.leg_id)
        if not waiting or leg.handle is None:
            self._waiting.pop(leg.leg_id, None)
            return
        try:
            body = write_digit(waiting.popleft(), DigitBody.RELAY)
            self._sip.info(leg.handle, DigitBody.RELAY.value, body)
        except LocalProtocolError as error:
            _log.info("digit_dropped", leg_id=leg.leg_id, reason=str(error))
        asyncio.get_running_loop().call_later(_BETWEEN_INFOS_S, self._send_next, leg)
