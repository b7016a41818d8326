"""GSM, Speex and G.729 by libraries of the machine: a tone gets through, strange bytes raise one error."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linegram.agent.media_terms import local_audio
from linegram.audio import system_library
from linegram.audio.codec import Codec, available_codecs, open_codec
from linegram.audio.frame import PcmFrame, samples_per_frame
from linegram.audio.spectrum import dominant_hz, level_dbfs
from linegram.audio.tones import ToneGenerator, parse_cadence
from linegram.errors import RemoteProtocolError, UnavailableError
from linegram.media.control import LocalMedia
from tests.peers.available import find_peer

NAMES = ("GSM", "speex", "speex/16000", "G729")
BYTES = {"GSM": 33, "speex": 38, "speex/16000": 70, "G729": 20}
"""How long a packet of 20 ms is."""

pytestmark = pytest.mark.peer("codecs")


@pytest.fixture(autouse=True, scope="module")
def libraries() -> Iterator[None]:
    """Let this machine have the libraries, as one has where an administrator installed them."""
    before = list(system_library._folders)
    for folder in find_peer("codecs").library_dirs:
        system_library.search_also(folder)
    yield
    system_library._folders[:] = before
    system_library.find_library.cache_clear()


def said(codec: Codec, hz: int, seconds: float = 1.0) -> list[PcmFrame]:
    generator = ToneGenerator(parse_cadence(f"{hz}/10000"), codec.sample_hz)
    return [generator.frame() for _ in range(int(seconds * 50))]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_tone_gets_through_in_packets_of_20_to_60_ms(name: str, frames: int) -> None:
    codec = open_codec(name)
    sent = said(codec, 700)
    heard = [
        codec.decode(codec.encode(np.concatenate(sent[at : at + frames])))
        for at in range(0, len(sent) - frames, frames)
    ]
    assert {len(one) for one in heard} == {samples_per_frame(codec.sample_hz) * frames}
    settled = np.concatenate(heard)[codec.sample_hz // 4 :]
    assert dominant_hz(settled, codec.sample_hz) == pytest.approx(700, abs=3)
    assert level_dbfs(settled) == pytest.approx(level_dbfs(np.concatenate(sent)), abs=2.5)
    assert len(codec.encode(sent[0])) == BYTES[name]
    codec.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_lost_packet_is_covered_and_the_sound_goes_on(name: str) -> None:
    codec = open_codec(name)
    count = samples_per_frame(codec.sample_hz)
    for frame in said(codec, 500, 0.5):
        heard = codec.decode(codec.encode(frame))
    covered = codec.recover(b"following", count)
    assert len(covered) == count
    assert level_dbfs(covered) == pytest.approx(level_dbfs(heard), abs=8)
    assert len(codec.conceal(count * 3)) == count * 3


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(payload=st.binary(max_size=200))
def test_any_bytes_are_sound_or_refused(name: str, payload: bytes) -> None:
    codec = open_codec(name)
    try:
        assert codec.decode(payload).dtype == np.int16
    except RemoteProtocolError:
        pass
    finally:
        codec.close()


@pytest.mark.parametrize("name", NAMES)
def test_wrong_lengths_and_closed_codecs_never_reach_the_library(name: str) -> None:
    codec = open_codec(name)
    for count in (0, 1, samples_per_frame(codec.sample_hz) + 1):
        with pytest.raises(ValueError, match="cannot encode"):
            codec.encode(np.zeros(count, np.int16))
    codec.close()
    codec.close()
    with pytest.raises(ValueError, match="cannot encode"):
        codec.encode(said_silence(codec))
    with pytest.raises(RemoteProtocolError):
        codec.decode(bytes(33))
    assert len(codec.conceal(160)) == 160


def said_silence(codec: Codec) -> PcmFrame:
    return np.zeros(samples_per_frame(codec.sample_hz), np.int16)


def test_they_are_offered_where_their_libraries_are() -> None:
    ours = local_audio(LocalMedia("192.0.2.1", 4000), ("g729", "gsm", "speex/16000", "speex", "alaw"), "1")
    assert [(codec.name, codec.clock_hz) for codec in ours.codecs] == [
        ("G729", 8000),
        ("GSM", 8000),
        ("speex", 16000),
        ("speex", 8000),
        ("PCMA", 8000),
    ]


def test_a_machine_without_them_offers_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_library, "find_library", lambda _: None)
    assert {codec.name for codec in available_codecs()}.isdisjoint({"GSM", "speex", "G729"})
    with pytest.raises(UnavailableError, match="libgsm is not installed"):
        open_codec("GSM")
