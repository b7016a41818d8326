"""The addresses of this machine, looked at again now and then for all calls of the process together."""

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Final

import ifaddr
import structlog

log = structlog.get_logger()

LOOK_AGAIN_S: Final = 3.0
_MOST_ADDRESSES: Final = 8


def local_ips() -> list[str]:
    """List this machine's addresses that a far end may reach: no loopback, no link-local. IPv4 first."""
    found: list[str] = []
    for adapter in ifaddr.get_adapters():
        for one in adapter.ips:
            text = one.ip if isinstance(one.ip, str) else one.ip[0]
            ip = ip_address(text)
            if not (ip.is_loopback or ip.is_link_local or ip.is_unspecified):
                found.append(str(ip))
    return sorted(found, key=lambda text: ":" in text)


class MachineAddresses:
    """One per process: a hundred calls that ask cost one look in three seconds."""

    def __init__(self, list_ips: Callable[[], Sequence[str]] = local_ips) -> None:
        """Prepare; `list_ips` says what there is now."""
        self._list_ips = list_ips
        self._ips: tuple[str, ...] = ()
        self._looked_at: float | None = None

    def ips(self, now: float) -> tuple[str, ...]:
        """Give the addresses, at most so many."""
        if self._looked_at is None or now - self._looked_at >= LOOK_AGAIN_S:
            self._looked_at = now
            self._look()
        return self._ips

    def _look(self) -> None:
        try:
            found = tuple(dict.fromkeys(self._list_ips()))[:_MOST_ADDRESSES]
        except OSError as error:
            log.warning("local_addresses_unknown", reason=str(error))
            return
        if found != self._ips:
            self._ips = found
            log.info("local_addresses_changed", count=len(found))
