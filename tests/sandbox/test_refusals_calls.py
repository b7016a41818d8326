"""What the sandbox refuses of phone calls because Telegram does. Each test names where that can be read."""

from dataclasses import replace

import pytest

from linegram.sandbox.world import TelegramRefusalError
from linegram.sandbox.world.calls import CallProtocol, CallState, Dialled, PhoneCall
from linegram.sandbox.world.events import DeviceKey
from linegram.sandbox.world.people import Audience, PrivacyRule
from tests.sandbox.conftest import Cast

TODAY = CallProtocol(65, 92, ("8.0.0", "9.0.0", "12.0.0", "13.0.0"))
CALLERS_DEVICE, FIRST_DEVICE, SECOND_DEVICE = DeviceKey(1), DeviceKey(2), DeviceKey(3)


def ring(cast: Cast, *, random_id: int = 1, protocol: CallProtocol = TODAY) -> PhoneCall:
    """Let the calling account ring Anna."""
    dialled = Dialled(CALLERS_DEVICE, random_id, bytes(32), protocol)
    return cast.world.calls.request(cast.caller.user_id, cast.anna.user_id, dialled)


def accept(cast: Cast, call: PhoneCall, *, protocol: CallProtocol = TODAY) -> None:
    """Let Anna pick up on her first device."""
    anna_id = cast.anna.user_id
    cast.world.calls.accept(call, anna_id, device=FIRST_DEVICE, g_b=bytes(256), protocol=protocol)


def end(cast: Cast, call: PhoneCall) -> None:
    """Let the calling account hang up."""
    cast.world.calls.discard(call, cast.caller.user_id, device=CALLERS_DEVICE, reason="hangup", duration_s=0)


@pytest.mark.parametrize("audience", [Audience.NOBODY, Audience.CONTACTS])
def test_a_privacy_rule_keeps_the_caller_out(cast: Cast, audience: Audience) -> None:
    """core.telegram.org/method/phone.requestCall, 403 USER_PRIVACY_RESTRICTED; api/privacy, phone_call."""
    cast.anna.phone_call_privacy = PrivacyRule(audience)
    with pytest.raises(TelegramRefusalError, match="403 USER_PRIVACY_RESTRICTED"):
        ring(cast)


def test_a_contact_passes_the_contacts_rule_and_an_exception_beats_the_rule(cast: Cast) -> None:
    """core.telegram.org/api/privacy: allow and disallow exceptions stand above the base rule."""
    cast.anna.phone_call_privacy = PrivacyRule(Audience.CONTACTS)
    cast.world.people.add_contact(cast.anna.user_id, cast.caller.user_id)
    ring(cast)
    cast.anna.phone_call_privacy = PrivacyRule(refused_ids={cast.caller.user_id})
    with pytest.raises(TelegramRefusalError, match="403 USER_PRIVACY_RESTRICTED"):
        ring(cast, random_id=2)
    cast.anna.phone_call_privacy = PrivacyRule(Audience.NOBODY, allowed_ids={cast.caller.user_id})
    ring(cast, random_id=3)


def test_who_was_blocked_cannot_call(cast: Cast) -> None:
    """core.telegram.org/method/phone.requestCall, 403 USER_IS_BLOCKED."""
    cast.anna.blocked_ids.add(cast.caller.user_id)
    with pytest.raises(TelegramRefusalError, match="403 USER_IS_BLOCKED"):
        ring(cast)


def test_an_outdated_app_cannot_be_called(cast: Cast) -> None:
    """core.telegram.org/method/phone.requestCall, 400 PARTICIPANT_VERSION_OUTDATED."""
    cast.anna.is_app_outdated = True
    with pytest.raises(TelegramRefusalError, match="400 PARTICIPANT_VERSION_OUTDATED"):
        ring(cast)


def test_a_deleted_account_cannot_be_called(cast: Cast) -> None:
    """core.telegram.org/method/phone.requestCall, 400 INPUT_USER_DEACTIVATED."""
    cast.anna.is_deleted = True
    with pytest.raises(TelegramRefusalError, match="400 INPUT_USER_DEACTIVATED"):
        ring(cast)


def test_nobody_calls_himself_or_a_bot_and_no_bot_calls(cast: Cast) -> None:
    """core.telegram.org/method/phone.requestCall, 400 USER_ID_INVALID, and "only users can use it"."""
    calls, dialled = cast.world.calls, Dialled(CALLERS_DEVICE, 1, bytes(32), TODAY)
    for callee in (cast.caller, cast.bot):
        with pytest.raises(TelegramRefusalError, match="400 USER_ID_INVALID"):
            calls.request(cast.caller.user_id, callee.user_id, dialled)
    with pytest.raises(TelegramRefusalError, match="400 BOT_METHOD_INVALID"):
        calls.request(cast.bot.user_id, cast.anna.user_id, dialled)


def test_a_protocol_without_udp_or_with_an_old_layer_is_refused(cast: Cast) -> None:
    """core.telegram.org/method/phone.requestCall, CALL_PROTOCOL_FLAGS_INVALID and _LAYER_INVALID."""
    with pytest.raises(TelegramRefusalError, match="400 CALL_PROTOCOL_FLAGS_INVALID"):
        ring(cast, protocol=replace(TODAY, udp_p2p=False, udp_reflector=False))
    for low, high in ((64, 92), (92, 65)):
        with pytest.raises(TelegramRefusalError, match="400 CALL_PROTOCOL_LAYER_INVALID"):
            ring(cast, protocol=replace(TODAY, min_layer=low, max_layer=high))


def test_the_same_random_id_twice_is_refused(cast: Cast) -> None:
    """core.telegram.org/method/phone.requestCall, 500 RANDOM_ID_DUPLICATE."""
    ring(cast)
    with pytest.raises(TelegramRefusalError, match="500 RANDOM_ID_DUPLICATE"):
        ring(cast)


@pytest.mark.parametrize(
    "other", [replace(TODAY, versions=("2.4.4", "5.0.0")), replace(TODAY, min_layer=93, max_layer=95)]
)
def test_apps_without_a_common_version_cannot_talk(cast: Cast, other: CallProtocol) -> None:
    """core.telegram.org/api/errors: 406 CALL_PROTOCOL_COMPAT_LAYER_INVALID (method phone.acceptCall)."""
    call = ring(cast)
    with pytest.raises(TelegramRefusalError, match="406 CALL_PROTOCOL_COMPAT_LAYER_INVALID"):
        accept(cast, call, protocol=other)
    assert call.state is CallState.WAITING


def test_the_best_common_version_is_taken(cast: Cast) -> None:
    """core.telegram.org/api/calls: the server answers with the best common library version."""
    call = ring(cast)
    accept(cast, call, protocol=replace(TODAY, versions=("9.0.0", "12.0.0", "14.0.0")))
    assert call.agreed is not None
    assert call.agreed.versions == ("12.0.0",)


def test_a_second_device_cannot_accept_too(cast: Cast) -> None:
    """core.telegram.org/method/phone.acceptCall, 400 CALL_ALREADY_ACCEPTED."""
    call = ring(cast)
    accept(cast, call)
    with pytest.raises(TelegramRefusalError, match="400 CALL_ALREADY_ACCEPTED"):
        cast.world.calls.accept(call, cast.anna.user_id, device=SECOND_DEVICE, g_b=bytes(256), protocol=TODAY)


def test_a_call_that_is_over_cannot_be_received_accepted_or_confirmed(cast: Cast) -> None:
    """core.telegram.org/method/phone.acceptCall, receivedCall, confirmCall: 400 CALL_ALREADY_DECLINED."""
    call = ring(cast)
    end(cast, call)
    with pytest.raises(TelegramRefusalError, match="400 CALL_ALREADY_DECLINED"):
        cast.world.calls.receive(call, cast.anna.user_id)
    with pytest.raises(TelegramRefusalError, match="400 CALL_ALREADY_DECLINED"):
        accept(cast, call)
    with pytest.raises(TelegramRefusalError, match="400 CALL_ALREADY_DECLINED"):
        cast.world.calls.confirm(call, cast.caller.user_id, g_a=bytes(256), key_fingerprint=1)


def test_a_call_that_is_over_carries_no_signalling(cast: Cast) -> None:
    """core.telegram.org/method/phone.sendSignalingData, 400 CALL_PEER_INVALID."""
    call = ring(cast)
    accept(cast, call)
    end(cast, call)
    with pytest.raises(TelegramRefusalError, match="400 CALL_PEER_INVALID"):
        cast.world.calls.signal(call, cast.caller.user_id, b"late")


def test_a_call_is_named_by_its_parties_only_each_with_his_own_hash(cast: Cast) -> None:
    """core.telegram.org/method/phone.receivedCall, 400 CALL_PEER_INVALID."""
    call = ring(cast)
    annas_hash = call.access_hashes[cast.anna.user_id]
    assert cast.world.calls.find(cast.anna.user_id, call.phone_call_id, annas_hash) is call
    for user_id in (cast.caller.user_id, cast.stranger.user_id):
        with pytest.raises(TelegramRefusalError, match="400 CALL_PEER_INVALID"):
            cast.world.calls.find(user_id, call.phone_call_id, annas_hash)


def test_the_parties_cannot_swap_their_parts(cast: Cast) -> None:
    """core.telegram.org/api/calls: the callee receives and accepts, the caller confirms, and only then."""
    call = ring(cast)
    with pytest.raises(TelegramRefusalError, match="400 CALL_PEER_INVALID"):
        cast.world.calls.receive(call, cast.caller.user_id)
    with pytest.raises(TelegramRefusalError, match="400 CALL_PEER_INVALID"):
        cast.world.calls.accept(call, cast.caller.user_id, device=CALLERS_DEVICE, g_b=b"", protocol=TODAY)
    with pytest.raises(TelegramRefusalError, match="400 CALL_PEER_INVALID"):
        cast.world.calls.confirm(call, cast.caller.user_id, g_a=b"", key_fingerprint=0)
    accept(cast, call)
    with pytest.raises(TelegramRefusalError, match="400 CALL_PEER_INVALID"):
        cast.world.calls.confirm(call, cast.anna.user_id, g_a=b"", key_fingerprint=0)


def test_peer_to_peer_needs_the_leave_of_both(cast: Cast) -> None:
    """core.telegram.org/api/privacy, phone_p2p; p2p_allowed of phoneCall."""
    for person in (cast.anna, cast.caller):
        person.phone_p2p_privacy = PrivacyRule(Audience.NOBODY)
        call = ring(cast, random_id=person.user_id)
        accept(cast, call)
        cast.world.calls.confirm(call, cast.caller.user_id, g_a=bytes(256), key_fingerprint=1)
        assert not call.is_p2p_allowed
        person.phone_p2p_privacy = PrivacyRule()
