"""The four transaction machines as tables: RFC 3261 section 17 with the corrections of RFC 6026.

Only data lives here. A pair of state and input without a row is illegal: the
runner raises UnexpectedEventError and changes nothing. Leaving a state stops
every timer that has no row in the new one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final


class State(Enum):
    """Where a transaction stands."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class Input(Enum):
    """What can happen to one. A response is received by a client and sent by the user of a server."""

    REQUEST = "request"
    ACK = "ack"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "3xx-6xx"
    TRANSPORT_ERROR = "transport error"
    TIMER_A = "timer A"
    TIMER_B = "timer B"
    TIMER_D = "timer D"
    TIMER_E = "timer E"
    TIMER_F = "timer F"
    TIMER_G = "timer G"
    TIMER_H = "timer H"
    TIMER_I = "timer I"
    TIMER_J = "timer J"
    TIMER_K = "timer K"
    TIMER_L = "timer L"
    TIMER_M = "timer M"

    @property
    def is_timer(self) -> bool:
        """Whether this is a timer that fires."""
        return self.value.startswith("timer")


class Act(Enum):
    """What the runner does, in the order of the row."""

    SEND_REQUEST = "send request"
    SEND_ACK = "send ACK"
    SEND_RESPONSE = "send response"
    REPEAT_RESPONSE = "repeat last response"
    HAND_UP_RESPONSE = "hand response to user"
    HAND_UP_ACK = "hand ACK to user"
    REPORT_TIMEOUT = "report timeout"
    REPORT_TRANSPORT_ERROR = "report transport error"


@dataclass(frozen=True, slots=True)
class Row:
    """The new state, what to do, and which timers to (re)start."""

    state: State
    acts: tuple[Act, ...] = ()
    timers: tuple[Input, ...] = ()


Table = Mapping[tuple[State, Input], Row]


@dataclass(frozen=True)
class Machine:
    """One of the four kinds: its first row and its table."""

    name: str
    start: Row
    rows: Table
    timers_of: Mapping[State, frozenset[Input]] = field(init=False)

    def __post_init__(self) -> None:
        timers = {
            state: frozenset(event for at, event in self.rows if at is state and event.is_timer)
            for state in State
        }
        object.__setattr__(self, "timers_of", timers)


_DEAD_TRANSPORT: Final = Row(State.TERMINATED, (Act.REPORT_TRANSPORT_ERROR,))
_TIMED_OUT: Final = Row(State.TERMINATED, (Act.REPORT_TIMEOUT,))
_END: Final = Row(State.TERMINATED)

INVITE_CLIENT: Final = Machine(
    "invite client",
    Row(State.CALLING, (Act.SEND_REQUEST,), (Input.TIMER_A, Input.TIMER_B)),
    {
        (State.CALLING, Input.TIMER_A): Row(State.CALLING, (Act.SEND_REQUEST,), (Input.TIMER_A,)),
        (State.CALLING, Input.TIMER_B): _TIMED_OUT,
        (State.CALLING, Input.TRANSPORT_ERROR): _DEAD_TRANSPORT,
        (State.CALLING, Input.PROVISIONAL): Row(State.PROCEEDING, (Act.HAND_UP_RESPONSE,)),
        (State.CALLING, Input.SUCCESS): Row(State.ACCEPTED, (Act.HAND_UP_RESPONSE,), (Input.TIMER_M,)),
        (State.CALLING, Input.FAILURE): Row(
            State.COMPLETED, (Act.SEND_ACK, Act.HAND_UP_RESPONSE), (Input.TIMER_D,)
        ),
        (State.PROCEEDING, Input.PROVISIONAL): Row(State.PROCEEDING, (Act.HAND_UP_RESPONSE,)),
        (State.PROCEEDING, Input.SUCCESS): Row(State.ACCEPTED, (Act.HAND_UP_RESPONSE,), (Input.TIMER_M,)),
        (State.PROCEEDING, Input.FAILURE): Row(
            State.COMPLETED, (Act.SEND_ACK, Act.HAND_UP_RESPONSE), (Input.TIMER_D,)
        ),
        (State.PROCEEDING, Input.TRANSPORT_ERROR): _DEAD_TRANSPORT,
        (State.COMPLETED, Input.PROVISIONAL): Row(State.COMPLETED),
        (State.COMPLETED, Input.SUCCESS): Row(State.COMPLETED),
        (State.COMPLETED, Input.FAILURE): Row(State.COMPLETED, (Act.SEND_ACK,)),
        (State.COMPLETED, Input.TIMER_D): _END,
        (State.COMPLETED, Input.TRANSPORT_ERROR): _END,
        # RFC 6026 8.4: every 2xx goes up, for the ACK is the user's; others are too late.
        (State.ACCEPTED, Input.PROVISIONAL): Row(State.ACCEPTED),
        (State.ACCEPTED, Input.SUCCESS): Row(State.ACCEPTED, (Act.HAND_UP_RESPONSE,)),
        (State.ACCEPTED, Input.FAILURE): Row(State.ACCEPTED),
        (State.ACCEPTED, Input.TIMER_M): _END,
        (State.ACCEPTED, Input.TRANSPORT_ERROR): Row(State.ACCEPTED),
    },
)

CLIENT: Final = Machine(
    "client",
    Row(State.TRYING, (Act.SEND_REQUEST,), (Input.TIMER_E, Input.TIMER_F)),
    {
        (State.TRYING, Input.TIMER_E): Row(State.TRYING, (Act.SEND_REQUEST,), (Input.TIMER_E,)),
        (State.TRYING, Input.TIMER_F): _TIMED_OUT,
        (State.TRYING, Input.TRANSPORT_ERROR): _DEAD_TRANSPORT,
        (State.TRYING, Input.PROVISIONAL): Row(State.PROCEEDING, (Act.HAND_UP_RESPONSE,)),
        (State.TRYING, Input.SUCCESS): Row(State.COMPLETED, (Act.HAND_UP_RESPONSE,), (Input.TIMER_K,)),
        (State.TRYING, Input.FAILURE): Row(State.COMPLETED, (Act.HAND_UP_RESPONSE,), (Input.TIMER_K,)),
        (State.PROCEEDING, Input.TIMER_E): Row(State.PROCEEDING, (Act.SEND_REQUEST,), (Input.TIMER_E,)),
        (State.PROCEEDING, Input.TIMER_F): _TIMED_OUT,
        (State.PROCEEDING, Input.TRANSPORT_ERROR): _DEAD_TRANSPORT,
        (State.PROCEEDING, Input.PROVISIONAL): Row(State.PROCEEDING, (Act.HAND_UP_RESPONSE,)),
        (State.PROCEEDING, Input.SUCCESS): Row(State.COMPLETED, (Act.HAND_UP_RESPONSE,), (Input.TIMER_K,)),
        (State.PROCEEDING, Input.FAILURE): Row(State.COMPLETED, (Act.HAND_UP_RESPONSE,), (Input.TIMER_K,)),
        (State.COMPLETED, Input.PROVISIONAL): Row(State.COMPLETED),
        (State.COMPLETED, Input.SUCCESS): Row(State.COMPLETED),
        (State.COMPLETED, Input.FAILURE): Row(State.COMPLETED),
        (State.COMPLETED, Input.TIMER_K): _END,
        (State.COMPLETED, Input.TRANSPORT_ERROR): _END,
    },
)

INVITE_SERVER: Final = Machine(
    "invite server",
    Row(State.PROCEEDING),
    {
        (State.PROCEEDING, Input.REQUEST): Row(State.PROCEEDING, (Act.REPEAT_RESPONSE,)),
        (State.PROCEEDING, Input.ACK): Row(State.PROCEEDING),
        (State.PROCEEDING, Input.PROVISIONAL): Row(State.PROCEEDING, (Act.SEND_RESPONSE,)),
        (State.PROCEEDING, Input.SUCCESS): Row(State.ACCEPTED, (Act.SEND_RESPONSE,), (Input.TIMER_L,)),
        (State.PROCEEDING, Input.FAILURE): Row(
            State.COMPLETED, (Act.SEND_RESPONSE,), (Input.TIMER_G, Input.TIMER_H)
        ),
        (State.PROCEEDING, Input.TRANSPORT_ERROR): _DEAD_TRANSPORT,
        # RFC 6026 8.7: repeated INVITEs end here; the user repeats its 2xx itself.
        (State.ACCEPTED, Input.REQUEST): Row(State.ACCEPTED),
        (State.ACCEPTED, Input.ACK): Row(State.ACCEPTED, (Act.HAND_UP_ACK,)),
        (State.ACCEPTED, Input.SUCCESS): Row(State.ACCEPTED, (Act.SEND_RESPONSE,)),
        (State.ACCEPTED, Input.TIMER_L): _END,
        (State.ACCEPTED, Input.TRANSPORT_ERROR): Row(State.ACCEPTED),
        (State.COMPLETED, Input.REQUEST): Row(State.COMPLETED, (Act.REPEAT_RESPONSE,)),
        (State.COMPLETED, Input.ACK): Row(State.CONFIRMED, (), (Input.TIMER_I,)),
        (State.COMPLETED, Input.TIMER_G): Row(State.COMPLETED, (Act.REPEAT_RESPONSE,), (Input.TIMER_G,)),
        (State.COMPLETED, Input.TIMER_H): _TIMED_OUT,
        (State.COMPLETED, Input.TRANSPORT_ERROR): _DEAD_TRANSPORT,
        (State.CONFIRMED, Input.REQUEST): Row(State.CONFIRMED),
        (State.CONFIRMED, Input.ACK): Row(State.CONFIRMED),
        (State.CONFIRMED, Input.TIMER_I): _END,
        (State.CONFIRMED, Input.TRANSPORT_ERROR): _END,
    },
)

SERVER: Final = Machine(
    "server",
    Row(State.TRYING),
    {
        (State.TRYING, Input.REQUEST): Row(State.TRYING),
        (State.TRYING, Input.PROVISIONAL): Row(State.PROCEEDING, (Act.SEND_RESPONSE,)),
        (State.TRYING, Input.SUCCESS): Row(State.COMPLETED, (Act.SEND_RESPONSE,), (Input.TIMER_J,)),
        (State.TRYING, Input.FAILURE): Row(State.COMPLETED, (Act.SEND_RESPONSE,), (Input.TIMER_J,)),
        (State.TRYING, Input.TRANSPORT_ERROR): _DEAD_TRANSPORT,
        (State.PROCEEDING, Input.REQUEST): Row(State.PROCEEDING, (Act.REPEAT_RESPONSE,)),
        (State.PROCEEDING, Input.PROVISIONAL): Row(State.PROCEEDING, (Act.SEND_RESPONSE,)),
        (State.PROCEEDING, Input.SUCCESS): Row(State.COMPLETED, (Act.SEND_RESPONSE,), (Input.TIMER_J,)),
        (State.PROCEEDING, Input.FAILURE): Row(State.COMPLETED, (Act.SEND_RESPONSE,), (Input.TIMER_J,)),
        (State.PROCEEDING, Input.TRANSPORT_ERROR): _DEAD_TRANSPORT,
        # RFC 3261 17.2.2: further final responses are discarded.
        (State.COMPLETED, Input.REQUEST): Row(State.COMPLETED, (Act.REPEAT_RESPONSE,)),
        (State.COMPLETED, Input.PROVISIONAL): Row(State.COMPLETED),
        (State.COMPLETED, Input.SUCCESS): Row(State.COMPLETED),
        (State.COMPLETED, Input.FAILURE): Row(State.COMPLETED),
        (State.COMPLETED, Input.TIMER_J): _END,
        (State.COMPLETED, Input.TRANSPORT_ERROR): _END,
    },
)

MACHINES: Final = (INVITE_CLIENT, CLIENT, INVITE_SERVER, SERVER)
