"""What a way is: something of ours that the far end can be reached from, and may reach."""

from typing import Protocol

from linegram.voice.own.ice.candidate import Candidate
from linegram.voice.own.ice.stun import Address


class Way(Protocol):
    """A socket of this machine, or an end at a relay. No method blocks or raises."""

    @property
    def local(self) -> Candidate | None:
        """What paths begin with; None while the way is not open. Another one than before: a new way."""

    @property
    def seen(self) -> tuple[Candidate, ...]:
        """What else this way is known by outside, to be told to the far end but not checked from."""

    @property
    def relay(self) -> Address | None:
        """Where what is relayed comes from, when the far end goes by a name; else None."""

    @property
    def why(self) -> str:
        """What the matter is, in a sentence that names the server; empty when nothing is."""

    @property
    def is_lost(self) -> bool:
        """Nothing will come or go here any more."""

    def send(self, target: Address, payload: bytes, now: float, /) -> None:
        """Send; what the network does not take now is lost, as on any network."""

    def received(self, now: float, /) -> list[tuple[Address, bytes]]:
        """Give what the far end sent, and from where; not more than a tick can bear."""

    def handle_timer(self, now: float, /) -> None:
        """Do what time asks for."""

    def look_again(self, now: float, /) -> None:
        """Find out whether and how the way still leads out: our address may be another one now."""

    def close(self, now: float, /) -> None:
        """Give back what the way holds, here and at the relay."""
