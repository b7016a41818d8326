"""The tables of a call's stages: what cannot happen is listed, so that nothing is forgotten."""

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

import pytest

from linegram.sip import established_call, invite_server, invite_table
from linegram.sip.established_call import CallInput, CallState
from linegram.sip.invite_server import ArrivalInput, ArrivalState
from linegram.sip.invite_table import InviteInput, InviteState

S = TypeVar("S", bound=Enum)
H = TypeVar("H", bound=Enum)


def illegal(table: Mapping[tuple[S, H], object], states: type[S], inputs: type[H]) -> set[str]:
    return {f"{s.name} {i.name}" for s in states for i in inputs if (s, i) not in table}


def test_illegal_pairs_of_an_outgoing_invite() -> None:
    """GIVE_UP has a timer of its own; after the end only a 2xx of another fork still counts.

    A call that is being cancelled goes nowhere else.
    """
    never = {f"{s.name} GIVE_UP" for s in InviteState if s is not InviteState.CANCELLING}
    over = {
        f"{state} {happening}"
        for state in ("ANSWERED", "ENDED")
        for happening in ("PROVISIONAL", "FAILURE", "NO_RESPONSE", "HANG_UP")
    }
    never |= {
        f"{s.name} ELSEWHERE" for s in InviteState if s not in {InviteState.TRYING, InviteState.PROCEEDING}
    }
    assert illegal(invite_table.TRANSITIONS, InviteState, InviteInput) == never | over


def test_illegal_pairs_of_an_incoming_invite() -> None:
    """An answered or ended INVITE is no longer the application's to command."""
    assert illegal(invite_server.TRANSITIONS, ArrivalState, ArrivalInput) == {
        f"{state} {happening}" for state in ("ANSWERED", "ENDED") for happening in ("ANSWER", "REJECT", "BYE")
    }


def test_illegal_pairs_of_an_established_call() -> None:
    """NEVER_ACKED comes from a watch that TALKING has stopped; an ended call has no handle and no dialog."""
    assert illegal(established_call.TRANSITIONS, CallState, CallInput) == {
        "TALKING NEVER_ACKED",
        "ENDED NEVER_ACKED",
        "ENDED HANG_UP",
        "ENDED REMOTE_BYE",
    }


@pytest.mark.parametrize(
    "rows",
    [invite_table.TRANSITIONS, invite_server.TRANSITIONS, established_call.TRANSITIONS],
    ids=["invite client", "invite server", "established"],
)
def test_every_way_into_the_end_reports_it_or_comes_from_where_it_was_reported(
    rows: Mapping[tuple[Enum, Enum], invite_table.Row | invite_server.Row | established_call.Row],
) -> None:
    for (state, happening), row in rows.items():
        if row.state.name != "ENDED" or state.name == "ENDED":
            continue
        reports = any(step.name == "REPORT_END" for step in row.steps)
        assert reports is (state.name != "LEAVING"), (state, happening)
