"""Adaptive playout: puts packets back in order and decides when each is heard.

The buffer plays its *target* behind the fastest packets, and the target follows
the observed spread (see `transit.py`). Where packets get lost and the following
ones hold redundancy, the target is a packet longer, so that the following one is
here in time. The buffer knows nothing of codecs: the caller tells how long a taken
packet was and whether it held redundancy, and carries out `advice` (drop or insert
a frame) where it is least heard.
"""

from enum import Enum, auto
from typing import Final

from linegram.rtp.packet import RtpPacket
from linegram.rtp.transit import Transit

_FRAME_MS: Final = 20
_STARVED_MS: Final = 240
_BACKLOG_MS: Final = 100
_HURRIED_MS: Final = 40
_SHRINK_SLACK_MS: Final = 24
_GROW_SLACK_MS: Final = 4
_PATIENCE_FRAMES: Final = 25
_MAX_PACKETS: Final = 256
_MAX_REMEMBERED_GAPS: Final = 512
_DISTRUST_AFTER: Final = 5
_NOTHING_PLAYED: Final = -(1 << 62)
_MISSED_MEMORY_PACKETS: Final = 50
_MUCH_MISSED: Final = 0.03
_LITTLE_MISSED: Final = 0.01


class Missing(Enum):
    """Why there is no packet to play now; `JitterBuffer.missing_ticks` says for how long."""

    LOST = auto()
    """The packet due was lost or is late, and later ones are here: recover or conceal."""
    PAUSE = auto()
    """The sender left a hole in the timestamps without losing a packet: a quiet moment."""
    STARVED = auto()
    """Nothing is here: conceal."""
    FILLING = auto()
    """Playout has not begun, or the sender pauses: silence."""


class Advice(Enum):
    """What would bring the delay nearer to its target."""

    KEEP = auto()
    SHRINK = auto()
    GROW = auto()


class JitterBuffer:
    """Holds the packets of one source between the network and the ear.

    Counts what goes wrong in `late`, `duplicate`, `reordered`, `overflowed`, `resynchronised`.
    """

    def __init__(self, clock_hz: int, *, min_ms: int = 20, max_ms: int = 240, first_ms: int = 40) -> None:
        if not 0 < min_ms <= first_ms <= max_ms:
            raise ValueError("the playout delay needs 0 < min <= first <= max")
        self._min_ms, self._max_ms, self._first_ms = min_ms, max_ms, first_ms
        self._set_clock(clock_hz)
        self._packets: dict[int, RtpPacket | None] = {}
        self._gaps: dict[int, None] = {}
        self.late = self.duplicate = self.reordered = self.overflowed = self.resynchronised = 0
        self._next_sequence = self._newest_sequence = _NOTHING_PLAYED
        self._playout_ticks = self._heard_ticks = self._starved_ticks = 0
        self._is_filling = True
        self._filling_since = 0.0
        self._is_hurried = False
        self._insistence = self._late_in_a_row = 0
        self._following: RtpPacket | None = None
        self._missed_share = 0.0
        self._awaits_redundancy = self._has_redundancy = False

    # -- the network side

    def put(self, sequence: int, packet: RtpPacket, now: float) -> None:
        """Store one audio packet under its extended sequence number; one too late still raises the target."""
        is_late = sequence in self._gaps
        if not self._is_wanted(sequence):
            if is_late:
                self._transit.observe(packet.timestamp, now)
            return
        follows = self._transit.observe(packet.timestamp, now)
        if not follows or self._late_in_a_row >= _DISTRUST_AFTER:
            self._resynchronise(packet.timestamp, now)
        if self._is_filling and not self._packets:
            self._filling_since = now
        self._packets[sequence] = packet
        if len(self._packets) > _MAX_PACKETS:
            self._overflow()

    def pass_over(self, sequence: int) -> None:
        """Note that a packet of this number came but holds no audio (an event, comfort noise)."""
        if not self._is_filling and self._is_wanted(sequence):
            self._packets[sequence] = None

    def reset(self, clock_hz: int | None = None) -> None:
        """Forget the source, because another one follows; what was learned of the network stays.

        A new `clock_hz` is for a source that changes to a codec with another RTP clock.
        """
        if clock_hz is not None and clock_hz != self._clock_hz:
            self._set_clock(clock_hz)
        self._transit.restart()
        self._packets.clear()
        self._gaps.clear()
        self._next_sequence = self._newest_sequence = _NOTHING_PLAYED
        self._starved_ticks = self._insistence = self._late_in_a_row = 0
        self._following = None
        self._is_filling = True

    def drain(self) -> list[tuple[int, RtpPacket]]:
        """Give up what is held, in its order: somebody else plays until packets come here again.

        That is in the middle of the sound, so the next beginning waits no longer than it must.
        """
        held = [
            (sequence, packet) for sequence, packet in sorted(self._packets.items()) if packet is not None
        ]
        self.reset()
        self._is_hurried = True
        return held

    # -- the ear's side

    def take(self, now: float) -> RtpPacket | Missing:
        """Give the packet to play now, or why there is none. After a packet, call `played`."""
        if self._is_filling and not self._may_begin(now):
            self.missing_ticks = self._frame_ticks
            return Missing.FILLING
        while self._packets:
            sequence = self._next_sequence
            if sequence not in self._packets:
                sequence = min(self._packets)
            packet = self._packets[sequence]
            if packet is not None:
                missing = self._bridge(sequence, packet)
                if missing is not None:
                    return missing
            self._leave_behind(sequence)
            if packet is not None and self._is_in_time(packet, now):
                return packet
        return self._starve()

    def played(self, duration_ticks: int, *, has_redundancy: bool = False) -> None:
        """Move the playout point behind the packet just taken; say whether it repeats the one before."""
        self._playout_ticks += duration_ticks
        self._packet_ticks = duration_ticks
        self._has_redundancy = has_redundancy

    def following(self) -> RtpPacket | None:
        """Look, after LOST, at the packet that begins where the hole ends: it may hold redundancy."""
        return self._following

    @property
    def loses_much(self) -> bool:
        """Say whether enough packets are missing for their redundancy to be worth waiting for."""
        return self._awaits_redundancy

    def advice(self, now: float) -> Advice:
        """Say whether 20 ms should be dropped or inserted; ask once a frame, it has patience."""
        if self._is_filling:
            return Advice.KEEP
        excess = self._transit.behind_best(self._heard_ticks, now) - self.target_ticks
        if excess > _SHRINK_SLACK_MS * self._per_ms and self._packets:
            return self._insist(Advice.SHRINK, excess)
        if excess < -_GROW_SLACK_MS * self._per_ms:
            return self._insist(Advice.GROW, -excess)
        self._insistence = 0
        return Advice.KEEP

    def advice_followed(self) -> None:
        """Note that the caller dropped a taken packet or inserted a frame."""
        self._insistence = 0

    # -- figures

    @property
    def clock_hz(self) -> int:
        """The RTP clock of the packets held."""
        return self._clock_hz

    @property
    def target_ticks(self) -> float:
        """How far behind the fastest packets playout should be."""
        wanted = max(self._min_ticks, self._min_ticks / 2 + self._transit.spread_ticks)
        if self._awaits_redundancy and self._has_redundancy:
            wanted += self._packet_ticks
        return min(self._max_ticks, wanted)

    @property
    def target_ms(self) -> float:
        """The target in milliseconds."""
        return self.target_ticks / self._per_ms

    def delay_ms(self, now: float) -> float:
        """How far behind the fastest packets playout is; 0.0 when nothing plays."""
        if self._is_filling:
            return 0.0
        return self._transit.behind_best(self._heard_ticks, now) / self._per_ms

    def __len__(self) -> int:
        """Count the packets held."""
        return len(self._packets)

    # -- inside

    def _set_clock(self, clock_hz: int) -> None:
        self._clock_hz = clock_hz
        self._per_ms = clock_hz / 1000
        self._frame_ticks: int = clock_hz * _FRAME_MS // 1000
        self._packet_ticks = self.missing_ticks = self._frame_ticks
        self._min_ticks = self._min_ms * self._per_ms
        self._max_ticks = self._max_ms * self._per_ms
        self._transit = Transit(clock_hz, (self._first_ms - self._min_ms / 2) * self._per_ms)

    def _is_wanted(self, sequence: int) -> bool:
        """Sort out packets that come too late or twice, and count them."""
        if sequence in self._packets:
            self.duplicate += 1
            return False
        if sequence < self._next_sequence:
            if sequence in self._gaps:
                del self._gaps[sequence]
                self.late += 1
            else:
                self.duplicate += 1
            return False
        if sequence < self._newest_sequence:
            self.reordered += 1
        else:
            self._newest_sequence = sequence
        return True

    def _may_begin(self, now: float) -> bool:
        """Start playing once the first packet has waited for the target, or as much audio is here."""
        if not self._packets:
            return False
        waited = (now - self._filling_since) * self._clock_hz
        stored = (len(self._packets) - 1) * self._frame_ticks
        wanted = min(self.target_ticks, _HURRIED_MS * self._per_ms) if self._is_hurried else self.target_ticks
        if max(waited, stored) + self._frame_ticks // 2 < wanted:
            return False
        self._playout_ticks = self._skip_backlog()
        self._is_filling = self._is_hurried = False
        self._starved_ticks = 0
        return True

    def _skip_backlog(self) -> int:
        """Drop what piled up while nothing played, beyond target and 100 ms; give the first time left."""
        times = {
            sequence: self._transit.extend(packet.timestamp)
            for sequence, packet in sorted(self._packets.items())
            if packet is not None
        }
        begin = max(times.values()) - self.target_ticks - _BACKLOG_MS * self._per_ms
        for sequence in [sequence for sequence, ticks in times.items() if ticks < begin]:
            del times[sequence]
            self._leave_behind(sequence)
            self.overflowed += 1
        return next(iter(times.values()))

    def _bridge(self, sequence: int, packet: RtpPacket) -> Missing | None:
        """Fill what lies between the playout point and the next packet."""
        self._following = None
        gap = self._transit.extend(packet.timestamp) - self._playout_ticks
        already_bridged = min(max(gap, 0), self._starved_ticks)
        self._starved_ticks = 0
        self._playout_ticks += already_bridged
        gap -= already_bridged
        if gap < self._frame_ticks // 2:
            return None
        self._heard_ticks = self._playout_ticks
        is_pause = sequence == self._next_sequence
        is_last_step = not is_pause and gap < self._packet_ticks + self._frame_ticks // 2
        self.missing_ticks = gap if is_last_step else min(gap, self._frame_ticks)
        self._following = packet if is_last_step else None
        self._playout_ticks += self.missing_ticks
        return Missing.PAUSE if is_pause else Missing.LOST

    def _is_in_time(self, packet: RtpPacket, now: float) -> bool:
        """Put the playout point on a packet; if its time was concealed, only when more delay is wanted."""
        ticks = self._transit.extend(packet.timestamp)
        is_overtaken = self._playout_ticks - ticks >= self._frame_ticks // 2
        if is_overtaken and self._transit.behind_best(ticks, now) > self.target_ticks:
            self.late += 1
            self._late_in_a_row += 1
            return False
        self._late_in_a_row = 0
        self._playout_ticks = self._heard_ticks = ticks
        return True

    def _starve(self) -> Missing:
        """Let time pass without moving the playout point: what comes late can still be heard."""
        self._starved_ticks += self._frame_ticks
        self.missing_ticks = self._frame_ticks
        self._heard_ticks = self._playout_ticks
        if self._starved_ticks >= _STARVED_MS * self._per_ms:
            self._is_filling = True
        return Missing.STARVED

    def _leave_behind(self, sequence: int) -> None:
        """Go past `sequence`, remembering the numbers that never came."""
        del self._packets[sequence]
        if self._next_sequence != _NOTHING_PLAYED:
            self._note_missed(sequence - self._next_sequence)
            for skipped in range(max(self._next_sequence, sequence - _MAX_REMEMBERED_GAPS), sequence):
                self._gaps[skipped] = None
            while len(self._gaps) > _MAX_REMEMBERED_GAPS:
                del self._gaps[next(iter(self._gaps))]
        self._next_sequence = sequence + 1

    def _note_missed(self, count: int) -> None:
        """Follow the share of packets that are not here when their time comes."""
        self._missed_share += ((1.0 if count > 0 else 0.0) - self._missed_share) / _MISSED_MEMORY_PACKETS
        if self._missed_share > _MUCH_MISSED:
            self._awaits_redundancy = True
        elif self._missed_share < _LITTLE_MISSED:
            self._awaits_redundancy = False

    def _insist(self, advice: Advice, off_ticks: float) -> Advice:
        """Advise only when the delay has been off for half a second on end; sooner when it is far off."""
        frames = max(1, min(3, self._packet_ticks // self._frame_ticks))
        self._insistence += frames * max(1, min(3, int(off_ticks / (2 * self._frame_ticks))))
        return advice if self._insistence >= _PATIENCE_FRAMES else Advice.KEEP

    def _overflow(self) -> None:
        """Drop the older half: the peer sends faster than time passes."""
        for sequence in sorted(self._packets)[: _MAX_PACKETS // 2]:
            self._leave_behind(sequence)
            self.overflowed += 1

    def _resynchronise(self, timestamp: int, now: float) -> None:
        """Begin again with this packet: the peer's clock jumped. Sequence numbers go on.

        The jump has spoiled the spread, so that is learned anew too.
        """
        self.resynchronised += 1
        next_sequence, newest = self._newest_before_jump(), self._newest_sequence
        self.reset()
        self._set_clock(self._clock_hz)
        self._next_sequence, self._newest_sequence = next_sequence, newest
        self._transit.observe(timestamp, now)

    def _newest_before_jump(self) -> int:
        """Nothing stored before the jump may be played after it."""
        return max(self._packets, default=self._next_sequence - 1) + 1
