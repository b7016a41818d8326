"""Many telephones at the PBX in one cheap process: ready G.711 packets, 50 a second to each target."""

import os
import random
import socket
import struct
import time
from contextlib import suppress
from multiprocessing.synchronize import Event

import numpy as np

from linegram.audio.frame import PcmFrame
from linegram.audio.g711 import G711Codec

TICK_S = 0.02
PCMA = 8
FRAME_TICKS = 160
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


def talk(targets: list[tuple[str, int]], stop: Event) -> None:
    """Play all telephones until told to stop; what comes back is read by nobody."""
    come_second()
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    codec = G711Codec("PCMA")
    tapes = []
    for seed in range(len(targets)):
        alaw = codec.encode(babble(seed % 8))
        tapes.append([alaw[at : at + FRAME_TICKS] for at in range(0, len(alaw), FRAME_TICKS)])
    next_tick, step = time.monotonic(), 0
    while not stop.is_set():
        for source, (target, tape) in enumerate(zip(targets, tapes, strict=True)):
            head = _HEAD.pack(0x80, PCMA, step & 0xFFFF, step * FRAME_TICKS & 0xFFFF_FFFF, source + 1)
            end.sendto(head + tape[step % len(tape)], target)
        step, next_tick = step + 1, next_tick + TICK_S
        time.sleep(max(0.0, next_tick - time.monotonic()))
    end.close()
