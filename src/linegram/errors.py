"""The errors every room shares. May know nothing but itself.

LinegramError
├── ProtocolError
│   ├── LocalProtocolError    we misused a protocol: a bug report
│   └── RemoteProtocolError   the peer did: Tuesday
├── UnexpectedEventError      a state machine has no row for an event
├── UnavailableError          something outside does not answer; trying later may help
└── RefusedError              a person asked for what the rules forbid; the text is for that person
"""


class LinegramError(Exception):
    """Base of everything that Linegram raises on purpose."""


class ProtocolError(LinegramError):
    """A protocol was violated; see the two subclasses for by whom."""


class LocalProtocolError(ProtocolError):
    """We asked for something that the protocol does not allow now."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something malformed or out of turn.

    `status_hint` is the SIP status that tells the peer so, where SIP is spoken.
    """

    def __init__(self, message: str, *, status_hint: int = 400) -> None:
        super().__init__(message)
        self.status_hint = status_hint


class UnexpectedEventError(LinegramError):
    """A state machine met an event that has no row in its table; the state is unchanged."""

    def __init__(self, state: object, event: object) -> None:
        super().__init__(f"no row for {event!r} in {state!r}")
        self.state = state
        self.event = event


class UnavailableError(LinegramError):
    """Something outside this process does not answer or is gone."""


class RefusedError(LinegramError):
    """What a person asked for is not allowed or not possible; the text says why, to that person."""
