"""Sines for the peers to play, and proof that a recording holds one."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


def sine(frequency_hz: float, duration_s: float, rate_hz: int = 8000, amplitude: int = 8000) -> Samples:
    """Make a sine as PCM16 mono."""
    times_s = np.arange(int(duration_s * rate_hz)) / rate_hz
    return np.round(amplitude * np.sin(2 * np.pi * frequency_hz * times_s)).astype(np.int16)


def write_sln(path: Path, samples: Samples) -> None:
    """Write raw little-endian samples, as Asterisk's `.sln` files hold them."""
    path.write_bytes(samples.astype("<i2").tobytes())


def write_wav(path: Path, samples: Samples, rate_hz: int = 8000) -> None:
    """Write a mono WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())


@dataclass(frozen=True)
class Recording:
    """What somebody heard: PCM16 mono."""

    samples: Samples
    rate_hz: int

    @property
    def duration_s(self) -> float:
        """The length in seconds."""
        return len(self.samples) / self.rate_hz

    def share_of(self, frequency_hz: float, width_hz: float = 10) -> float:
        """Tell which share of the energy lies within `width_hz` of a frequency: 0 to 1, 0 for silence."""
        signal = self.samples.astype(np.float64)
        power = np.abs(np.fft.rfft(signal * np.hanning(len(signal)))) ** 2
        distance = np.abs(np.fft.rfftfreq(len(signal), 1 / self.rate_hz) - frequency_hz)
        total = float(power[1:].sum())
        return float(power[distance <= width_hz].sum()) / total if total else 0.0

    def strongest_hz(self) -> float:
        """Find the frequency with the most energy."""
        signal = self.samples.astype(np.float64)
        power = np.abs(np.fft.rfft(signal * np.hanning(len(signal))))
        return float(np.fft.rfftfreq(len(signal), 1 / self.rate_hz)[1:][int(np.argmax(power[1:]))])

    def part(self, start_s: float, end_s: float) -> "Recording":
        """Cut a piece out."""
        return Recording(self.samples[int(start_s * self.rate_hz) : int(end_s * self.rate_hz)], self.rate_hz)


def read_wav(path: Path) -> Recording:
    """Read a PCM16 WAV file; of several channels the first."""
    with wave.open(str(path), "rb") as file:
        assert file.getsampwidth() == 2
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return Recording(samples[:: file.getnchannels()].astype(np.int16), file.getframerate())
