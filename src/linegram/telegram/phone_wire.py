"""Telegram's TL objects of calls ↔ our own data. Decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from telethon.tl import types

from linegram.calls.ports import DiscardReason
from linegram.link.voice import VoiceServer
from linegram.telegram import phone_events as on
from linegram.telegram.phone_events import CallReference, Event, PeerReason, VoiceTerms


@dataclass(frozen=True, slots=True)
class PhoneProtocol:
    """What we offer for the voice of a call; `versions` best first."""

    versions: tuple[str, ...] = ("13.0.0", "12.0.0", "9.0.0", "8.0.0")
    min_layer: int = 92
    max_layer: int = 92
    is_p2p_allowed: bool = True
    is_reflector_allowed: bool = True

    def as_tl(self) -> types.PhoneCallProtocol:
        """Return it as Telegram wants it."""
        return types.PhoneCallProtocol(
            min_layer=self.min_layer,
            max_layer=self.max_layer,
            library_versions=list(self.versions),
            udp_p2p=self.is_p2p_allowed,
            udp_reflector=self.is_reflector_allowed,
        )


_PEER_REASONS: Final = {
    types.PhoneCallDiscardReasonMissed: PeerReason.MISSED,
    types.PhoneCallDiscardReasonBusy: PeerReason.BUSY,
    types.PhoneCallDiscardReasonHangup: PeerReason.HANG_UP,
    types.PhoneCallDiscardReasonDisconnect: PeerReason.DISCONNECT,
    types.PhoneCallDiscardReasonMigrateConferenceCall: PeerReason.MIGRATED,
}

_OUR_REASONS: Final = {
    DiscardReason.MISSED: types.PhoneCallDiscardReasonMissed,
    DiscardReason.BUSY: types.PhoneCallDiscardReasonBusy,
    DiscardReason.HANG_UP: types.PhoneCallDiscardReasonHangup,
    DiscardReason.DISCONNECT: types.PhoneCallDiscardReasonDisconnect,
}


def reason_as_tl(reason: DiscardReason) -> Any:
    """Return a discard reason as Telegram wants it."""
    return _OUR_REASONS[reason]()


def reference_of(phone_call: Any) -> CallReference:
    """Return Telegram's name of a call and our right to it."""
    return CallReference(phone_call.id, phone_call.access_hash)


def input_call(reference: CallReference) -> types.InputPhoneCall:
    """Return the argument that names a call in requests."""
    return types.InputPhoneCall(reference.phone_call_id, reference.access_hash)


def events_of(phone_call: Any, protocol: PhoneProtocol) -> list[Event]:
    """Return what the phone call of an update or answer says happened, if it says anything.

    A phoneCallRequested is not looked at here: it opens a leg.
    """
    match phone_call:
        case types.PhoneCallWaiting() if phone_call.receive_date is not None:
            return [on.PeerReached()]
        case types.PhoneCallAccepted():
            return [on.PeerAccepted(phone_call.g_b)]
        case types.PhoneCall():
            terms = terms_of(phone_call, protocol)
            return [on.CallEstablished(phone_call.g_a_or_b, phone_call.key_fingerprint, terms)]
        case types.PhoneCallDiscarded():
            return [on.PeerDiscarded(_PEER_REASONS.get(type(phone_call.reason), PeerReason.NONE))]
        case _:
            return []


def terms_of(phone_call: types.PhoneCall, protocol: PhoneProtocol) -> VoiceTerms:
    """Return what a phoneCall settles for the voice, our best version first."""
    theirs = set(phone_call.protocol.library_versions)
    return VoiceTerms(
        versions=tuple(version for version in protocol.versions if version in theirs),
        servers=_servers(phone_call.connections),
        is_p2p_allowed=bool(phone_call.p2p_allowed) and protocol.is_p2p_allowed,
        custom_parameters=None if phone_call.custom_parameters is None else phone_call.custom_parameters.data,
    )


def _servers(connections: Sequence[Any]) -> tuple[VoiceServer, ...]:
    return tuple(server for server in map(_server, connections) if server is not None)


def _server(connection: Any) -> VoiceServer | None:
    match connection:
        case types.PhoneConnection():
            return VoiceServer(
                server_id=connection.id,
                ip=connection.ip,
                ipv6=connection.ipv6,
                port=connection.port,
                peer_tag=connection.peer_tag,
                is_reflector=True,
                is_tcp=bool(connection.tcp),
            )
        case types.PhoneConnectionWebrtc():
            return VoiceServer(
                server_id=connection.id,
                ip=connection.ip,
                ipv6=connection.ipv6,
                port=connection.port,
                username=connection.username,
                password=connection.password,
                is_turn=bool(connection.turn),
                is_stun=bool(connection.stun),
            )
        case _:
            return None
