"""The link in memory: in order, in a turn of its own, as bytes."""

import msgspec
import pytest

from linegram.link import carrier, events
from linegram.link.accounts import SipAccountSettings
from linegram.link.carrier import MemoryLink
from linegram.link.commands import Command, EndCall, EndStoredDialog, RingPbx
from linegram.sandbox.doubles_clock import settle
from linegram.units import AccountId, CallId, LegId

LEG = LegId("leg")


async def test_commands_arrive_in_their_order_but_never_at_once() -> None:
    link, taken = MemoryLink(), list[Command]()
    link.connect_worker(taken.append)
    sent: list[Command] = [RingPbx(LEG), EndCall(CallId("call")), RingPbx(LegId("other"))]
    for command in sent:
        link.send(command)
    assert taken == []
    await settle()
    assert taken == sent


async def test_events_arrive_in_their_order_but_never_at_once() -> None:
    link, taken = MemoryLink(), list[events.Event]()
    link.connect_hub(taken.append)
    reported: list[events.Event] = [events.PbxRinging(LEG), events.DigitReceived(LEG, "5")]
    for event in reported:
        link.report(event)
    assert taken == []
    await settle()
    assert taken == reported


async def test_every_event_is_numbered_rising_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    link, numbers = MemoryLink(), list[int]()
    link.connect_hub(lambda _: None)

    class Reader:
        def decode(self, packed: bytes) -> events.Numbered:
            numbered = msgspec.msgpack.decode(packed, type=events.Numbered)
            numbers.append(numbered.number)
            return numbered

    monkeypatch.setattr(carrier, "_events", Reader())
    for _ in range(5):
        link.report(events.PbxRinging(LEG))
    await settle()
    assert numbers == [1, 2, 3, 4, 5]


async def test_what_a_receiver_sends_back_comes_after_what_was_sent_before() -> None:
    link, taken = MemoryLink(), list[object]()

    def take(command: Command) -> None:
        taken.append(command)
        link.report(events.PbxRinging(LEG))

    link.connect_worker(take)
    link.connect_hub(taken.append)
    link.send(RingPbx(LEG))
    link.send(EndCall(CallId("call")))
    await settle()
    assert [type(message).__name__ for message in taken] == ["RingPbx", "EndCall", "PbxRinging", "PbxRinging"]


async def test_a_message_crosses_as_a_copy() -> None:
    link, taken = MemoryLink(), list[Command]()
    link.connect_worker(taken.append)
    dialog = {"routes": ["a"]}
    account = SipAccountSettings(account_id=AccountId(1), username="100", password="pw", server="pbx")
    link.send(EndStoredDialog(account, dialog))
    dialog["routes"].append("b")
    await settle()
    assert taken == [EndStoredDialog(account, {"routes": ["a"]})]


async def test_what_is_no_plain_data_is_refused_by_the_sender() -> None:
    link = MemoryLink()
    with pytest.raises(TypeError):
        link.send(RingPbx(object()))  # type: ignore[arg-type]


async def test_messages_to_an_end_that_is_not_connected_are_lost_without_harm() -> None:
    link = MemoryLink()
    link.send(RingPbx(LEG))
    link.report(events.PbxRinging(LEG))
    await settle()
