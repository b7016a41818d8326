"""Phone calls as TL objects: each side sees its own half of the state."""

from datetime import UTC, datetime
from typing import Any

from telethon.tl import types

from linegram.sandbox.world.calls import CallProtocol, CallState, PhoneCall, Relay

_REASONS = {
    "missed": types.PhoneCallDiscardReasonMissed,
    "busy": types.PhoneCallDiscardReasonBusy,
    "hangup": types.PhoneCallDiscardReasonHangup,
    "disconnect": types.PhoneCallDiscardReasonDisconnect,
}
_MIGRATE = "migrate:"


def reason_name(reason: Any) -> str:
    """Return the world's word for a TL discard reason."""
    if isinstance(reason, types.PhoneCallDiscardReasonMigrateConferenceCall):
        return _MIGRATE + str(reason.slug)
    return next((name for name, kind in _REASONS.items() if isinstance(reason, kind)), "hangup")


def discard_reason(name: str) -> Any:
    """Return the TL discard reason for the world's word; None for a call answered elsewhere."""
    if name.startswith(_MIGRATE):
        return types.PhoneCallDiscardReasonMigrateConferenceCall(name.removeprefix(_MIGRATE))
    return _REASONS[name]() if name in _REASONS else None


def protocol_from_tl(protocol: Any) -> CallProtocol:
    """Return what a client says it can do."""
    return CallProtocol(
        protocol.min_layer,
        protocol.max_layer,
        tuple(protocol.library_versions),
        bool(protocol.udp_p2p),
        bool(protocol.udp_reflector),
    )


def _protocol(protocol: CallProtocol) -> Any:
    return types.PhoneCallProtocol(
        protocol.min_layer,
        protocol.max_layer,
        list(protocol.versions),
        udp_p2p=protocol.udp_p2p,
        udp_reflector=protocol.udp_reflector,
    )


def call_object(call: PhoneCall, viewer_id: int, *, is_elsewhere: bool, relays: list[Relay]) -> Any:
    """Return a phone call as one side sees it (core.telegram.org/type/PhoneCall)."""
    if is_elsewhere or call.state is CallState.DISCARDED:
        return types.PhoneCallDiscarded(
            call.phone_call_id,
            video=call.is_video,
            reason=None if is_elsewhere else discard_reason(call.reason),
            duration=None if is_elsewhere else call.duration_s,
        )
    common = {
        "id": call.phone_call_id,
        "access_hash": call.access_hashes[viewer_id],
        "date": _moment(call.date_s),
        "admin_id": call.caller_id,
        "participant_id": call.callee_id,
        "video": call.is_video,
    }
    if call.state is CallState.ACTIVE:
        return _active(call, viewer_id, common, relays)
    if call.state is CallState.ACCEPTED and viewer_id == call.caller_id:
        return types.PhoneCallAccepted(
            **common, g_b=call.g_b, protocol=_protocol(call.protocols[call.callee_id])
        )
    caller_protocol = _protocol(call.protocols[call.caller_id])
    if viewer_id == call.callee_id and call.state is CallState.WAITING:
        return types.PhoneCallRequested(**common, g_a_hash=call.g_a_hash, protocol=caller_protocol)
    received = None if call.receive_date_s is None else _moment(call.receive_date_s)
    return types.PhoneCallWaiting(**common, protocol=caller_protocol, receive_date=received)


def _active(call: PhoneCall, viewer_id: int, common: dict[str, Any], relays: list[Relay]) -> Any:
    if call.agreed is None or call.start_date_s is None:
        raise ValueError("an active call has a protocol and a start")
    return types.PhoneCall(
        **common,
        g_a_or_b=call.g_b if viewer_id == call.caller_id else call.g_a,
        key_fingerprint=call.key_fingerprint,
        protocol=_protocol(call.agreed),
        connections=[
            _connection(number, relay, _tag_for(viewer_id, call, relay))
            for number, relay in enumerate(relays, start=1)
        ],
        start_date=_moment(call.start_date_s),
        p2p_allowed=call.is_p2p_allowed,
        conference_supported=True,
        custom_parameters=None if call.custom_parameters is None else types.DataJSON(call.custom_parameters),
    )


def _tag_for(viewer_id: int, call: PhoneCall, relay: Relay) -> bytes:
    """Give a party's tag: one for both, or with the party's role in its first byte."""
    if not relay.has_role_tags:
        return call.peer_tag
    return bytes((viewer_id != call.caller_id,)) + call.peer_tag[1:]


def _connection(number: int, relay: Relay, peer_tag: bytes) -> Any:
    if relay.is_reflector:
        return types.PhoneConnection(
            number, relay.host, relay.ipv6, relay.port, peer_tag, tcp=relay.is_tcp or None
        )
    return types.PhoneConnectionWebrtc(
        number,
        relay.host,
        relay.ipv6,
        relay.port,
        relay.username,
        relay.password,
        turn=bool(relay.username),
        stun=not relay.username,
    )


def _moment(unix_s: int) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
