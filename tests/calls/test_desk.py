"""The desk finds calls by everything that belongs to them, and forgets them whole."""

from linegram.calls import bridge
from linegram.calls.call import Call
from linegram.calls.desk import Desk
from linegram.outcomes import EndReason
from linegram.units import AccountId, CallId, LegId
from tests.calls.call_office import ANN, BOB


def make_call(name: str = "one", first: bridge.Event | None = None) -> Call:
    call = Call(
        call_id=CallId(name),
        account_id=AccountId(1),
        user_id=ANN,
        number="4711",
        is_incoming=False,
        far_leg_id=LegId(f"far-{name}"),
        employee_leg_id=LegId(f"employee-{name}"),
        started_at=0.0,
    )
    call.advance(first or bridge.CallbackAsked(), 0.0)
    return call


def test_a_call_is_found_by_itself_its_legs_and_its_employee() -> None:
    desk, call = Desk(), make_call()
    desk.add(call)
    assert desk.get(CallId("one")) is call
    assert desk.of_leg(LegId("far-one")) is desk.of_leg(LegId("employee-one")) is call
    assert desk.current(ANN) is call
    assert desk.current(BOB) is None
    assert (len(desk), list(desk)) == (1, [call])


def test_a_removed_call_is_found_by_nothing() -> None:
    desk, call = Desk(), make_call()
    desk.add(call)
    desk.remove(call)
    desk.remove(call)
    assert (len(desk), list(desk)) == (0, [])
    assert (desk.get(CallId("one")), desk.of_leg(LegId("far-one")), desk.current(ANN)) == (None, None, None)


def test_an_ended_call_does_not_keep_its_employee_busy() -> None:
    desk, call = Desk(), make_call()
    desk.add(call)
    call.advance(bridge.Stopped(EndReason.COMPLETED), 1.0)
    assert desk.current(ANN) is None
    newer = make_call("two")
    desk.add(newer)
    desk.remove(call)
    assert desk.current(ANN) is newer


def test_an_adopted_leg_takes_the_place_of_the_old_one() -> None:
    desk, call = Desk(), make_call(first=bridge.DirectAsked())
    desk.add(call)
    assert desk.awaited(ANN) is call
    desk.adopt_leg(call, LegId("own"))
    assert desk.of_leg(LegId("own")) is call
    assert desk.of_leg(LegId("employee-one")) is None
    desk.remove(call)
    assert desk.of_leg(LegId("own")) is None


def test_a_call_back_is_not_awaited() -> None:
    desk = Desk()
    desk.add(make_call())
    assert desk.awaited(ANN) is None
