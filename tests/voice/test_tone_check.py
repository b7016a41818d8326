"""The measure of the interop tests is itself measured: it fails what is wrong and forgives a mended cut."""

from random import Random

import numpy as np
import pytest

from linegram.audio.spectrum import has_tone
from linegram.voice.engine import PcmFrame
from tests.voice.leg_process import Ear, TappedQueue
from tests.voice.tone_check import longest_gap_s, tone_faults, undisturbed

HZ = 8000
TONE_HZ = 440


def sine(seconds: float, hz: float = TONE_HZ, sample_hz: int = HZ, amplitude: float = 8000) -> PcmFrame:
    at = np.arange(round(seconds * sample_hz)) / sample_hz
    return np.asarray(amplitude * np.sin(2 * np.pi * hz * at), np.int16)


def test_three_wrong_frames_in_a_second_are_too_many() -> None:
    wrong = sine(1.0, 500)
    for count, is_forgiven in ((2, True), (3, False)):
        heard = sine(1.0)
        for at in (0, 4000, 7200)[:count]:
            heard[at : at + 400] = wrong[at : at + 400]
        assert (tone_faults(heard, TONE_HZ, HZ) == []) is is_forgiven


@pytest.mark.parametrize("sample_hz", [8000, 16000, 48000])
@pytest.mark.parametrize("hz", [440, 700])
def test_a_tone_is_a_tone(hz: int, sample_hz: int) -> None:
    assert tone_faults(sine(2.0, hz, sample_hz), hz, sample_hz) == []


def test_a_cut_that_moved_the_phase_is_forgiven() -> None:
    """10 ms cut out of 440 Hz turn the phase by 144 degrees: over a second the halves nearly cancel out."""
    whole = sine(2.01)
    cut = np.concatenate((whole[:8000], whole[8080:]))
    assert tone_faults(cut, TONE_HZ, HZ) == []
    assert not has_tone(cut[4000:12000], TONE_HZ, HZ, margin_db=6.0)


def test_the_queue_before_a_late_tick_breaks_a_tone_that_came_whole() -> None:
    """Why recordings are made before the queue: one late tick of the recorder, and a second is spoilt."""
    ear = Ear()
    queue = TappedQueue(HZ, ear)
    halves = [chunk.tobytes() for chunk in np.split(sine(3.0), 300)]
    pulled = []
    for tick in range(150):
        for half in halves[2 * tick : 2 * tick + 2] if tick != 60 else []:
            queue.put(half)
        if tick == 61:
            for half in halves[120:122]:
                queue.put(half)
        pulled.append(queue.pull())
    broken = np.concatenate(pulled)[HZ : 2 * HZ]
    assert not has_tone(broken, TONE_HZ, HZ, margin_db=1.0)
    assert tone_faults(np.frombuffer(b"".join(ear.chunks), np.int16)[: 2 * HZ], TONE_HZ, HZ) == []


def test_a_lost_packet_is_forgiven_and_a_lost_tenth_of_a_second_is_not() -> None:
    for silent_s, is_forgiven in ((0.04, True), (0.1, False)):
        holed = sine(2.0)
        holed[8000 : 8000 + round(silent_s * HZ)] = 0
        assert (tone_faults(holed, TONE_HZ, HZ) == []) is is_forgiven


@pytest.mark.parametrize("hz", [425, 455, 700, 220, 880])
def test_another_tone_is_not_it(hz: int) -> None:
    assert tone_faults(sine(2.0, hz), TONE_HZ, HZ)


def test_silence_and_nothing_are_no_tone() -> None:
    assert tone_faults(np.zeros(2 * HZ, np.int16), TONE_HZ, HZ)
    assert tone_faults(sine(0.9), TONE_HZ, HZ) == ["only 18 frames were heard"]


def test_noise_as_loud_as_half_the_tone_is_too_much() -> None:
    noise = np.random.default_rng(3).normal(0, 4000, 2 * HZ).astype(np.int16)
    assert tone_faults(sine(2.0) + noise, TONE_HZ, HZ)


def test_another_voice_in_the_same_sound_is_too_much() -> None:
    assert tone_faults(sine(2.0) + sine(2.0, 700, amplitude=5000), TONE_HZ, HZ)


def test_frames_out_of_order_are_garbled() -> None:
    frames = np.split(sine(2.0), 100)
    Random(5).shuffle(frames)
    assert tone_faults(np.concatenate(frames), TONE_HZ, HZ)


def test_one_frame_said_again_and_again_is_garbled() -> None:
    frame = sine(1.0)[37:197]
    assert tone_faults(np.tile(frame, 100), TONE_HZ, HZ)


def test_every_tenth_packet_missing_is_too_much() -> None:
    holed = np.split(sine(2.0), 100)
    for frame in holed[::10]:
        frame[:] = 0
    assert tone_faults(np.concatenate(holed), TONE_HZ, HZ)


def test_sound_at_the_wrong_rate_is_another_tone() -> None:
    assert tone_faults(sine(2.0)[::2], TONE_HZ, HZ)


def test_the_longest_silence_is_measured() -> None:
    holed = sine(1.0)
    holed[800:1600] = 0
    holed[3000:3500] = 0
    assert longest_gap_s(holed, HZ) == pytest.approx(0.1, abs=0.02)


def test_what_a_stall_spoilt_is_left_out() -> None:
    chunks = [(number / 100, np.full(80, number, np.int16)) for number in range(400)]
    kept = undisturbed(chunks, [(1.0, 0.2), (1.5, 0.05)], recovery_s=0.5)
    assert kept[0] == 201
    assert kept[-1] == 399
    assert not len(undisturbed(chunks, [(2.0, 9.0), (4.0, 0.1)], recovery_s=2.5))
