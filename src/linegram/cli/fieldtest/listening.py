"""What was heard of the person, measured. Pure."""

from itertools import pairwise

import msgspec
import numpy as np

from linegram.audio.frame import PcmFrame
from linegram.audio.spectrum import dominant_hz, has_tone, level_dbfs, tone_dbfs
from linegram.audio.tones import keypad_cadence
from linegram.cli.fieldtest.programme import NOTES_HZ, Programme

_FRAME_MS = 20
_AUDIBLE_DBFS = -50.0
_CLAP_JUMP_DB = 15.0
_TONE_BLOCK_MS = 100
_TONE_BLOCKS = 3
_KEYS = "0123456789*#"
_ECHO_MARGIN_DB = 10.0


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What came from the telephone.

    `clap_delays_ms` run from a beep that we said to the clap that we heard: twice the way, and a person's
    reaction of some 200 ms. `echo_dbfs` is the level of our own notes as they come back, None without echo.
    """

    audible_s: float = 0.0
    level_dbfs: float = -120.0
    tone_hz: int = 0
    keys: str = ""
    clap_delays_ms: tuple[int, ...] = ()
    echo_dbfs: float | None = None

    @property
    def is_anything(self) -> bool:
        """Something was heard of the person."""
        return self.audible_s >= 0.3


def listen(samples: PcmFrame, sample_hz: int, programme: Programme) -> Heard:
    """Measure what was heard from the moment on at which the programme began."""
    levels = _levels(samples, sample_hz)
    audible = levels > _AUDIBLE_DBFS
    loud = _of_frames(samples, sample_hz, audible)
    return Heard(
        audible_s=round(float(audible.sum()) * _FRAME_MS / 1000, 2),
        level_dbfs=round(level_dbfs(loud), 1),
        tone_hz=_steady_tone(samples, sample_hz),
        keys=_keys(samples, sample_hz),
        clap_delays_ms=_clap_delays(levels, programme),
        echo_dbfs=_echo(samples, sample_hz, programme),
    )


def _levels(samples: PcmFrame, sample_hz: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    size = sample_hz * _FRAME_MS // 1000
    frames = [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]
    return np.array([level_dbfs(frame) for frame in frames], dtype=np.float64)


def _of_frames(
    samples: PcmFrame, sample_hz: int, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> PcmFrame:
    size = sample_hz * _FRAME_MS // 1000
    return samples[: len(chosen) * size].reshape(-1, size)[chosen].reshape(-1)


def _blocks(samples: PcmFrame, sample_hz: int) -> list[PcmFrame]:
    size = sample_hz * _TONE_BLOCK_MS // 1000
    return [samples[at : at + size] for at in range(0, len(samples) - size + 1, size)]


def _steady_tone(samples: PcmFrame, sample_hz: int) -> int:
    """Find the first tone that stays for some tenths of a second: a whistle, another telephone's tone."""
    run: list[float] = []
    for block in _blocks(samples, sample_hz):
        frequency = dominant_hz(block, sample_hz) if level_dbfs(block) > _AUDIBLE_DBFS else 0.0
        is_tone = frequency > 0 and has_tone(block, frequency, sample_hz, margin_db=2.0)
        run = [*run, frequency] if is_tone and (not run or abs(run[-1] - frequency) < 10) else []
        if len(run) >= _TONE_BLOCKS:
            return round(sum(run) / len(run))
    return 0


def _keys(samples: PcmFrame, sample_hz: int) -> str:
    """Read the keys of a telephone that were held to the microphone."""
    found = ["", *(_key(block, sample_hz) for block in _blocks(samples, sample_hz))]
    return "".join(key for before, key in pairwise(found) if key and key != before)


def _key(block: PcmFrame, sample_hz: int) -> str:
    level = level_dbfs(block)
    if level < _AUDIBLE_DBFS:
        return ""
    for key in _KEYS:
        parts = [tone_dbfs(block, hz, sample_hz) for hz in keypad_cadence(key).beats[0].frequencies_hz]
        if min(parts) > level - 6.0:
            return key
    return ""


def _clap_delays(
    levels: np.ndarray[tuple[int], np.dtype[np.float64]], programme: Programme
) -> tuple[int, ...]:
    """Find the first jump of the level after each beep."""
    delays = []
    for beep_s in programme.beeps_s:
        first = round(beep_s * 1000 / _FRAME_MS)
        last = round((beep_s + programme.clap_s) * 1000 / _FRAME_MS)
        for index in range(max(first, 1), min(last, len(levels))):
            is_jump = levels[index] - max(levels[index - 1], -70.0) >= _CLAP_JUMP_DB
            if is_jump and levels[index] > _AUDIBLE_DBFS + 10:
                delays.append((index - first) * _FRAME_MS)
                break
    return tuple(delays)


def _echo(samples: PcmFrame, sample_hz: int, programme: Programme) -> float | None:
    """Measure our own notes in what came back while they were playing, against the time before them."""
    began, ended = (round(at_s * sample_hz) for at_s in programme.melody_s)
    before, during = samples[:began], samples[began:ended]
    if not len(before) or not len(during):
        return None
    quiet = max(tone_dbfs(before, hz, sample_hz) for hz in NOTES_HZ)
    levels = [tone_dbfs(during, hz, sample_hz) for hz in NOTES_HZ]
    is_echo = min(levels) > max(quiet + _ECHO_MARGIN_DB, -70.0)
    return round(max(levels), 1) if is_echo else None
