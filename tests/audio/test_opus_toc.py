"""What the first bytes of Opus packets tell, held against libopus itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.audio.opus import OpusCodec
from linegram.audio.opus_toc import read_opus_form, split_opus
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


def sound(codec: OpusCodec, length_ms: int) -> bytes:
    noise = np.random.default_rng(5).normal(0, 5000, 48 * length_ms).astype(np.int16)
    return codec.encode(noise)


def test_the_frames_of_a_long_packet_sound_alone_as_they_did_together() -> None:
    encoder, whole, parts = (OpusCodec(48_000) for _ in range(3))
    for _ in range(5):
        payload = sound(encoder, 60)
        split = split_opus(payload)
        assert len(split) == 3
        assert {read_opus_form(part).duration_ms for part in split} == {20}
        heard = np.concatenate([parts.decode(part) for part in split])
        assert np.array_equal(heard, whole.decode(payload))


@pytest.mark.parametrize(
    ("payload", "frames"),
    [
        (b"\x78abc", [b"\x78abc"]),
        (b"\x79abcd", [b"\x78ab", b"\x78cd"]),
        (b"\x7a\x01abc", [b"\x78a", b"\x78bc"]),
        (b"\x7b\x03abcdef", [b"\x78ab", b"\x78cd", b"\x78ef"]),
        (b"\x7b\x83\x01\x02abcdef", [b"\x78a", b"\x78bc", b"\x78def"]),
        (b"\x7b\x42\x02abcd\x00\x00", [b"\x78ab", b"\x78cd"]),
        (b"\x7a\xfc\x00" + bytes(252) + b"z", [b"\x78" + bytes(252), b"\x78z"]),
    ],
)
def test_frames_are_cut_by_the_code_of_their_packet(payload: bytes, frames: list[bytes]) -> None:
    assert split_opus(payload) == frames


@pytest.mark.parametrize(
    "payload",
    [b"\x7a\x09abc", b"\x7a\xfc", b"\x7b\x03abcd", b"\x7b\x42\x09abcd", b"\x7b\x42\xff", b"\x7b\x83\x01"],
)
def test_what_cannot_be_cut_is_refused(payload: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        split_opus(payload)


@given(st.binary(max_size=60))
def test_splitting_garbage_raises_one_error_or_gives_frames_of_equal_length(payload: bytes) -> None:
    try:
        split = split_opus(payload)
    except RemoteProtocolError:
        return
    forms = [read_opus_form(part) for part in split]
    assert sum(form.duration_ticks for form in forms) == read_opus_form(payload).duration_ticks
    assert {form.frame_count for form in forms} == {1}
