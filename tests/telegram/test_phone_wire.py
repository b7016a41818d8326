"""Telegram's objects of calls, read and written."""

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl import types

from linegram.calls.ports import DiscardReason
from linegram.link.voice import VoiceServer
from linegram.telegram import phone_events as on
from linegram.telegram.phone_events import CallReference, PeerReason
from linegram.telegram.phone_wire import PhoneProtocol, events_of, input_call, reason_as_tl, terms_of

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PROTOCOL = PhoneProtocol()
COMMON: dict[str, Any] = {"id": 7, "access_hash": -8, "date": NOW, "admin_id": 1, "participant_id": 2}


def theirs(*versions: str) -> Any:
    return types.PhoneCallProtocol(65, 92, list(versions), udp_p2p=True, udp_reflector=True)


def established(*connections: Any, versions: tuple[str, ...] = ("9.0.0",), **more: Any) -> Any:
    settled = {
        "g_a_or_b": b"half",
        "key_fingerprint": -3,
        "protocol": theirs(*versions),
        "connections": list(connections),
        "start_date": NOW,
        "p2p_allowed": True,
    }
    return types.PhoneCall(**COMMON, **(settled | more))


def test_our_offer_is_what_was_configured() -> None:
    offer = PhoneProtocol(versions=("13.0.0", "9.0.0"), is_p2p_allowed=False).as_tl()
    assert (offer.min_layer, offer.max_layer) == (92, 92)
    assert offer.library_versions == ["13.0.0", "9.0.0"]
    assert (offer.udp_p2p, offer.udp_reflector) == (False, True)


def test_the_default_offer_fits_all_apps_of_today() -> None:
    assert PROTOCOL.versions == ("13.0.0", "12.0.0", "9.0.0", "8.0.0")


@pytest.mark.parametrize(
    ("tl_reason", "reason"),
    [
        (types.PhoneCallDiscardReasonMissed(), PeerReason.MISSED),
        (types.PhoneCallDiscardReasonBusy(), PeerReason.BUSY),
        (types.PhoneCallDiscardReasonHangup(), PeerReason.HANG_UP),
        (types.PhoneCallDiscardReasonDisconnect(), PeerReason.DISCONNECT),
        (types.PhoneCallDiscardReasonMigrateConferenceCall("slug"), PeerReason.MIGRATED),
        (None, PeerReason.NONE),
    ],
)
def test_every_discard_reason_is_read(tl_reason: Any, reason: PeerReason) -> None:
    assert events_of(types.PhoneCallDiscarded(7, reason=tl_reason), PROTOCOL) == [on.PeerDiscarded(reason)]


def test_no_discard_reason_of_telegrams_is_unknown() -> None:
    named = {name for name in dir(types) if name.startswith("PhoneCallDiscardReason")}
    assert len(named) == len(PeerReason) - 1


@pytest.mark.parametrize("reason", list(DiscardReason))
def test_every_reason_of_ours_is_written_as_what_it_is(reason: DiscardReason) -> None:
    [event] = events_of(types.PhoneCallDiscarded(7, reason=reason_as_tl(reason)), PROTOCOL)
    assert isinstance(event, on.PeerDiscarded)
    assert event.reason.value == reason.value


def test_waiting_says_something_only_once_a_device_has_the_call() -> None:
    waiting = types.PhoneCallWaiting(**COMMON, protocol=theirs("9.0.0"))
    assert events_of(waiting, PROTOCOL) == []
    waiting.receive_date = NOW
    assert events_of(waiting, PROTOCOL) == [on.PeerReached()]


def test_accepted_brings_the_employees_key_half() -> None:
    accepted = types.PhoneCallAccepted(**COMMON, g_b=b"half", protocol=theirs("9.0.0"))
    assert events_of(accepted, PROTOCOL) == [on.PeerAccepted(b"half")]


def test_established_brings_key_and_terms() -> None:
    call = established()
    assert events_of(call, PROTOCOL) == [on.CallEstablished(b"half", -3, terms_of(call, PROTOCOL))]


@pytest.mark.parametrize("other", [types.PhoneCallEmpty(7), None])
def test_what_says_nothing_is_no_event(other: Any) -> None:
    assert events_of(other, PROTOCOL) == []


def test_the_common_versions_are_in_our_order() -> None:
    terms = terms_of(established(versions=("8.0.0", "11.0.0", "13.0.0")), PROTOCOL)
    assert terms.versions == ("13.0.0", "8.0.0")


@pytest.mark.parametrize(("ours", "telegrams"), [(True, True), (True, False), (False, True), (True, None)])
def test_p2p_needs_both(ours: bool, telegrams: bool | None) -> None:
    terms = terms_of(established(p2p_allowed=telegrams), PhoneProtocol(is_p2p_allowed=ours))
    assert terms.is_p2p_allowed is bool(ours and telegrams)


def test_relays_of_both_kinds_are_read() -> None:
    reflector = types.PhoneConnection(1, "192.0.2.1", "2001:db8::1", 598, b"t" * 16, tcp=True)
    turn = types.PhoneConnectionWebrtc(2, "192.0.2.2", "", 3478, "name", "word", turn=True)
    stun = types.PhoneConnectionWebrtc(3, "192.0.2.3", "", 3478, "", "", stun=True)
    assert terms_of(established(reflector, turn, stun), PROTOCOL).servers == (
        VoiceServer(1, "192.0.2.1", "2001:db8::1", 598, peer_tag=b"t" * 16, is_reflector=True, is_tcp=True),
        VoiceServer(2, "192.0.2.2", "", 3478, username="name", password="word", is_turn=True),
        VoiceServer(3, "192.0.2.3", "", 3478, is_stun=True),
    )


def test_custom_parameters_are_passed_on_as_text() -> None:
    assert terms_of(established(), PROTOCOL).custom_parameters is None
    call = established(custom_parameters=types.DataJSON('{"a": 1}'))
    assert terms_of(call, PROTOCOL).custom_parameters == '{"a": 1}'


def test_a_call_is_named_by_id_and_access_hash() -> None:
    named = input_call(CallReference(7, -8))
    assert (named.id, named.access_hash) == (7, -8)
