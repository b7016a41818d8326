"""PESQ (ITU-T P.862) in virtual time: speech after 10 % loss and 40 ms of jitter to either side.

Our engine beside ntgcalls in real time is in `bench/voice_quality.py`; here it is measured by itself.
"""

import numpy as np
import pytest
from pesq import pesq

from linegram.audio.frame import PcmFrame
from linegram.sandbox.demo_speech import Speaker, speech
from linegram.sandbox.network import ImpairedWay, Impairment
from tests.playout.test_player import Deaf, Listener, datagram, encoded, far_end

SECONDS, SETTLE = 12.0, 4 * 8_000
ROUGH = Impairment(loss=0.1, jitter_s=0.08, delay_s=0.02)
VOICE = Speaker(120.0, 7)


def heard(listener: Listener, ptime_ms: int, impairment: Impairment) -> PcmFrame:
    codec, way = far_end(ptime_ms), ImpairedWay(impairment, seed=1)
    for index, payload in enumerate(encoded(speech(VOICE, SECONDS, codec.sample_hz), codec, ptime_ms)):
        way.send(datagram(index, payload, ptime_ms), (index + 1) * ptime_ms / 1000)
    arrivals = []
    while (at := way.next_at()) is not None:
        arrivals += [(at, packet) for packet in way.due(at)]
    return np.concatenate(listener.hear(arrivals, round(SECONDS * 50) + 40))


def mos(samples: PcmFrame) -> float:
    """Rate what came after the first four seconds, found by cross-correlation."""
    said = speech(VOICE, SECONDS, 8_000)[SETTLE:]
    size = 1 << (len(said) + len(samples)).bit_length()
    spectrum = np.fft.rfft(samples.astype(float), size) * np.conj(np.fft.rfft(said.astype(float), size))
    begin = int(np.argmax(np.fft.irfft(spectrum, size)[: len(samples)]))
    found = samples[begin : begin + len(said)]
    return float(pesq(8_000, said, np.pad(found, (0, len(said) - len(found))), "nb"))


@pytest.mark.parametrize(("ptime_ms", "least"), [(20, 3.5), (60, 3.2)])
def test_speech_after_loss_and_jitter_is_well_understood(ptime_ms: int, least: float) -> None:
    assert mos(heard(Listener(), ptime_ms, Impairment(delay_s=0.02))) > 4.2
    assert mos(heard(Listener(), ptime_ms, ROUGH)) > least
    assert mos(heard(Listener(codec=Deaf()), ptime_ms, ROUGH)) < least
