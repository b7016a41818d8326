"""phone.* and the key exchange parameters of messages.getDhConfig."""

from collections.abc import Mapping
from typing import Any

from telethon.tl import functions, types

from linegram.sandbox.mtproto.asker import Asker, Handler
from linegram.sandbox.mtproto.handshake import DH_GENERATOR, DH_PRIME
from linegram.sandbox.mtproto.view_calls import protocol_from_tl, reason_name
from linegram.sandbox.world.calls import Dialled, PhoneCall
from linegram.sandbox.world.events import PhoneCallChanged

_DH_VERSION = 3


def _get_dh_config(asker: Asker, request: Any) -> Any:
    randomness = asker.world.random.randbytes(request.random_length)
    if request.version == _DH_VERSION:
        return types.messages.DhConfigNotModified(randomness)
    return types.messages.DhConfig(DH_GENERATOR, DH_PRIME.to_bytes(256, "big"), _DH_VERSION, randomness)


def _named_call(asker: Asker, peer: Any) -> PhoneCall:
    return asker.world.calls.find(asker.user_only(), peer.id, peer.access_hash)


def _answer(asker: Asker, call: PhoneCall) -> Any:
    view = asker.view()
    seen = view.call(PhoneCallChanged(call))
    return types.phone.PhoneCall(seen, view.users())


def _request(asker: Asker, request: Any) -> Any:
    callee = asker.named_user(request.user_id)
    dialled = Dialled(
        asker.device_key,
        request.random_id,
        request.g_a_hash,
        protocol_from_tl(request.protocol),
        bool(request.video),
    )
    return _answer(asker, asker.world.calls.request(asker.user_only(), callee.user_id, dialled))


def _received(asker: Asker, request: Any) -> bool:
    asker.world.calls.receive(_named_call(asker, request.peer), asker.user_id)
    return True


def _accept(asker: Asker, request: Any) -> Any:
    call = _named_call(asker, request.peer)
    protocol = protocol_from_tl(request.protocol)
    asker.world.calls.accept(call, asker.user_id, device=asker.device_key, g_b=request.g_b, protocol=protocol)
    return _answer(asker, call)


def _confirm(asker: Asker, request: Any) -> Any:
    call = _named_call(asker, request.peer)
    asker.world.calls.confirm(call, asker.user_id, g_a=request.g_a, key_fingerprint=request.key_fingerprint)
    return _answer(asker, call)


def _signal(asker: Asker, request: Any) -> bool:
    asker.world.calls.signal(_named_call(asker, request.peer), asker.user_id, request.data)
    return True


def _discard(asker: Asker, request: Any) -> Any:
    call = _named_call(asker, request.peer)
    reason = reason_name(request.reason)
    asker.world.calls.discard(
        call, asker.user_id, device=asker.device_key, reason=reason, duration_s=request.duration
    )
    view = asker.view()
    return view.updates([types.UpdatePhoneCall(view.call(PhoneCallChanged(call)))])


def _get_call_config(asker: Asker, _request: Any) -> Any:
    asker.user_only()
    return types.DataJSON(asker.host.settings.call_config_json)


def _set_rating(asker: Asker, request: Any) -> Any:
    _named_call(asker, request.peer)
    return asker.view().updates([])


def _save_debug(asker: Asker, request: Any) -> bool:
    return bool(_named_call(asker, request.peer))


METHODS: Mapping[type[Any], Handler] = {
    functions.messages.GetDhConfigRequest: _get_dh_config,
    functions.phone.RequestCallRequest: _request,
    functions.phone.ReceivedCallRequest: _received,
    functions.phone.AcceptCallRequest: _accept,
    functions.phone.ConfirmCallRequest: _confirm,
    functions.phone.SendSignalingDataRequest: _signal,
    functions.phone.DiscardCallRequest: _discard,
    functions.phone.GetCallConfigRequest: _get_call_config,
    functions.phone.SetCallRatingRequest: _set_rating,
    functions.phone.SaveCallDebugRequest: _save_debug,
    functions.phone.SaveCallLogRequest: _save_debug,
}
