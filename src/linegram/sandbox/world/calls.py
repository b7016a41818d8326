"""Private phone calls (core.telegram.org/api/calls): who rings whom, who may, how it ends.

The server never ends a call by itself: all timers are the clients'.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random

from linegram.sandbox.world.chats import Chats, Origin
from linegram.sandbox.world.events import DeviceKey, Feed, PhoneCallChanged, PhoneSignalled
from linegram.sandbox.world.messages import Content, PhoneCallNote
from linegram.sandbox.world.people import People, Person
from linegram.sandbox.world.refusals import TelegramRefusalError, bad_request, forbidden


class CallState(Enum):
    """How far a call is."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    ACTIVE = "active"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True)
class CallProtocol:
    """What one side can do; versions are names such as 13.0.0."""

    min_layer: int
    max_layer: int
    versions: tuple[str, ...]
    udp_p2p: bool = True
    udp_reflector: bool = True


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay that calls are told of: a TURN server, STUN only if it has no username, or a reflector.

    A reflector may be one for TCP; with role tags the parties' tags differ in their first byte.
    """

    host: str
    port: int
    username: str = ""
    password: str = ""
    is_reflector: bool = False
    ipv6: str = ""
    is_tcp: bool = False
    has_role_tags: bool = False


@dataclass(frozen=True, slots=True)
class Dialled:
    """What a caller's device sends along to start a call."""

    device: DeviceKey
    random_id: int
    g_a_hash: bytes
    protocol: CallProtocol
    is_video: bool = False


@dataclass(slots=True, eq=False)
class PhoneCall:
    """One call and all that the server holds of it."""

    phone_call_id: int
    caller_id: int
    callee_id: int
    caller_device: DeviceKey
    access_hashes: dict[int, int]
    date_s: int
    is_video: bool
    g_a_hash: bytes
    protocols: dict[int, CallProtocol]
    peer_tag: bytes
    state: CallState = CallState.WAITING
    callee_device: DeviceKey | None = None
    receive_date_s: int | None = None
    start_date_s: int | None = None
    g_b: bytes = b""
    g_a: bytes = b""
    key_fingerprint: int = 0
    agreed: CallProtocol | None = None
    is_p2p_allowed: bool = True
    custom_parameters: str | None = None
    reason: str = ""
    duration_s: int | None = None

    def other(self, user_id: int) -> int:
        """Return the other party."""
        return self.callee_id if user_id == self.caller_id else self.caller_id

    def device_of(self, user_id: int) -> DeviceKey | None:
        """Return the device that this party talks on; None while all of the callee's ring."""
        return self.caller_device if user_id == self.caller_id else self.callee_device


class Calls:
    """All phone calls. `relays` are told to both parties of every call, and so is `custom_parameters`."""

    def __init__(
        self,
        people: People,
        chats: Chats,
        feed_of: Callable[[int], Feed],
        *,
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self.relays: list[Relay] = []
        self.custom_parameters: str | None = None
        self._people = people
        self._chats = chats
        self._feed_of = feed_of
        self._clock = clock
        self._random = random
        self._calls: dict[int, PhoneCall] = {}
        self._random_ids: set[tuple[int, int]] = set()

    # ---- looking

    def live(self) -> list[PhoneCall]:
        """Return the calls that are not over."""
        return [call for call in self._calls.values() if call.state is not CallState.DISCARDED]

    def knows_tag(self, shared: bytes) -> bool:
        """Say whether a live call's tag has these bytes, the second to the twelfth: what a reflector asks."""
        return any(call.peer_tag[1:12] == shared for call in self.live())

    def ringing_for(self, user_id: int) -> list[PhoneCall]:
        """Return the calls that wait for this person to answer."""
        return [c for c in self.live() if c.callee_id == user_id and c.state is CallState.WAITING]

    def find(self, user_id: int, phone_call_id: int, access_hash: int) -> PhoneCall:
        """Return a call by a party's own name for it; refuse others (CALL_PEER_INVALID)."""
        call = self._calls.get(phone_call_id)
        if call is None or call.access_hashes.get(user_id) != access_hash:
            raise bad_request("CALL_PEER_INVALID")
        return call

    # ---- setting up

    def request(self, caller_id: int, callee_id: int, dialled: Dialled) -> PhoneCall:
        """Ring all devices of the callee (phone.requestCall)."""
        self._check_may_call(self._people.get(caller_id), self._people.get(callee_id))
        _check_protocol(dialled.protocol)
        if (caller_id, dialled.random_id) in self._random_ids:
            raise TelegramRefusalError(500, "RANDOM_ID_DUPLICATE")
        if len(dialled.g_a_hash) != 32:
            raise bad_request("G_A_HASH_INVALID")
        self._random_ids.add((caller_id, dialled.random_id))
        call = PhoneCall(
            self._random.getrandbits(62),
            caller_id,
            callee_id,
            dialled.device,
            {caller_id: self._random.getrandbits(62), callee_id: self._random.getrandbits(62)},
            int(self._clock()),
            dialled.is_video,
            dialled.g_a_hash,
            {caller_id: dialled.protocol},
            self._random.randbytes(16),
        )
        self._calls[call.phone_call_id] = call
        self._people.meet(callee_id, caller_id)
        self._feed_of(callee_id).publish(PhoneCallChanged(call))
        return call

    def _check_may_call(self, caller: Person, callee: Person) -> None:
        if caller.bot is not None:
            raise bad_request("BOT_METHOD_INVALID")
        if callee.user_id == caller.user_id or callee.bot is not None:
            raise bad_request("USER_ID_INVALID")
        if callee.is_deleted:
            raise bad_request("INPUT_USER_DEACTIVATED")
        if caller.user_id in callee.blocked_ids:
            raise forbidden("USER_IS_BLOCKED")
        if not callee.lets(callee.phone_call_privacy, caller.user_id):
            raise forbidden("USER_PRIVACY_RESTRICTED")
        if callee.is_app_outdated:
            raise bad_request("PARTICIPANT_VERSION_OUTDATED")

    def receive(self, call: PhoneCall, user_id: int) -> None:
        """Note that a device of the callee rings (phone.receivedCall) and tell the caller."""
        if user_id != call.callee_id:
            raise bad_request("CALL_PEER_INVALID")
        self._refuse_if_over(call)
        if call.receive_date_s is not None or call.state is not CallState.WAITING:
            return
        call.receive_date_s = int(self._clock())
        self._tell(call, call.caller_id)

    def accept(
        self, call: PhoneCall, user_id: int, *, device: DeviceKey, g_b: bytes, protocol: CallProtocol
    ) -> None:
        """Answer on one device (phone.acceptCall); the others stop ringing."""
        if user_id != call.callee_id:
            raise bad_request("CALL_PEER_INVALID")
        self._refuse_if_over(call)
        if call.state is not CallState.WAITING:
            raise bad_request("CALL_ALREADY_ACCEPTED")
        _check_protocol(protocol)
        call.agreed = _agree(call.protocols[call.caller_id], protocol)
        call.protocols[user_id] = protocol
        call.g_b = g_b
        call.callee_device = device
        call.state = CallState.ACCEPTED
        self._feed_of(user_id).publish(PhoneCallChanged(call, is_elsewhere=True), except_device=device)
        self._tell(call, call.caller_id)

    def confirm(self, call: PhoneCall, user_id: int, *, g_a: bytes, key_fingerprint: int) -> None:
        """Hand the caller's key half over (phone.confirmCall): both may talk."""
        if user_id != call.caller_id:
            raise bad_request("CALL_PEER_INVALID")
        self._refuse_if_over(call)
        if call.state is not CallState.ACCEPTED:
            raise bad_request("CALL_PEER_INVALID")
        call.g_a, call.key_fingerprint = g_a, key_fingerprint
        call.start_date_s = int(self._clock())
        call.is_p2p_allowed = self._may_go_direct(call)
        call.custom_parameters = self.custom_parameters
        call.state = CallState.ACTIVE
        self._tell(call, call.callee_id)

    def _may_go_direct(self, call: PhoneCall) -> bool:
        caller, callee = self._people.get(call.caller_id), self._people.get(call.callee_id)
        return callee.lets(callee.phone_p2p_privacy, caller.user_id) and caller.lets(
            caller.phone_p2p_privacy, callee.user_id
        )

    def signal(self, call: PhoneCall, user_id: int, body: bytes) -> None:
        """Forward signalling bytes to the other party's device (phone.sendSignalingData)."""
        if call.state is CallState.DISCARDED:
            raise bad_request("CALL_PEER_INVALID")
        other = call.other(user_id)
        device = call.device_of(other)
        if device is not None:
            self._feed_of(other).publish(PhoneSignalled(call.phone_call_id, body), only_device=device)

    # ---- ending

    def discard(
        self, call: PhoneCall, user_id: int, *, device: DeviceKey, reason: str, duration_s: int
    ) -> None:
        """End a call for everybody (phone.discardCall); ending it again changes nothing."""
        if call.state is CallState.DISCARDED:
            return
        was_active = call.state is CallState.ACTIVE
        call.state = CallState.DISCARDED
        call.reason = reason
        call.duration_s = max(duration_s, 0) if was_active else None
        for party in (call.caller_id, call.callee_id):
            self._tell(call, party, except_device=device if party == user_id else None)
        self._leave_note(call)

    def _leave_note(self, call: PhoneCall) -> None:
        note = PhoneCallNote(call.phone_call_id, call.reason, call.duration_s)
        self._chats.send(call.caller_id, call.callee_id, Content(), origin=Origin(note=note))

    def _tell(self, call: PhoneCall, user_id: int, *, except_device: DeviceKey | None = None) -> None:
        device = call.device_of(user_id)
        if device is not None and device == except_device:
            return
        self._feed_of(user_id).publish(
            PhoneCallChanged(call), except_device=except_device, only_device=device
        )

    def _refuse_if_over(self, call: PhoneCall) -> None:
        if call.state is CallState.DISCARDED:
            raise bad_request("CALL_ALREADY_DECLINED")


def _check_protocol(protocol: CallProtocol) -> None:
    if not protocol.udp_p2p and not protocol.udp_reflector:
        raise bad_request("CALL_PROTOCOL_FLAGS_INVALID")
    if not 65 <= protocol.min_layer <= protocol.max_layer:
        raise bad_request("CALL_PROTOCOL_LAYER_INVALID")


def _agree(one: CallProtocol, two: CallProtocol) -> CallProtocol:
    """Return the best common protocol; refuse if there is none."""
    common = set(one.versions) & set(two.versions)
    low, high = max(one.min_layer, two.min_layer), min(one.max_layer, two.max_layer)
    if not common or low > high:
        raise TelegramRefusalError(406, "CALL_PROTOCOL_COMPAT_LAYER_INVALID")
    best = max(common, key=lambda version: tuple(int(part) for part in version.split(".") if part.isdigit()))
    return CallProtocol(
        low, high, (best,), one.udp_p2p and two.udp_p2p, one.udp_reflector and two.udp_reflector
    )
