"""How speech sounds after loss and jitter, own beside ntgcalls: `python -m bench.voice_quality [loss ...]`.

Both listen, each in a process of its own and in real time, to the very same Opus packets at the very same
instants: a far end of our engine sends packets made beforehand, and a seed decides which are lost and how
late each one is. The figure is PESQ (ITU-T P.862, narrowband) against what was said, the mean of four
sentences of eight seconds after four seconds to settle in; beside it the delay from mouth to ear.
"""

import json
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import msgspec
import numpy as np
import structlog
from pesq import PesqError, pesq
from rich.console import Console
from rich.table import Table

from bench.prepared_voice import Arrival, PreparedVoice, both_sides, connect, run
from bench.quality_listener import Heard, go_first, listen
from bench.quality_speech import RATE_HZ, speech
from linegram.audio.frame import PcmFrame
from linegram.audio.opus import LEAST_LOSS_PERCENT, Effort, OpusCodec
from linegram.audio.resample import Resampler
from linegram.rtp.packet import RtpPacket, parse_rtp
from linegram.sandbox.network import Bursts, ImpairedWay, Impairment
from linegram.voice.own.engine import OwnEngine

SETTLE_S, PIECE_S, PIECES = 4.0, 8.0, 4
TAIL_S = 1.5
NETWORK_DELAY_S = 0.02
JITTER_S = 0.08
"""From end to end: 40 ms to either side, as netem's "delay 60ms 40ms"."""
SEED = 5
MOST_LATE_S = 0.03
ENGINES = ("own", "ntgcalls")


class Condition(NamedTuple):
    """A network and the packets sent over it."""

    ptime_ms: int
    loss_percent: int
    is_bursty: bool = False
    has_jitter: bool = True

    @property
    def impairment(self) -> Impairment:
        """Write it as the network does."""
        share = self.loss_percent / 100
        return Impairment(
            loss=0.0 if self.is_bursty else share,
            bursts=Bursts(share, 3.0) if self.is_bursty else None,
            delay_s=NETWORK_DELAY_S,
            jitter_s=JITTER_S if self.has_jitter else 0.0,
        )

    def __str__(self) -> str:
        """Name it in the table."""
        loss = f"{self.loss_percent} %{' in bursts of 3' if self.is_bursty else ''}"
        return f"{self.ptime_ms} ms packets, {loss}{', ±40 ms' if self.has_jitter else ''}"


class Score(NamedTuple):
    """How one engine did."""

    mos: float
    worst: float
    delay_ms: float


def conditions(losses: Sequence[int]) -> list[Condition]:
    """List what is measured."""
    found = []
    for ptime_ms in (60, 20):
        found += [Condition(ptime_ms, 0, has_jitter=False)] if 0 in losses else []
        found += [Condition(ptime_ms, loss) for loss in losses]
        found += [Condition(ptime_ms, 10, is_bursty=True)] if 10 in losses else []
    return found


def packets(said: PcmFrame, condition: Condition) -> list[RtpPacket]:
    """Encode as the far ends do.

    Ends on libwebrtc (ntgcalls among them, as recorded) send 60 ms in one packet: SILK at 16 kHz with
    redundancy once they hear of loss, before that hybrid at 48 kHz without. Ours send 20 ms at 8 kHz with it.
    """
    if condition.ptime_ms == 20:
        hz, codec = 8_000, OpusCodec(8_000, loss_percent=max(LEAST_LOSS_PERCENT, condition.loss_percent))
    else:
        hz = 16_000 if condition.loss_percent else 48_000
        codec = OpusCodec(hz, effort=Effort(32_000, 9), loss_percent=condition.loss_percent)
    samples = Resampler(RATE_HZ, hz).convert(said)
    length, ticks = hz * condition.ptime_ms // 1000, 48 * condition.ptime_ms
    return [
        RtpPacket(111, number & 0xFFFF, number * ticks, 1, codec.encode(samples[at : at + length]))
        for number, at in enumerate(range(0, len(samples) - length + 1, length))
    ]


def arrivals(sent: Sequence[RtpPacket], condition: Condition) -> list[Arrival]:
    """Send the packets over the network in virtual time."""
    way = ImpairedWay(condition.impairment, seed=SEED)
    for number, packet in enumerate(sent):
        way.send(packet.serialise(), (number + 1) * condition.ptime_ms / 1000)
    found = []
    while (at_s := way.next_at()) is not None:
        found += [Arrival(at_s, parse_rtp(datagram)) for datagram in way.due(at_s)]
    return found


class Call(NamedTuple):
    """One engine that listens under one condition."""

    condition: Condition
    engine: str
    voice: PreparedVoice
    control: Connection
    process: BaseProcess


def measure(said: PcmFrame, wanted: Sequence[Condition]) -> tuple[dict[tuple[Condition, str], Score], float]:
    """Make the calls of these conditions at once; also give the worst lateness of a packet in seconds."""
    engine = OwnEngine()
    calls = [_call(engine, condition, name) for condition in wanted for name in ENGINES]
    schedules = {condition: arrivals(packets(said, condition), condition) for condition in wanted}
    voices = [call.voice for call in calls]
    try:
        connect(voices)
        began, late_s = run(
            voices, [schedules[call.condition] for call in calls], len(said) / RATE_HZ + TAIL_S
        )
        heard = {(call.condition, call.engine): _leave(call) for call in calls}
    finally:
        for call in calls:
            call.voice.close()
            call.process.terminate()
            call.process.join()
    return {key: score(said, one, began) for key, one in heard.items()}, late_s


def _call(engine: OwnEngine, condition: Condition, name: str) -> Call:
    context = multiprocessing.get_context("spawn")
    (here, there), (control, their_control) = context.Pipe(), context.Pipe()
    ours, theirs = both_sides()
    process = context.Process(target=listen, args=(name, theirs, there, their_control), daemon=True)
    process.start()
    return Call(condition, name, PreparedVoice(engine, ours, here), control, process)


def _leave(call: Call) -> Heard:
    call.control.send_bytes(b"stop")
    heard = msgspec.msgpack.decode(call.control.recv_bytes(), type=Heard)
    call.control.send_bytes(b"leave")
    return heard


def score(said: PcmFrame, heard: Heard, began: float) -> Score:
    """Compare what was heard with what was said, piece by piece."""
    samples = np.frombuffer(heard.samples, np.int16)
    rated = [_piece(said, samples, heard.since - began, number) for number in range(PIECES)]
    values = [value for value, _ in rated]
    delay_ms = float(np.mean([delay_s for _, delay_s in rated]) * 1000)
    return Score(float(np.mean(values)), min(values), delay_ms)


def _piece(said: PcmFrame, heard: PcmFrame, offset_s: float, number: int) -> tuple[float, float]:
    """Rate one piece, and say how much later it was heard than said; 1.0 for what is no speech any more."""
    begin, count = round((SETTLE_S + number * PIECE_S) * RATE_HZ), round(PIECE_S * RATE_HZ)
    reference = said[begin : begin + count]
    earliest = max(0, begin - round(offset_s * RATE_HZ))
    late = _lag(reference, heard[earliest : earliest + count + RATE_HZ])
    found = heard[earliest + late : earliest + late + count]
    found = np.pad(found, (0, count - len(found)))
    try:
        return float(pesq(RATE_HZ, reference, found, "nb")), late / RATE_HZ
    except (PesqError, ValueError):
        return 1.0, late / RATE_HZ


def _lag(reference: PcmFrame, heard: PcmFrame) -> int:
    """Find by cross-correlation where the reference begins."""
    size = 1 << (len(reference) + len(heard)).bit_length()
    spectrum = np.fft.rfft(heard.astype(float), size) * np.conj(np.fft.rfft(reference.astype(float), size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: max(1, len(heard) - len(reference))]))


def pairs(wanted: Sequence[Condition]) -> Iterator[Sequence[Condition]]:
    """Two conditions at a time, which is four calls and a tenth of a machine."""
    for at in range(0, len(wanted), 2):
        yield wanted[at : at + 2]


def main(losses: Sequence[int]) -> None:
    """Print the table and, as the last line, the machine-readable figures."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    go_first()
    said, voice = speech(SETTLE_S + PIECES * PIECE_S)
    scores: dict[tuple[Condition, str], Score] = {}
    wanted = conditions(losses)
    for some in pairs(wanted):
        found, late_s = measure(said, some)
        if late_s > MOST_LATE_S:
            print(f"again: a packet went out {late_s * 1000:.0f} ms late", file=sys.stderr)
            found, late_s = measure(said, some)
        scores |= found
    show(scores, wanted, voice)
    print(json.dumps(figures(scores)))


def show(scores: dict[tuple[Condition, str], Score], wanted: Sequence[Condition], voice: str) -> None:
    """Print everything that was measured."""
    table = Table("network", *(f"{name}: PESQ (worst) delay" for name in ENGINES), title=f"{voice} speech")
    for condition in wanted:
        row = [scores[condition, name] for name in ENGINES]
        table.add_row(
            str(condition), *(f"{one.mos:.2f} ({one.worst:.2f}) {one.delay_ms:.0f} ms" for one in row)
        )
    Console(width=110).print(table)


def figures(scores: dict[tuple[Condition, str], Score]) -> dict[str, float]:
    """Give what is kept: 10 % loss and 40 ms of jitter."""
    kept: dict[str, float] = {}
    for ptime_ms in (60, 20):
        own, other = (scores.get((Condition(ptime_ms, 10), name)) for name in ENGINES)
        if own is None or other is None:
            continue
        kept[f"pesq_own_{ptime_ms}ms"] = round(own.mos, 2)
        kept[f"pesq_ntgcalls_{ptime_ms}ms"] = round(other.mos, 2)
        kept[f"pesq_behind_ntgcalls_{ptime_ms}ms"] = round(other.mos - own.mos, 2)
        kept[f"heard_later_than_ntgcalls_{ptime_ms}ms"] = round(own.delay_ms - other.delay_ms, 1)
    return kept


if __name__ == "__main__":
    main([int(text) for text in sys.argv[1:]] or [0, 5, 10, 20])
