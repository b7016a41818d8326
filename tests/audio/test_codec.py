"""Every codec carries a tone; lost frames are covered; garbage raises one error."""

import ctypes
import gc
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.audio import opus
from linegram.audio.codec import Codec, available_codecs, open_codec
from linegram.audio.frame import PcmFrame, samples_per_frame, silence
from linegram.audio.opus import OpusCodec
from linegram.audio.spectrum import dominant_hz, level_dbfs, snr_db, tone_dbfs
from linegram.errors import RemoteProtocolError, UnavailableError

TONE_HZ = 440.0
SNR_BOUNDS_DB = {"PCMA": 36.0, "PCMU": 36.0, "G722": 40.0, "opus": 20.0}


def tone(sample_hz: int, seconds: float, frequency_hz: float = TONE_HZ, peak: float = 8000.0) -> PcmFrame:
    angles = 2 * math.pi * frequency_hz / sample_hz * np.arange(int(sample_hz * seconds))
    samples: PcmFrame = (peak * np.sin(angles)).astype(np.int16)
    return samples


def packets_of(codec: Codec, samples: PcmFrame) -> list[bytes]:
    step = samples_per_frame(codec.sample_hz)
    return [codec.encode(samples[start : start + step]) for start in range(0, len(samples), step)]


def best_snr_db(reference: PcmFrame, received: PcmFrame, longest_delay: int) -> float:
    """Align first: every codec but G.711 delays by some samples."""
    middle = reference[len(reference) // 4 : len(reference) // 2]
    start = len(reference) // 4
    return max(
        snr_db(middle, received[start + delay : start + delay + len(middle)])
        for delay in range(longest_delay)
    )


def test_the_four_codecs_are_offered_with_their_clocks() -> None:
    offered = {entry.name: entry for entry in available_codecs()}
    assert set(offered) == {"opus", "G722", "PCMA", "PCMU"}
    assert (offered["G722"].clock_hz, offered["G722"].sample_hz) == (8_000, 16_000)
    assert offered["opus"].channels == 2
    for entry in offered.values():
        codec = open_codec(entry.name.lower())
        assert (codec.name, codec.clock_hz, codec.sample_hz) == (entry.name, entry.clock_hz, entry.sample_hz)
        assert codec.payload_type == entry.payload_type


def test_an_unknown_codec_is_refused() -> None:
    with pytest.raises(ValueError, match="no such codec: iLBC"):
        open_codec("iLBC")


@pytest.mark.parametrize("name", SNR_BOUNDS_DB)
def test_a_tone_keeps_its_frequency_level_and_shape(name: str) -> None:
    codec = open_codec(name)
    sent = tone(codec.sample_hz, 1.0)
    heard = np.concatenate([codec.decode(packet) for packet in packets_of(codec, sent)])
    assert len(heard) == len(sent)
    settled = heard[codec.sample_hz // 10 :]
    assert dominant_hz(settled, codec.sample_hz) == pytest.approx(TONE_HZ, abs=1.0)
    assert tone_dbfs(settled, TONE_HZ, codec.sample_hz) == pytest.approx(level_dbfs(sent), abs=1.0)
    longest_delay = codec.sample_hz // 50
    assert best_snr_db(sent, heard, longest_delay) >= SNR_BOUNDS_DB[name]


@pytest.mark.parametrize("sample_hz", [8_000, 16_000, 48_000])
def test_opus_runs_at_the_bandwidth_of_the_leg(sample_hz: int) -> None:
    codec = open_codec("opus", sample_hz=sample_hz)
    heard = np.concatenate([codec.decode(packet) for packet in packets_of(codec, tone(sample_hz, 0.6))])
    assert dominant_hz(heard, sample_hz) == pytest.approx(TONE_HZ, abs=2.0)


@pytest.mark.parametrize("name", SNR_BOUNDS_DB)
def test_a_lost_frame_is_covered_and_long_loss_fades_away(name: str) -> None:
    codec = open_codec(name)
    count = samples_per_frame(codec.sample_hz)
    for packet in packets_of(codec, tone(codec.sample_hz, 0.4)):
        codec.decode(packet)
    covered = [codec.conceal(count) for _ in range(50)]
    assert {len(frame) for frame in covered} == {count}
    assert level_dbfs(covered[0]) > -24.0
    assert dominant_hz(covered[0], codec.sample_hz) == pytest.approx(TONE_HZ, abs=40.0)
    assert level_dbfs(covered[-1]) < -45.0


@pytest.mark.parametrize("name", ["PCMA", "PCMU", "G722"])
def test_concealment_of_silence_and_of_nothing_is_silence(name: str) -> None:
    codec = open_codec(name)
    assert not np.any(codec.conceal(160))
    assert not np.any(codec.recover(b"\x00", 160))


def test_opus_restores_a_lost_frame_from_the_redundancy_of_the_next() -> None:
    """Speech-like sound, since redundancy is in Opus's speech layer only."""
    sample_hz = 16_000
    rising = np.linspace(200, 900, sample_hz)
    sweep = (8000 * np.sin(np.cumsum(2 * math.pi * rising / sample_hz))).astype(np.int16)
    sender, whole = OpusCodec(sample_hz, loss_percent=30), OpusCodec(sample_hz)
    packets = packets_of(sender, sweep)
    reference = [whole.decode(packet) for packet in packets]
    errors = {"recovered": 0.0, "concealed": 0.0}
    for way in errors:
        receiver = OpusCodec(sample_hz)
        for index, packet in enumerate(packets):
            if index % 5 != 4 or index + 1 == len(packets):
                receiver.decode(packet)
                continue
            guess = receiver.recover(packets[index + 1], 320) if way == "recovered" else receiver.conceal(320)
            errors[way] += float(np.sum(np.square(guess.astype(float) - reference[index])))
    assert errors["recovered"] < errors["concealed"] / 2


@pytest.mark.parametrize("sample_hz", [11_025, 44_100])
def test_opus_refuses_a_rate_that_it_does_not_have(sample_hz: int) -> None:
    with pytest.raises(ValueError, match="no sample rate"):
        OpusCodec(sample_hz)


def test_a_closed_opus_codec_raises_instead_of_crashing() -> None:
    codec = OpusCodec(8_000)
    codec.close()
    codec.close()
    for use in (
        lambda: codec.encode(silence(160)),
        lambda: codec.decode(b"\x08"),
        lambda: codec.conceal(160),
    ):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_a_frame_that_opus_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot encode 161 samples"):
        OpusCodec(8_000).encode(np.zeros(161, np.int16))


@settings(max_examples=60)
@given(st.binary(max_size=400), st.sampled_from(sorted(SNR_BOUNDS_DB)))
def test_any_payload_is_audio_or_a_remote_protocol_error(payload: bytes, name: str) -> None:
    codec = open_codec(name, sample_hz=8_000)
    try:
        samples = codec.decode(payload)
    except RemoteProtocolError:
        return
    assert samples.dtype == np.int16
    assert len(codec.recover(payload, samples_per_frame(codec.sample_hz))) == samples_per_frame(
        codec.sample_hz
    )


def test_without_libopus_everything_else_is_still_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_nothing(name: str) -> None:
        raise OSError(name)

    opus._library.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", load_nothing)
    try:
        assert [entry.name for entry in available_codecs()] == ["G722", "PCMA", "PCMU"]
        with pytest.raises(UnavailableError, match="no libopus"):
            open_codec("opus")
    finally:
        opus._library.cache_clear()


def test_native_state_is_freed_with_its_codec_even_without_close() -> None:
    codec = OpusCodec(8_000)
    finalizers = (codec._free_encoder, codec._free_decoder)
    assert all(finalizer.alive for finalizer in finalizers)
    del codec
    gc.collect()
    assert [finalizer.alive for finalizer in finalizers] == [False, False]


def test_a_concealed_length_that_opus_does_not_have_is_cut_from_one_it_has() -> None:
    assert np.array_equal(OpusCodec(8_000).conceal(33), silence(33))


def test_a_closed_g722_codec_is_done() -> None:
    codec = open_codec("G722")
    codec.close()
    codec.close()
    codec.expect_loss(10)
