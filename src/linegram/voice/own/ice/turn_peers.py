"""Whom a TURN allocation may talk to: permissions by IP address, channels by address (RFC 8656). Pure."""

from collections import deque
from collections.abc import Iterator
from typing import Final

from linegram.voice.own.ice.stun import Address

RENEW_S: Final = 240.0
"""A permission lasts 300 s (section 9), a channel 600 s (section 12)."""

_REFUSED_S: Final = 60.0
_UNUSED_S: Final = 300.0
_MOST_PERMISSIONS: Final = 64
_MOST_CHANNELS: Final = 32
_MOST_WAITING: Final = 8
_FIRST_CHANNEL: Final = 0x4000


class Grant:
    """What the server was asked for: `is_granted` once it agreed; asked anew at `ask_at`."""

    def __init__(self, now: float) -> None:
        self.is_granted = False
        self.ask_at = now
        self.used_at = now

    def asked(self) -> None:
        """Ask no more until the server has answered."""
        self.ask_at = float("inf")

    def granted(self, now: float) -> None:
        """Renew it in time."""
        self.is_granted = True
        self.ask_at = now + RENEW_S

    def refused(self, now: float) -> None:
        """Ask once more, but not soon."""
        self.is_granted = False
        self.ask_at = now + _REFUSED_S


class Permission(Grant):
    """The leave to exchange datagrams with one IP address; `waiting` goes out when it comes."""

    def __init__(self, now: float) -> None:
        super().__init__(now)
        self.waiting: deque[tuple[Address, bytes]] = deque(maxlen=_MOST_WAITING)

    def refused(self, now: float) -> None:
        """Keep nothing for an address that may not be reached."""
        super().refused(now)
        self.waiting.clear()


class Channel(Grant):
    """A short way of naming one address."""

    def __init__(self, number: int, now: float) -> None:
        super().__init__(now)
        self.number = number


class TurnPeers:
    """All that one allocation was granted, or may be."""

    def __init__(self) -> None:
        self.permissions: dict[str, Permission] = {}
        self.channels: dict[Address, Channel] = {}
        self._by_number: dict[int, Address] = {}

    def permission(self, ip: str, now: float) -> Permission | None:
        """Give the permission for an address, to be asked for if new; None when there are too many."""
        known = self.permissions.get(ip)
        if known is None and len(self.permissions) < _MOST_PERMISSIONS:
            known = self.permissions[ip] = Permission(now)
        if known is not None:
            known.used_at = now
        return known

    def wish_channel(self, peer: Address, now: float) -> None:
        """Have a channel asked for, unless there are too many; its number is never another's (section 12)."""
        if peer not in self.channels and len(self.channels) < _MOST_CHANNELS:
            channel = self.channels[peer] = Channel(_FIRST_CHANNEL + len(self.channels), now)
            self._by_number[channel.number] = peer

    def bound(self, peer: Address) -> Channel | None:
        """Give the channel of an address if the server has agreed to it."""
        channel = self.channels.get(peer)
        return channel if channel is not None and channel.is_granted else None

    def peer_of(self, number: int) -> Address | None:
        """Say whose a channel number is."""
        return self._by_number.get(number)

    def due_permissions(self, now: float) -> Iterator[str]:
        """List what to ask for now; what nobody has used for long is forgotten instead."""
        for ip, permission in list(self.permissions.items()):
            if now < permission.ask_at:
                continue
            if now - permission.used_at > _UNUSED_S:
                del self.permissions[ip]
            else:
                yield ip

    def due_channels(self, now: float) -> Iterator[tuple[Address, Channel]]:
        """List what to ask for now."""
        return ((peer, one) for peer, one in self.channels.items() if now >= one.ask_at)
