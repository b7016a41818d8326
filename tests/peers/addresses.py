"""Loopback addresses and ports that no other test run on this machine uses."""

import itertools
import os
import socket

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
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True
