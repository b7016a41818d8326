"""The way of media between both ends: ICE finds it, DTLS and SRTP protect it, the data channel is in it.

Knows no socket: datagrams go in with the number of the socket they came to,
and come out with the number of the one to send from.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from linegram.errors import RemoteProtocolError
from linegram.rtp.packet import is_rtcp
from linegram.rtp.srtp import Srtp
from linegram.voice.own.data_channel import DataChannel
from linegram.voice.own.dtls import Dtls, Identity
from linegram.voice.own.ice.agent import Credentials, Datagram, IceAgent
from linegram.voice.own.ice.candidate import Candidate
from linegram.voice.own.ice.stun import Address
from linegram.voice.own.messages import Fingerprint, InitialSetup

log = structlog.get_logger()

_MOST_RECEIVED: Final = 256
_MOST_EARLY: Final = 4
_ACTIVE, _PASSIVE, _ACTPASS = "active", "passive", "actpass"


def is_dtls_client(remote_setup: str, *, is_caller: bool) -> bool:
    """Decide who speaks first in DTLS (RFC 5763 section 5): of two willing ends the caller."""
    return remote_setup == _PASSIVE or (remote_setup != _ACTIVE and is_caller)


class SecurePath:
    """One end of the path. `rtp`, `rtcp` and `texts` hold what has arrived."""

    def __init__(
        self, ours: Credentials, identity: Identity, random: Callable[[], float], *, is_caller: bool
    ) -> None:
        """Prepare; `random` must be fit for secrets, it gives numbers from 0.0 up to 1.0."""
        self.ice = IceAgent(ours, is_controlling=is_caller, random=random)
        self.rtp: deque[bytes] = deque(maxlen=_MOST_RECEIVED)
        self.rtcp: deque[bytes] = deque(maxlen=_MOST_RECEIVED)
        self.texts: deque[bytes] = deque(maxlen=_MOST_RECEIVED)
        self._ours = ours
        self._identity = identity
        self._random = random
        self._is_caller = is_caller
        self._expected: tuple[Fingerprint, ...] = ()
        self._dtls: Dtls | None = None
        self._srtp: Srtp | None = None
        self._channel: DataChannel | None = None
        self._early: deque[bytes] = deque(maxlen=_MOST_EARLY)
        self._last_media_at = 0.0
        self.has_failed = False

    @property
    def is_up(self) -> bool:
        """Media can be sent."""
        return self._srtp is not None

    @property
    def is_closed(self) -> bool:
        """The far end has left, or is not whom the signalling named."""
        return self.has_failed or (self._dtls is not None and self._dtls.is_closed)

    @property
    def heard_at(self) -> float:
        """When the far end last proved to be there, by a check or by media."""
        return max(self._last_media_at, self.ice.heard_at or 0.0)

    def setup(self) -> InitialSetup:
        """Say what our end is protected with."""
        role = _ACTPASS if self._is_caller else _PASSIVE
        fingerprint = Fingerprint("sha-256", role, self._identity.fingerprint)
        return InitialSetup(self._ours.ufrag, self._ours.password, (fingerprint,))

    def set_remote(self, setup: InitialSetup, now: float) -> None:
        """Learn what the far end is protected with; it says so once, a repetition changes nothing.

        Raises RemoteProtocolError when what the far end has already sent is malformed.
        """
        if self._expected:
            return
        self._expected = setup.fingerprints
        self.ice.set_remote(Credentials(setup.ufrag, setup.pwd))
        for datagram in self._early:
            self._receive_secured(datagram[0], datagram, now)
        self._early.clear()

    def add_remote(self, candidate: Candidate) -> None:
        """Try one more address of the far end."""
        self.ice.add_remote(candidate)

    def receive(self, socket: int, source: Address, datagram: bytes, now: float) -> None:
        """Take a datagram in; what is malformed or foreign is dropped (RFC 7983 tells them apart)."""
        try:
            first = datagram[0] if datagram else 255
            if first < 4:
                self.ice.receive(socket, source, datagram, now)
            elif self.ice.knows(socket, source):
                self._receive_secured(first, datagram, now)
        except RemoteProtocolError as error:
            log.debug("voice_datagram_dropped", reason=str(error))

    def handle_timer(self, now: float) -> None:
        """Do what time asks for."""
        self.ice.handle_timer(now)
        if self.ice.path is not None:
            self._begin_dtls()
        if self._dtls is not None:
            self._dtls.handle_timer()
        if self._channel is not None:
            self._channel.handle_timer(now)
            self._send_channel()

    def send_rtp(self, packet: bytes) -> Datagram | None:
        """Protect an RTP packet; None while there is no way to send it."""
        if self._srtp is None or self.ice.path is None:
            return None
        return self._on_path(self._srtp.protect(packet))

    def send_rtcp(self, packet: bytes) -> Datagram | None:
        """Protect an RTCP packet; None while there is no way to send it."""
        if self._srtp is None or self.ice.path is None:
            return None
        return self._on_path(self._srtp.protect_rtcp(packet))

    def send_text(self, text: bytes, now: float) -> None:
        """Send on the data channel; it must be up."""
        if self._channel is not None:
            self._channel.send(text, now)
            self._send_channel()

    def next_datagram(self) -> Datagram | None:
        """Return the next datagram to send, or None."""
        datagram = self.ice.next_datagram()
        if datagram is not None or self._dtls is None or self.ice.path is None:
            return datagram
        payload = self._dtls.next_datagram()
        return None if payload is None else self._on_path(payload)

    def close(self) -> None:
        """Tell the far end that we leave."""
        if self._dtls is not None:
            self._dtls.close()

    def _receive_secured(self, first: int, datagram: bytes, now: float) -> None:
        if 20 <= first < 64:
            self._receive_dtls(datagram, now)
        elif 128 <= first < 192 and self._srtp is not None:
            if is_rtcp(datagram):
                self.rtcp.append(self._srtp.open_rtcp(datagram))
            else:
                self.rtp.append(self._srtp.open(datagram))
            self._last_media_at = now

    def _begin_dtls(self) -> None:
        """Begin when the far end's fingerprint is known; what we say waits for a path."""
        if self._dtls is None and self._expected:
            is_client = is_dtls_client(self._expected[0].setup, is_caller=self._is_caller)
            self._dtls = Dtls(self._identity, self._expected, is_client=is_client)

    def _receive_dtls(self, datagram: bytes, now: float) -> None:
        """Take DTLS in; before the far end's fingerprint came, keep it: its next try is a second away."""
        self._begin_dtls()
        if self._dtls is None:
            self._early.append(datagram)
            return
        try:
            self._dtls.receive(datagram)
        except RemoteProtocolError:
            self.has_failed = True
            raise
        self._come_up(now)
        while (payload := self._dtls.next_payload()) is not None:
            self._receive_payload(payload, now)

    def _come_up(self, now: float) -> None:
        if self._srtp is None and self._dtls is not None and self._dtls.keys is not None:
            self._srtp = Srtp(self._dtls.keys)
            self._channel = DataChannel(self._random, now, is_opener=self._is_caller)
            self._send_channel()

    def _receive_payload(self, payload: bytes, now: float) -> None:
        if self._channel is None:
            return
        try:
            self.texts.extend(self._channel.receive(payload, now))
        finally:
            self._send_channel()

    def _send_channel(self) -> None:
        if self._channel is None or self._dtls is None:
            return
        while (packet := self._channel.next_packet()) is not None:
            self._dtls.send(packet)

    def _on_path(self, payload: bytes) -> Datagram | None:
        path = self.ice.path
        return None if path is None else Datagram(path.way, path.remote.address, payload)
