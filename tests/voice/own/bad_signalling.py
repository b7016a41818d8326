"""Two ends of a call's signalling over a bad network, in virtual time."""

from random import Random

from linegram.sandbox.network import PERFECT, ImpairedWay, Impairment
from linegram.voice.own.box import Box
from linegram.voice.own.messages import (
    CandidateLine,
    Candidates,
    Fingerprint,
    InitialSetup,
    MediaState,
    Message,
    NegotiateChannels,
    read_message,
)
from linegram.voice.own.negotiation import Negotiation, Stream
from linegram.voice.own.signalling import Framing, Signalling, open_framing

STEP_S = 0.02
CALLER_SSRC, CALLEE_SSRC = 1, 2
THIRD_BAD = Impairment(loss=0.3, duplication=0.3, reordering=0.3, reorder_s=0.3, delay_s=0.05, jitter_s=0.1)


def setup_of(side: int) -> InitialSetup:
    fingerprint = Fingerprint("sha-256", ("actpass", "passive")[side], "00")
    return InitialSetup("abcd", f"{side}" * 24, (fingerprint,))


def candidates_of(side: int) -> Candidates:
    return Candidates((CandidateLine(f"candidate:1 1 udp 1 192.0.2.{1 + side} 4000 typ host"),))


class ScriptedEnd(Signalling):
    """A far end that accepts every offer and makes those that the test sends; `answers` are ours to them."""

    def __init__(self, framing: Framing, negotiation: Negotiation) -> None:
        super().__init__(framing, negotiation)
        self.answers: list[NegotiateChannels] = []
        self._offered: set[str] = set()

    def start(self, now: float) -> None:
        return

    def say(self, text: bytes, now: float) -> None:
        self._framing.send(text, now)

    def offer(self, offer: NegotiateChannels, now: float) -> None:
        self._offered.add(offer.exchange_id)
        self.send(offer, now)

    def receive(self, packet: bytes, now: float) -> list[Message]:
        found: list[Message] = []
        for message in [read_message(text) for _, text in self._framing.receive(packet, now)]:
            if not isinstance(message, NegotiateChannels):
                found += [message] if message is not None else []
            elif message.exchange_id in self._offered:
                self.answers.append(message)
            else:
                self.send(message, now)
        return found


class BadSignalling:
    """Both ends; `heard[side]` is what that end was told besides offers and answers.

    What comes to an end that begins late is kept for it, as the service does.
    """

    def __init__(
        self,
        version: str,
        bad: Impairment,
        *,
        seed: int,
        late_side: int = 0,
        late_s: float = 0.0,
        scripted_side: int | None = None,
    ) -> None:
        self.now = 100.0
        self.ways = ImpairedWay(bad, seed=2 * seed), ImpairedWay(bad, seed=2 * seed + 1)
        self.heard: tuple[list[Message], list[Message]] = ([], [])
        self._late_side = late_side
        self._begins_at = self.now + late_s if late_s else None
        self._kept: list[bytes] = []
        self.ends = tuple(
            self._end(ScriptedEnd if side == scripted_side else Signalling, version, side, seed)
            for side in (0, 1)
        )
        for side in (0, 1):
            if not late_s or side != late_side:
                self._begin(side)

    def _end(self, kind: type[Signalling], version: str, side: int, seed: int) -> Signalling:
        random = Random(1000 * seed + side).random
        framing = open_framing(version, Box(bytes(256), is_outgoing=side == 0), random, self.now)
        ssrc = (CALLER_SSRC, CALLEE_SSRC)[side]
        return kind(framing, Negotiation(is_caller=side == 0, ssrc=ssrc, random=random))

    def _begin(self, side: int) -> None:
        end = self.ends[side]
        end.send(setup_of(side), self.now)
        end.start(self.now)
        end.send(candidates_of(side), self.now)
        while self._kept:
            self.heard[side].extend(end.receive(self._kept.pop(0), self.now))

    def _has_begun(self, side: int) -> bool:
        return side != self._late_side or self._begins_at is None

    @property
    def has_agreed(self) -> bool:
        """Each end can send and hear, and has what the path needs of the other."""
        caller, callee = (end.negotiation for end in self.ends)
        to_callee, to_caller = Stream(CALLER_SSRC, 111), Stream(CALLEE_SSRC, 111)
        return (
            (caller.outgoing, callee.incoming) == (to_callee, to_callee)
            and (callee.outgoing, caller.incoming) == (to_caller, to_caller)
            and all(
                setup_of(1 - side) in self.heard[side] and candidates_of(1 - side) in self.heard[side]
                for side in (0, 1)
            )
        )

    def step(self) -> None:
        self.now += STEP_S
        if self._begins_at is not None and self.now >= self._begins_at:
            self._begins_at = None
            self._begin(self._late_side)
        for side, end in enumerate(self.ends):
            if self._has_begun(side):
                end.handle_timer(self.now)
                while (packet := end.next_packet()) is not None:
                    self.ways[side].send(packet, self.now)
        for side, way in enumerate(self.ways):
            for packet in way.due(self.now):
                self._deliver(1 - side, packet)

    def _deliver(self, side: int, packet: bytes) -> None:
        if self._has_begun(side):
            self.heard[side].extend(self.ends[side].receive(packet, self.now))
        else:
            self._kept.append(packet)

    def run(self, seconds: float) -> bool:
        """Run until both have agreed, or for so long; say whether they have."""
        end = self.now + seconds
        while self.now < end and not self.has_agreed:
            self.step()
        return self.has_agreed

    def run_on(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            self.step()

    def impair(self, bad: Impairment) -> None:
        for way in self.ways:
            way.impairment = bad

    def heal(self) -> None:
        self.impair(PERFECT)

    def states_heard(self, side: int) -> list[MediaState]:
        return [message for message in self.heard[side] if isinstance(message, MediaState)]
