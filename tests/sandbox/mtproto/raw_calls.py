"""Phone calls by bare requests, without keys or audio: for tests of the signalling alone."""

from typing import Any

from telethon import functions
from telethon.tl import types

from linegram.sandbox.employee import Employee
from linegram.sandbox.world.people import Person

PROTOCOL = types.PhoneCallProtocol(65, 92, ["9.0.0", "13.0.0"], udp_p2p=True, udp_reflector=True)
G_A, G_B = b"\x01" * 256, b"\x02" * 256


class CallLog:
    """Collects the phone updates of one device."""

    def __init__(self, employee: Employee) -> None:
        self.employee = employee
        self.calls: list[Any] = []
        self.signals: list[bytes] = []
        employee.on_update(self._take)

    def _take(self, update: Any) -> None:
        if isinstance(update, types.UpdatePhoneCall):
            self.calls.append(update.phone_call)
        elif isinstance(update, types.UpdatePhoneCallSignalingData):
            self.signals.append(update.data)

    def kinds(self) -> list[str]:
        """Return the types of the call updates so far."""
        return [type(call).__name__.removeprefix("PhoneCall") or "Active" for call in self.calls]

    async def wait_for(self, kind: type) -> Any:
        """Return the newest call update of a type, once there is one."""
        return await self.employee.wait_until(
            lambda: next((call for call in reversed(self.calls) if isinstance(call, kind)), None)
        )


async def request(caller: Employee, to: Person, *, protocol: Any = PROTOCOL) -> Any:
    """Ring somebody; returns the phone call of the answer."""
    peer = await caller.peer(to)
    user = types.InputUser(peer.user_id, peer.access_hash)
    answer = await caller.client(functions.phone.RequestCallRequest(user, bytes(32), protocol))
    return answer.phone_call


def name_of(phone_call: Any) -> Any:
    """Return how to name a call in requests."""
    return types.InputPhoneCall(phone_call.id, phone_call.access_hash)


async def accept(callee: Employee, phone_call: Any, *, protocol: Any = PROTOCOL) -> Any:
    """Pick up."""
    return await callee.client(functions.phone.AcceptCallRequest(name_of(phone_call), G_B, protocol))


async def confirm(caller: Employee, phone_call: Any) -> Any:
    """Hand the key half over; returns the phone call of the answer."""
    answer = await caller.client(functions.phone.ConfirmCallRequest(name_of(phone_call), G_A, 99, PROTOCOL))
    return answer.phone_call


async def discard(party: Employee, phone_call: Any, *, duration_s: int = 0) -> Any:
    """Hang up."""
    reason = types.PhoneCallDiscardReasonHangup()
    return await party.client(functions.phone.DiscardCallRequest(name_of(phone_call), duration_s, reason, 0))
