"""In-band error correction is really there: asking libopus for it is not enough (issue 3)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.audio import opus
from linegram.audio.frame import PcmFrame
from linegram.audio.opus import LEAST_LOSS_PERCENT, Effort, OpusCodec
from linegram.audio.spectrum import level_dbfs, snr_db
from linegram.sandbox.demo_speech import Speaker, speech


def packets(codec: OpusCodec, ptime_ms: int, seconds: float = 3.0) -> list[bytes]:
    said = speech(Speaker(120.0, 7), seconds, codec.sample_hz)
    length = codec.sample_hz * ptime_ms // 1000
    return [codec.encode(said[at : at + length]) for at in range(0, len(said) - length + 1, length)]


@pytest.mark.parametrize("loss_percent", [LEAST_LOSS_PERCENT, 20, 40])
@pytest.mark.parametrize("sample_hz", [8_000, 12_000, 16_000, 24_000, 48_000])
def test_speech_carries_redundancy_at_every_rate_and_expected_loss(sample_hz: int, loss_percent: int) -> None:
    codec = OpusCodec(sample_hz)
    codec.expect_loss(loss_percent)
    carrying = [codec.carries_redundancy(packet) for packet in packets(codec, 20)]
    assert sum(carrying) > 0.7 * len(carrying)


def test_too_few_bits_carry_none_whatever_is_set() -> None:
    codec = OpusCodec(8_000, effort=Effort(16_000, 0))
    assert not any(codec.carries_redundancy(packet) for packet in packets(codec, 20))


@pytest.mark.parametrize("missing_ms", [20, 40, 60, 80])
def test_a_lost_60_ms_packet_is_restored_as_far_as_it_is_missing(missing_ms: int) -> None:
    """Less than a packet is missing after a wait; what is missing before the packet is concealed."""
    sent = packets(OpusCodec(16_000, effort=Effort(32_000, 5)), 60)
    whole, lossy = OpusCodec(8_000), OpusCodec(8_000)
    reference = [whole.decode(packet) for packet in sent]
    for packet in sent[:25]:
        lossy.decode(packet)
    restored = lossy.recover(sent[26], 8 * missing_ms)
    assert len(restored) == 8 * missing_ms
    common = min(len(restored), 480)
    assert snr_db(reference[25][-common:], restored[-common:]) > 5.0


def test_without_redundancy_the_decoder_conceals() -> None:
    sent = packets(OpusCodec(8_000, effort=Effort(16_000, 0)), 20)
    one, other = OpusCodec(8_000), OpusCodec(8_000)
    for packet in sent[:20]:
        one.decode(packet)
        other.decode(packet)
    concealed: PcmFrame = one.conceal(160)
    assert np.array_equal(concealed, other.recover(sent[21], 160))
    assert level_dbfs(concealed) > -60


def test_an_older_libopus_that_cannot_tell_is_left_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = OpusCodec(8_000)
    monkeypatch.setattr(codec, "_has_redundancy", opus._perhaps)
    assert codec.carries_redundancy(b"\x08\x00")
    assert not codec.carries_redundancy(b"\x08")
    assert len(codec.recover(b"\x08\x00", 160)) == 160


@given(st.binary(max_size=100), st.integers(0, 960))
def test_any_packet_gives_as_many_samples_as_are_missing(following: bytes, missing: int) -> None:
    codec = OpusCodec(8_000)
    assert len(codec.recover(following, missing)) == missing
    assert len(codec.conceal(missing)) == missing
