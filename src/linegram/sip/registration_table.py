"""The life of one registration as a table. Only data lives here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Phase(Enum):
    """Where the effort to stay registered stands."""

    IDLE = "idle"
    QUEUED = "queued"
    SENDING = "sending"
    REGISTERED = "registered"
    WAITING = "waiting"
    REFUSED = "refused"
    LEAVE_WANTED = "leave wanted"
    LEAVING = "leaving"
    GONE = "gone"


class Happening(Enum):
    """What can happen to it. GRANTED to ELSEWHERE are the outcomes of a REGISTER.

    ELSEWHERE: it failed, but another place of the server can be tried at once (RFC 3263 4.3).
    """

    RENEW = "renew"
    DUE = "due"
    GRANTED = "granted"
    TOO_BRIEF = "too brief"
    FAILED = "failed"
    REFUSED = "refused"
    ELSEWHERE = "elsewhere"
    LEAVE = "leave"
    WAY_LOST = "way lost"


class Step(Enum):
    """What is done, in the order of the row."""

    QUEUE = "take a slot in the queue"
    SEND = "send REGISTER"
    GIVE_UP = "give up the place that is silent"
    SEND_REMOVAL = "send the removal of our binding"
    SCHEDULE_REFRESH = "schedule the refresh"
    SCHEDULE_RETRY = "schedule a retry"
    SCHEDULE_SLOW_RETRY = "schedule a slow retry"
    REPORT = "report the outcome"
    REPORT_GONE = "report that it is gone"


@dataclass(frozen=True, slots=True)
class Row:
    """The new phase and what to do. A change of phase stops the timer of the old one."""

    phase: Phase
    steps: tuple[Step, ...] = ()


_QUEUED: Final = Row(Phase.QUEUED, (Step.QUEUE,))
_SENT: Final = Row(Phase.SENDING, (Step.SEND,))
_REMOVED: Final = Row(Phase.LEAVING, (Step.SEND_REMOVAL,))
_GONE: Final = Row(Phase.GONE, (Step.REPORT_GONE,))

TRANSITIONS: Final[Mapping[tuple[Phase, Happening], Row]] = {
    (Phase.IDLE, Happening.RENEW): _QUEUED,
    (Phase.IDLE, Happening.LEAVE): _GONE,
    (Phase.QUEUED, Happening.DUE): _SENT,
    (Phase.QUEUED, Happening.RENEW): Row(Phase.QUEUED),
    (Phase.QUEUED, Happening.LEAVE): _REMOVED,
    (Phase.SENDING, Happening.GRANTED): Row(Phase.REGISTERED, (Step.REPORT, Step.SCHEDULE_REFRESH)),
    (Phase.SENDING, Happening.TOO_BRIEF): _SENT,
    (Phase.SENDING, Happening.FAILED): Row(Phase.WAITING, (Step.REPORT, Step.SCHEDULE_RETRY)),
    (Phase.SENDING, Happening.REFUSED): Row(Phase.REFUSED, (Step.REPORT, Step.SCHEDULE_SLOW_RETRY)),
    (Phase.SENDING, Happening.ELSEWHERE): _SENT,
    (Phase.SENDING, Happening.DUE): Row(Phase.SENDING, (Step.GIVE_UP,)),
    (Phase.SENDING, Happening.RENEW): Row(Phase.SENDING),
    (Phase.SENDING, Happening.LEAVE): Row(Phase.LEAVE_WANTED),
    (Phase.REGISTERED, Happening.DUE): _SENT,
    (Phase.REGISTERED, Happening.RENEW): _QUEUED,
    (Phase.REGISTERED, Happening.LEAVE): _REMOVED,
    (Phase.WAITING, Happening.DUE): _SENT,
    (Phase.WAITING, Happening.RENEW): _QUEUED,
    (Phase.WAITING, Happening.LEAVE): _REMOVED,
    (Phase.REFUSED, Happening.DUE): _SENT,
    (Phase.REFUSED, Happening.RENEW): _QUEUED,
    (Phase.REFUSED, Happening.LEAVE): _REMOVED,
    # RFC 3261 10.2: no new REGISTER before the one in flight has its final response.
    (Phase.LEAVE_WANTED, Happening.GRANTED): _REMOVED,
    (Phase.LEAVE_WANTED, Happening.TOO_BRIEF): _REMOVED,
    (Phase.LEAVE_WANTED, Happening.FAILED): _REMOVED,
    (Phase.LEAVE_WANTED, Happening.REFUSED): _REMOVED,
    (Phase.LEAVE_WANTED, Happening.ELSEWHERE): _REMOVED,
    (Phase.LEAVE_WANTED, Happening.RENEW): Row(Phase.LEAVE_WANTED),
    (Phase.LEAVE_WANTED, Happening.LEAVE): Row(Phase.LEAVE_WANTED),
    (Phase.LEAVING, Happening.GRANTED): _GONE,
    (Phase.LEAVING, Happening.TOO_BRIEF): _GONE,
    (Phase.LEAVING, Happening.FAILED): _GONE,
    (Phase.LEAVING, Happening.REFUSED): _GONE,
    (Phase.LEAVING, Happening.ELSEWHERE): _GONE,
    (Phase.LEAVING, Happening.RENEW): Row(Phase.LEAVING),
    (Phase.LEAVING, Happening.LEAVE): Row(Phase.LEAVING),
    # An abandoned registration may still get the answer that was under way.
    (Phase.GONE, Happening.GRANTED): Row(Phase.GONE),
    (Phase.GONE, Happening.TOO_BRIEF): Row(Phase.GONE),
    (Phase.GONE, Happening.FAILED): Row(Phase.GONE),
    (Phase.GONE, Happening.REFUSED): Row(Phase.GONE),
    (Phase.GONE, Happening.ELSEWHERE): Row(Phase.GONE),
    (Phase.GONE, Happening.RENEW): Row(Phase.GONE),
    (Phase.GONE, Happening.LEAVE): Row(Phase.GONE),
    # A broken connection concerns only those who rely on it; the others have their own timers.
    (Phase.REGISTERED, Happening.WAY_LOST): _QUEUED,
    **{(phase, Happening.WAY_LOST): Row(phase) for phase in Phase if phase is not Phase.REGISTERED},
}
