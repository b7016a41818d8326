"""Loopback addresses and ports that no other test run on this machine uses."""

import itertools
import os
import socket
import sys
from pathlib import Path

_numbers = itertools.count(1)


def own_address() -> str:
    """Pick a loopback address for one program: by process id, so that parallel test runs do not meet."""
    while True:
        pid = os.getpid()
        address = f"127.{10 + pid // 250 % 240}.{1 + pid % 250}.{next(_numbers) % 250 + 1}"
        if _is_free(address, 5060):
            return address


def free_port(address: str) -> int:
    """Find a UDP port of `address` that is free now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def is_bound(address: str, port: int, protocol: str = "udp") -> bool:
    """Tell whether some program has bound this address and port (`udp` or `tcp`)."""
    number = int.from_bytes(socket.inet_aton(address), sys.byteorder)
    return f" {number:08X}:{port:04X} " in Path(f"/proc/net/{protocol}").read_text()


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True
