"""Many telephones at the PBX in one cheap process: ready packets, 50 a second to each target."""

import os
import random
import socket
import struct
import time
from contextlib import suppress
from multiprocessing.synchronize import Event
from typing import NamedTuple

import numpy as np

from linegram.audio.codec import open_codec
from linegram.audio.frame import NARROWBAND_HZ, WIDEBAND_HZ, PcmFrame, samples_per_frame

TICK_S = 0.02
TAPES = 8


class PbxCodec(NamedTuple):
    """What a telephone speaks, and how long 20 ms are on its RTP clock."""

    name: str
    payload_type: int
    frame_ticks: int
    sample_hz: int


G711 = PbxCodec("PCMA", 8, 160, NARROWBAND_HZ)
OPUS = PbxCodec("opus", 107, 960, WIDEBAND_HZ)
_HEAD = struct.Struct("!BBHII")


def come_second(pid: int = 0, priority: int = 1) -> None:
    """Let a far end come before other work, but after media hosts; where it may not, it is as others are."""
    with suppress(OSError):
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(priority))


def babble(seed: int, sample_hz: int = 8000) -> PcmFrame:
    """Make five seconds of syllables: gliding pitch, two formants, short pauses."""
    chance = random.Random(seed)
    pieces: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    while sum(map(len, pieces)) < 5 * sample_hz:
        at = np.arange(int(sample_hz * chance.uniform(0.12, 0.35))) / sample_hz
        pitch_hz = chance.uniform(90, 220)
        formants_hz = chance.uniform(300, 800), chance.uniform(900, 2500)
        sound = np.zeros(len(at))
        for partial_hz in np.arange(pitch_hz, 3600, pitch_hz):
            gain = sum(np.exp(-(((partial_hz - formant) / 250) ** 2)) for formant in formants_hz) + 0.02
            sound += gain * np.sin(2 * np.pi * partial_hz * at + chance.uniform(0, 6))
        edges = np.sqrt(np.abs(np.sin(np.pi * at / at[-1])))
        pieces += [6000 * sound / np.abs(sound).max() * edges, np.zeros(sample_hz // 20)]
    return np.concatenate(pieces).astype(np.int16)[: 5 * sample_hz]


def tape(spoken: PbxCodec, seed: int) -> list[bytes]:
    """Make five seconds of payloads."""
    samples, codec = babble(seed, spoken.sample_hz), open_codec(spoken.name, sample_hz=spoken.sample_hz)
    size = samples_per_frame(spoken.sample_hz)
    frames = (samples[at : at + size] for at in range(0, len(samples) - size + 1, size))
    payloads = [codec.encode(frame) for frame in frames]
    codec.close()
    return payloads


def talk(targets: list[tuple[str, int]], stop: Event, spoken: PbxCodec = G711) -> None:
    """Play all telephones until told to stop; what comes back is read by nobody."""
    come_second()
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    tapes = [tape(spoken, seed) for seed in range(TAPES)]
    next_tick, step = time.monotonic(), 0
    while not stop.is_set():
        at = step * spoken.frame_ticks & 0xFFFF_FFFF
        for source, target in enumerate(targets):
            said = tapes[source % TAPES]
            head = _HEAD.pack(0x80, spoken.payload_type, step & 0xFFFF, at, source + 1)
            end.sendto(head + said[step % len(said)], target)
        step, next_tick = step + 1, next_tick + TICK_S
        time.sleep(max(0.0, next_tick - time.monotonic()))
    end.close()
