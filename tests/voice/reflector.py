"""A Telegram reflector in small: passes packets between the two ends that share a tag."""

import socket
import threading

from linegram.link.voice import VoiceServer

HELLO = b"\xff" * 12


def outside_ip() -> str:
    """The address of an interface other than loopback; WebRTC ignores loopback. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.77", 9))
        return str(probe.getsockname()[0])


class Reflector:
    """Runs in a thread until closed. Tags: 12 bytes in common, then 4 of the end."""

    def __init__(self) -> None:
        self.passed_on = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((outside_ip(), 0))
        self._ends: dict[bytes, dict[bytes, tuple[str, int]]] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def server(self, tag: bytes) -> VoiceServer:
        ip, port = self._socket.getsockname()
        return VoiceServer(77, ip, "", port, peer_tag=tag, is_reflector=True)

    def close(self) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def _run(self) -> None:
        while True:
            packet, source = self._socket.recvfrom(2048)
            if not packet:
                return
            group, end = self._ends.setdefault(packet[:12], {}), packet[12:16]
            if packet[16:28] == HELLO:
                group[end] = source
                self._socket.sendto(packet, source)
            elif end in group:
                self.passed_on += 1
                self._socket.sendto(packet, group[end])
