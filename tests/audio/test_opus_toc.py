"""What the first bytes of Opus packets tell, held against libopus itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.audio.opus import OpusCodec
from linegram.audio.opus_toc import read_opus_form
from linegram.errors import RemoteProtocolError


@pytest.mark.parametrize("length_ms", [2.5, 5, 10, 20, 40, 60])
@pytest.mark.parametrize("sample_hz", [8_000, 16_000, 48_000])
def test_the_length_of_what_libopus_made_is_told(length_ms: float, sample_hz: int) -> None:
    codec = OpusCodec(sample_hz)
    form = read_opus_form(codec.encode(np.zeros(int(sample_hz * length_ms / 1000), np.int16)))
    assert form.duration_ms == length_ms
    assert not form.is_stereo
    codec.close()


@pytest.mark.parametrize(
    ("payload", "frames", "ticks", "is_stereo"),
    [
        (b"\x00", 1, 480, False),
        (b"\x78", 1, 960, False),
        (b"\x1c" + bytes(9), 1, 2880, True),
        (b"\x09" + bytes(4), 2, 960, False),
        (b"\xe2\x01" + bytes(4), 2, 120, False),
        (b"\xfb\x06" + bytes(12), 6, 960, False),
        (b"\x1f\x82" + bytes(4), 2, 2880, True),
    ],
)
def test_frames_their_length_and_stereo_are_told(
    payload: bytes, frames: int, ticks: int, is_stereo: bool
) -> None:
    form = read_opus_form(payload)
    assert (form.frame_count, form.frame_ticks, form.is_stereo) == (frames, ticks, is_stereo)
    assert form.duration_ticks == frames * ticks


@pytest.mark.parametrize("payload", [b"", b"\x09\x00", b"\x1b", b"\x1b\x00", b"\x1b\x03"])
def test_what_no_decoder_takes_is_refused(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read_opus_form(payload)


@given(st.binary(max_size=80))
def test_what_libopus_decodes_is_told_at_its_length_and_garbage_raises_one_error(payload: bytes) -> None:
    codec = OpusCodec(48_000)
    try:
        samples = codec.decode(payload)
    except RemoteProtocolError:
        samples = None
    try:
        form = read_opus_form(payload)
    except RemoteProtocolError:
        assert samples is None
        return
    finally:
        codec.close()
    if samples is not None:
        assert form.duration_ticks == len(samples)
