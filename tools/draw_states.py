"""Draws docs/states.md from the state tables in the code, so that the pictures cannot lie.

`make docs` writes the file; a test fails when it is not what this would write.
Everything here only reads tables: what a machine does is decided where its
table stands.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, TypeVar, get_args

from linegram.calls import bridge
from linegram.calls.runner import CallTimes
from linegram.sip import (
    established_call,
    invite_server,
    invite_table,
    registration_table,
    transaction_tables,
)
from linegram.telegram import phone_call_table, phone_events

PAGE: Final = Path(__file__).parent.parent / "docs" / "states.md"

_SHARED_BY: Final = 3
"""A way out that is the same from this many states is told below the picture instead of drawn."""

StateT = TypeVar("StateT", bound=Enum)
EventT = TypeVar("EventT")
RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of a table, in words."""

    state: str
    event: str
    next_state: str
    acts: tuple[str, ...]

    @property
    def is_deaf(self) -> bool:
        """Whether the event is taken without any effect."""
        return self.state == self.next_state and not self.acts


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One state machine as the page shows it. `states` and `events` are all there are, in order."""

    title: str
    source: str
    text: str
    states: Sequence[str]
    events: Sequence[str]
    starts: Sequence[str]
    transitions: Sequence[Transition]


def page() -> str:
    """Return the whole of docs/states.md."""
    return "\n\n".join([_HEAD, *(_section(machine) for machine in machines())]) + "\n"


def machines() -> tuple[Machine, ...]:
    """Return every machine of the page, read from the code."""
    return (
        _call(),
        _phone_call(),
        _registration(),
        _invite_client(),
        _invite_server(),
        _established(),
        *map(_transaction, transaction_tables.MACHINES),
    )


_HEAD: Final = """\
# State machines

<!-- Written by tools/draw_states.py (`make docs`). Do not edit: change the table in the code. -->

Every behaviour that depends on what happened before is a table in the code: (state, event) → new state
and what to do. A pair without a row raises `UnexpectedEventError` and changes nothing. This page is drawn
from those tables, and a test compares them. In the pictures, events without effect are left out; the
tables below them have every row."""


# ---- the machines


def _call() -> Machine:
    times = CallTimes()
    limits = ", ".join(
        f"{_word(at)} {getattr(times, f'{limit.value}_s'):g} s" for at, limit in bridge.LIMITS.items()
    )
    return Machine(
        title="A call",
        source="calls/bridge.py",
        text=(
            "What the hub decides about one call between an employee and somebody behind the PBX. `release`"
            " ends each part of the call that is still open, once: the PBX leg, the Telegram call, its voice."
            f" Time until `TimePassed`, unless the settings say otherwise: {limits}."
        ),
        states=_words(bridge.State),
        events=[event.__name__ for event in bridge.EVENTS],
        starts=[_word(bridge.State.NEW)],
        transitions=_read(bridge.TRANSITIONS, lambda row: (row.state, _values(row.commands))),
    )


def _phone_call() -> Machine:
    timeouts = phone_call_table.CallTimeouts()
    timers = ", ".join(f"{_word(at)} {timer(timeouts):g} s" for at, timer in phone_call_table.TIMERS.items())
    return Machine(
        title="A Telegram call's signalling",
        source="telegram/phone_call_table.py",
        text=(
            "Both roles: we call (`requesting` to `confirming`) and we are called (`offered` to `doubted`)."
            f" Time until `DeadlinePassed` unless Telegram's server says otherwise: {timers}."
        ),
        states=_words(phone_events.State),
        events=[event.__name__ for event in get_args(phone_events.Event)],
        starts=[_word(phone_events.State.NEW)],
        transitions=_read(phone_call_table.TRANSITIONS, lambda row: (row.next_state, _values(row.steps))),
    )


def _registration() -> Machine:
    return Machine(
        title="A registration",
        source="sip/registration_table.py",
        text=(
            "Our effort to keep one account's binding (RFC 3261 section 10). A slot in the queue keeps"
            " thousands of accounts from speaking at once; `refused` is an answer that asking again soon will"
            " not change."
        ),
        states=_words(registration_table.Phase),
        events=_values(registration_table.Happening),
        starts=[_word(registration_table.Phase.IDLE)],
        transitions=_read(registration_table.TRANSITIONS, lambda row: (row.phase, _values(row.steps))),
    )


def _invite_client() -> Machine:
    return Machine(
        title="An outgoing INVITE",
        source="sip/invite_table.py",
        text="From the INVITE to its final answer, CANCEL and its races included (RFC 3261 9.1 and 13.2).",
        states=_words(invite_table.InviteState),
        events=_values(invite_table.InviteInput),
        starts=[_word(invite_table.InviteState.TRYING)],
        transitions=_read(invite_table.TRANSITIONS, lambda row: (row.state, _values(row.steps))),
    )


def _invite_server() -> Machine:
    return Machine(
        title="An incoming INVITE",
        source="sip/invite_server.py",
        text="From the INVITE to our final answer (RFC 3261 sections 9.2 and 13.3).",
        states=_words(invite_server.ArrivalState),
        events=_values(invite_server.ArrivalInput),
        starts=[_word(invite_server.ArrivalState.RINGING)],
        transitions=_read(invite_server.TRANSITIONS, lambda row: (row.state, _values(row.steps))),
    )


def _established() -> Machine:
    def read(row: established_call.Row) -> tuple[Enum, Sequence[str]]:
        ends = established_call.CallStep.REPORT_END in row.steps
        cause = [f"cause: {row.cause.name.lower()}"] if ends else []
        return row.state, [*_values(row.steps), *cause]

    states = established_call.CallState
    return Machine(
        title="An answered SIP call",
        source="sip/established_call.py",
        text="From the 2xx to BYE, both directions (RFC 3261 15). Calls we placed start in `talking`.",
        states=_words(states),
        events=_values(established_call.CallInput),
        starts=[_word(states.UNCONFIRMED), _word(states.TALKING)],
        transitions=_read(established_call.TRANSITIONS, read),
    )


def _transaction(machine: transaction_tables.Machine) -> Machine:
    def read(row: transaction_tables.Row) -> tuple[Enum, Sequence[str]]:
        return row.state, [*_values(row.acts), *(f"start {timer.value}" for timer in row.timers)]

    rows = [*_read(machine.rows, read)]
    first, acts = read(machine.start)
    used = {row.state for row in rows} | {row.next_state for row in rows}
    events = {row.event for row in rows}
    begin = f" It begins with: {', '.join(acts)}." if acts else ""
    return Machine(
        title=f"A transaction: {machine.name}",
        source="sip/transaction_tables.py",
        text=f"RFC 3261 section 17, corrected by RFC 6026.{begin}",
        states=[state for state in _words(transaction_tables.State) if state in used],
        events=[event for event in _values(transaction_tables.Input) if event in events],
        starts=[_word(first)],
        transitions=rows,
    )


def _read(
    table: Mapping[tuple[StateT, EventT], RowT], read: Callable[[RowT], tuple[Enum, Sequence[str]]]
) -> tuple[Transition, ...]:
    def transition(state: StateT, event: EventT, row: RowT) -> Transition:
        next_state, acts = read(row)
        name = str(event.value) if isinstance(event, Enum) else str(getattr(event, "__name__", event))
        return Transition(_word(state), name, _word(next_state), tuple(acts))

    return tuple(transition(state, event, row) for (state, event), row in table.items())


def _word(state: Enum) -> str:
    return state.name.lower()


def _words(states: Iterable[Enum]) -> list[str]:
    return [_word(state) for state in states]


def _values(members: Iterable[Enum]) -> list[str]:
    return [str(member.value) for member in members]


# ---- the page


def _section(machine: Machine) -> str:
    shared = _shared(machine)
    pairs = len(machine.states) * len(machine.events)
    facts = (
        f"{len(machine.states)} states, {len(machine.events)} events;"
        f" {len(machine.transitions)} of {pairs} pairs have a row. Table: `src/linegram/{machine.source}`."
    )
    parts = [f"## {machine.title}", machine.text, facts, _picture(machine, shared), *_told(shared)]
    return "\n\n".join([*parts, "\n".join(_table(machine))])


def _shared(machine: Machine) -> dict[tuple[str, str, tuple[str, ...]], list[str]]:
    """Find the ways out that are the same from many states: same event, same end, same acts."""
    lively = {row.state for row in machine.transitions if row.state != row.next_state}
    found: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for row in machine.transitions:
        if row.next_state not in lively and row.state != row.next_state:
            found.setdefault((row.event, row.next_state, row.acts), []).append(row.state)
    return {row: states for row, states in found.items() if len(states) >= _SHARED_BY}


def _picture(machine: Machine, shared: Mapping[tuple[str, str, tuple[str, ...]], list[str]]) -> str:
    own = [row for row in machine.transitions if (row.event, row.next_state, row.acts) not in shared]
    leads_on = {row.state for row in own if row.state != row.next_state}
    edges: dict[tuple[str, str], list[str]] = {}
    for row in machine.transitions:
        if not row.is_deaf and (row in own or row.state not in leads_on):
            edges.setdefault((row.state, row.next_state), []).append(row.event)
    starts = [f"    [*] --> {state}" for state in machine.starts]
    lines = [f"    {here} --> {there}: {', '.join(events)}" for (here, there), events in edges.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *starts, *lines, "```"])


def _told(shared: Mapping[tuple[str, str, tuple[str, ...]], list[str]]) -> Iterator[str]:
    if not shared:
        return
    grouped: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for (event, next_state, acts), states in shared.items():
        grouped.setdefault((next_state, acts, tuple(states)), []).append(event)
    yield "The same from several states, and so drawn only where nothing else leads on:"
    yield "\n".join(
        f"- {_codes(events)} → `{next_state}`{_done(acts)}, from {_codes(states)}"
        for (next_state, acts, states), events in grouped.items()
    )


def _done(acts: Sequence[str]) -> str:
    return f" ({', '.join(acts)})" if acts else ""


def _table(machine: Machine) -> Iterator[str]:
    yield "| in | on | to | do |"
    yield "|---|---|---|---|"
    for state in machine.states:
        yield from _lines(machine, [row for row in machine.transitions if row.state == state])


def _lines(machine: Machine, rows: Sequence[Transition]) -> Iterator[str]:
    """One line for each different outcome in a state; what has no effect comes last."""
    outcomes: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for row in sorted(rows, key=lambda row: row.is_deaf):
        outcomes.setdefault((row.next_state, row.acts), []).append(row.event)
    for (next_state, acts), events in outcomes.items():
        state = rows[0].state
        is_deaf = state == next_state and not acts
        where = "" if state == next_state else f"`{next_state}`"
        done = "nothing" if is_deaf else ", ".join(acts)
        yield f"| `{state}` | {_which(events, machine.events)} | {where} | {done} |"


def _which(events: Sequence[str], all_events: Sequence[str]) -> str:
    """Name the events, or the ones that are missing if those are fewer."""
    missing = [event for event in all_events if event not in events]
    if not missing:
        return "any event"
    return f"any event but {_codes(missing)}" if len(missing) < len(events) // 2 else _codes(events)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
