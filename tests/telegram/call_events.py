"""Events of one Telegram call for tests of its state machine, and ways into each state."""

from linegram.calls.ports import (
    DiscardReason,
    PhoneEnded,
    PhoneEvent,
)
from linegram.outcomes import EndReason
from linegram.telegram import phone_events as on
from linegram.telegram.key_exchange import (
    KEY_BYTES,
    KNOWN_PRIME,
    CalleeExchange,
    CallerExchange,
    checked_group,
)
from linegram.telegram.phone_call import PhoneCall
from linegram.telegram.phone_call_table import CallTimeouts
from linegram.telegram.phone_events import CallReference, Refusal, State, VoiceTerms
from linegram.units import LegId, Seconds, TelegramUserId

GROUP = checked_group(3, KNOWN_PRIME.to_bytes(KEY_BYTES, "big"))
CALLER = CallerExchange(GROUP, b"\x41" * 256)
CALLEE = CalleeExchange(GROUP, b"\x43" * 256, CALLER.g_a_hash)
KEY = CALLER.agree(CALLEE.g_b)
REFERENCE = CallReference(77, -5)
TERMS = VoiceTerms(("13.0.0", "9.0.0"), (), True)
LEG = LegId("leg-1")
EMPLOYEE = TelegramUserId(501)
TIMEOUTS = CallTimeouts(receive_s=20, ring_s=90, connect_s=30)
START = Seconds(1000.0)

ASKED = on.CallAsked(CALLER)
OFFERED = on.CallOffered(REFERENCE)
GRANTED = on.RequestGranted(REFERENCE)
REACHED = on.PeerReached()
ACCEPTED = on.PeerAccepted(CALLEE.g_b)
CONFIRMED = on.CallEstablished(CALLEE.g_b, KEY.fingerprint, TERMS)
ACCEPT = on.AcceptAsked(CALLEE)
STANDS = on.CallEstablished(CALLER.g_a, KEY.fingerprint, TERMS)
TAKEN = on.StepRefused(Refusal(EndReason.ANSWERED_ELSEWHERE, is_gone=True))
GONE = on.StepRefused(Refusal(EndReason.CANCELLED, is_gone=True))
OCCUPIED = on.RequestRefused(Refusal(EndReason.CALLING_ACCOUNT_BUSY, may_retry=True))
LATE = on.DeadlinePassed()

PATHS: dict[State, list[on.Event]] = {
    State.NEW: [],
    State.REQUESTING: [ASKED],
    State.WAITING: [ASKED, GRANTED],
    State.RINGING: [ASKED, GRANTED, REACHED],
    State.CONFIRMING: [ASKED, GRANTED, REACHED, ACCEPTED],
    State.OFFERED: [OFFERED],
    State.ACCEPTING: [OFFERED, ACCEPT],
    State.DOUBTED: [OFFERED, ACCEPT, TAKEN],
    State.READY: [ASKED, GRANTED, REACHED, ACCEPTED, CONFIRMED],
    State.ABANDONED: [ASKED, on.EndAsked(DiscardReason.HANG_UP)],
    State.ENDED: [on.EndAsked(DiscardReason.HANG_UP)],
}


def new_call() -> PhoneCall:
    return PhoneCall(LEG, EMPLOYEE, TIMEOUTS, START)


def run(*events: on.Event, at: float = START) -> tuple[PhoneCall, list[on.Command]]:
    """Feed events to a new call; returns it and all that it asked for."""
    call = new_call()
    commands = [command for event in events for command in call.handle(event, Seconds(at))]
    return call, commands


def call_in(state: State) -> PhoneCall:
    call, _ = run(*PATHS[state])
    assert call.state is state
    return call


def told(commands: list[on.Command]) -> list[PhoneEvent]:
    return [command.event for command in commands if isinstance(command, on.Tell)]


def endings(commands: list[on.Command]) -> list[EndReason]:
    return [event.reason for event in told(commands) if isinstance(event, PhoneEnded)]


def discards(commands: list[on.Command]) -> list[DiscardReason]:
    return [command.reason for command in commands if isinstance(command, on.DiscardCall)]
