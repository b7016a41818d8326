"""Who sent a request, and the server's own things that answering it may need."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from telethon.tl import types

from linegram.sandbox.mtproto.keys import Device, KeyRing
from linegram.sandbox.mtproto.passwords import Passwords
from linegram.sandbox.mtproto.view import View
from linegram.sandbox.world import TelegramRefusalError, World
from linegram.sandbox.world.events import DeviceKey
from linegram.sandbox.world.people import Person
from linegram.sandbox.world.refusals import bad_request


@dataclass(slots=True)
class CallTimeouts:
    """The timers of calls that help.getConfig tells; clients keep them, the server does not."""

    receive_ms: int = 20_000
    ring_ms: int = 90_000
    connect_ms: int = 30_000
    packet_ms: int = 10_000


@dataclass(slots=True)
class ServerSettings:
    """What a test may set of the server itself."""

    call_timeouts: CallTimeouts = field(default_factory=CallTimeouts)
    call_config_json: str = "{}"


class Host(Protocol):
    """The server, as far as methods need it."""

    world: World
    key_ring: KeyRing
    passwords: Passwords
    settings: ServerSettings

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""

    def sign_in(self, device: Device, user_id: int) -> None:
        """Let a device be this user from now on."""

    def sign_out(self, device: Device) -> None:
        """Make a device nobody."""


@dataclass(frozen=True, slots=True)
class Asker:
    """The device that asks, and the host that answers."""

    host: Host
    device: Device

    @property
    def world(self) -> World:
        """The world."""
        return self.host.world

    @property
    def device_key(self) -> DeviceKey:
        """The world's name for the device."""
        return self.device.key

    @property
    def user_id(self) -> int:
        """Who asks; refuses a device that is nobody yet."""
        if self.device.user_id is None:
            raise TelegramRefusalError(401, "AUTH_KEY_UNREGISTERED")
        return self.device.user_id

    @property
    def person(self) -> Person:
        """Who asks, with all his settings."""
        return self.world.people.get(self.user_id)

    def view(self) -> View:
        """Return a fresh view with the asker's eyes."""
        return View(self.world, self.user_id)

    def named_user(self, given: Any, *, refusal: str = "USER_ID_INVALID") -> Person:
        """Return whom an InputUser or InputPeer names; `refusal` is the method's word for "not yours"."""
        if isinstance(given, types.InputUserSelf | types.InputPeerSelf):
            return self.person
        if not isinstance(given, types.InputUser | types.InputPeerUser):
            raise bad_request(refusal)
        may_omit_hash = self.person.bot is not None and given.access_hash == 0
        access_hash = given.access_hash
        if may_omit_hash and self.world.people.has_met(self.user_id, given.user_id):
            access_hash = self.world.people.access_hash(self.user_id, given.user_id)
        try:
            return self.world.people.named(self.user_id, given.user_id, access_hash)
        except TelegramRefusalError:
            raise bad_request(refusal) from None

    def peer(self, given: Any) -> Person:
        """Return whom an InputPeer names."""
        return self.named_user(given, refusal="PEER_ID_INVALID")

    def bot_only(self) -> int:
        """Return the bot that asks; refuses people (core.telegram.org/api/errors)."""
        if self.person.bot is None:
            raise bad_request("USER_BOT_REQUIRED")
        return self.user_id

    def user_only(self) -> int:
        """Return the person who asks; refuses bots."""
        if self.person.bot is not None:
            raise bad_request("BOT_METHOD_INVALID")
        return self.user_id


Handler = Callable[[Asker, Any], Any | Awaitable[Any]]
