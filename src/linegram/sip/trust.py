"""From where requests are taken without the token of a Contact: addresses, and networks of addresses."""

from collections import Counter
from collections.abc import Hashable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple, TypeVar

from linegram.sip.flow import is_address
from linegram.units import AccountId

Network = IPv4Network | IPv6Network
One = TypeVar("One", bound=Hashable)


class Trusted(NamedTuple):
    """What one account, or the whole endpoint, trusts."""

    hosts: frozenset[str] = frozenset()
    networks: frozenset[Network] = frozenset()

    @classmethod
    def of(cls, names: Iterable[str]) -> "Trusted":
        """Sort addresses from networks (203.0.113.0/24); names that are neither count for nothing."""
        given = [name.strip() for name in names]
        hosts = frozenset(str(ip_address(name.strip("[]"))) for name in given if is_address(name))
        return cls(hosts, frozenset(filter(None, (_network(name) for name in given if "/" in name))))

    def covers(self, host: str) -> bool:
        """Whether an address is among them."""
        if host in self.hosts:
            return True
        return bool(self.networks) and is_address(host) and _is_within(self.networks, host)


_NOBODY = Trusted()


class TrustBook:
    """What all accounts trust; a look-up, however many there are."""

    def __init__(self, everybody: Iterable[str]) -> None:
        self._everybody = Trusted.of(everybody)
        self._of: dict[AccountId, Trusted] = {}
        self._hosts: Counter[str] = Counter(self._everybody.hosts)
        self._networks: Counter[Network] = Counter(self._everybody.networks)

    def set(self, account_id: AccountId, names: Iterable[str]) -> None:
        """Replace what an account trusts."""
        self.forget(account_id)
        trusted = self._of[account_id] = Trusted.of(names)
        self._hosts.update(trusted.hosts)
        self._networks.update(trusted.networks)

    def forget(self, account_id: AccountId) -> None:
        """Drop what an account trusted."""
        trusted = self._of.pop(account_id, _NOBODY)
        _subtract(self._hosts, trusted.hosts)
        _subtract(self._networks, trusted.networks)

    def trusts(self, account_id: AccountId, host: str) -> bool:
        """Whether an account trusts an address."""
        return self._of.get(account_id, _NOBODY).covers(host)

    def is_trusted(self, host: str) -> bool:
        """Whether anybody trusts an address."""
        if host in self._hosts:
            return True
        return bool(self._networks) and is_address(host) and _is_within(self._networks, host)


def _subtract(counter: Counter[One], gone: Iterable[One]) -> None:
    for one in gone:
        counter[one] -= 1
        if counter[one] <= 0:
            del counter[one]


def _is_within(networks: Iterable[Network], host: str) -> bool:
    address = ip_address(host)
    return any(address in network for network in networks)


def _network(name: str) -> Network | None:
    try:
        return ip_network(name, strict=False)
    except ValueError:
        return None
