"""Our codecs against FFmpeg's: what one encodes the other understands."""

import math

import numpy as np
import pytest
from av import AudioCodecContext, AudioFrame, AudioResampler, CodecContext, Packet

from linegram.audio.codec import open_codec
from linegram.audio.frame import PcmFrame, samples_per_frame
from linegram.audio.spectrum import has_tone, level_dbfs

FFMPEG_NAMES = {"PCMA": "pcm_alaw", "PCMU": "pcm_mulaw", "G722": "g722", "opus": "libopus"}


def tone(sample_hz: int) -> PcmFrame:
    angles = 2 * math.pi * 700 / sample_hz * np.arange(sample_hz)
    samples: PcmFrame = (9_000 * np.sin(angles)).astype(np.int16)
    return samples


def open_ffmpeg(name: str, mode: str, sample_hz: int) -> AudioCodecContext:
    context = CodecContext.create(FFMPEG_NAMES[name], "w" if mode == "w" else "r")
    assert isinstance(context, AudioCodecContext)
    context.sample_rate = sample_hz
    context.layout = "mono"
    context.format = "s16"
    return context


def as_samples(frames: list[AudioFrame], sample_hz: int) -> PcmFrame:
    resampler = AudioResampler(format="s16", layout="mono", rate=sample_hz)
    pieces = [piece.to_ndarray().reshape(-1) for frame in frames for piece in resampler.resample(frame)]
    samples: PcmFrame = np.concatenate(pieces).astype(np.int16)
    return samples


@pytest.mark.parametrize("name", FFMPEG_NAMES)
def test_ffmpeg_hears_what_we_encode(name: str) -> None:
    codec = open_codec(name)
    decoder, step, sent = (
        open_ffmpeg(name, "r", codec.sample_hz),
        samples_per_frame(codec.sample_hz),
        tone(codec.sample_hz),
    )
    frames = []
    for start in range(0, len(sent), step):
        frames += decoder.decode(Packet(codec.encode(sent[start : start + step])))
    heard = as_samples(frames, codec.sample_hz)[codec.sample_hz // 10 :]
    assert has_tone(heard, 700, codec.sample_hz, margin_db=0.2)
    assert level_dbfs(heard) == pytest.approx(level_dbfs(sent), abs=0.5)


@pytest.mark.parametrize("name", FFMPEG_NAMES)
def test_we_hear_what_ffmpeg_encodes(name: str) -> None:
    codec = open_codec(name)
    encoder, step, sent = (
        open_ffmpeg(name, "w", codec.sample_hz),
        samples_per_frame(codec.sample_hz),
        tone(codec.sample_hz),
    )
    heard = []
    for start in range(0, len(sent), step):
        frame = AudioFrame.from_ndarray(sent[None, start : start + step].copy(), format="s16", layout="mono")
        frame.sample_rate = codec.sample_hz
        heard += [codec.decode(bytes(packet)) for packet in encoder.encode(frame)]
    samples = np.concatenate(heard)[codec.sample_hz // 10 :]
    assert has_tone(samples, 700, codec.sample_hz, margin_db=0.2)
    assert level_dbfs(samples) == pytest.approx(level_dbfs(sent), abs=0.5)


@pytest.mark.parametrize("name", ["PCMA", "PCMU"])
def test_all_codes_of_g711_mean_the_same_to_ffmpeg(name: str) -> None:
    codes = bytes(range(256))
    (frame,) = open_ffmpeg(name, "r", 8_000).decode(Packet(codes))
    assert np.array_equal(frame.to_ndarray().reshape(-1), open_codec(name).decode(codes))
