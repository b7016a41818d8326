"""Where a peer really is: symmetric RTP (RFC 4961) for peers behind NAT. Pure."""

from typing import TypeAlias

Address: TypeAlias = tuple[str, int]


class Latch:
    """Follows the peer from the address in its SDP to the one it sends from, once.

    The first valid packet decides. From the agreed IP address any port will
    do; another IP address is believed only as long as nothing came from the
    agreed one. After that, packets from elsewhere are dropped until a new
    agreement names another address.
    """

    def __init__(self) -> None:
        self._agreed: Address | None = None
        self._found: Address | None = None

    @property
    def target(self) -> Address | None:
        """Where to send: the found address, else the agreed one."""
        return self._found or self._agreed

    def agree(self, address: Address) -> None:
        """Take the address of a new agreement; the same one again changes nothing."""
        if address != self._agreed:
            self._agreed, self._found = address, None

    def accepts(self, source: Address) -> bool:
        """Say whether a packet from `source` may be ours."""
        if self._agreed is None:
            return False
        return self._found is None or source == self._found or self._is_better(source)

    def note_valid(self, source: Address) -> bool:
        """Settle on the source of a valid packet; True if we send elsewhere from now on."""
        before = self.target
        if self._found is None or self._is_better(source):
            self._found = source
        return self.target != before

    def _is_better(self, source: Address) -> bool:
        """From the agreed IP address, while we follow another one."""
        return (
            self._agreed is not None
            and self._found is not None
            and source[0] == self._agreed[0] != self._found[0]
        )
