"""G.711 against points of the recommendation that do not come from our own tables."""

import numpy as np
import pytest

from linegram.audio.g711 import G711Codec


@pytest.mark.parametrize(
    ("name", "code", "level"),
    [
        ("PCMU", 0xFF, 0),
        ("PCMU", 0x7F, 0),
        ("PCMU", 0x80, 32_124),
        ("PCMU", 0x00, -32_124),
        ("PCMU", 0xFE, 8),
        ("PCMA", 0xD5, 8),
        ("PCMA", 0x55, -8),
        ("PCMA", 0xAA, 32_256),
        ("PCMA", 0x2A, -32_256),
    ],
)
def test_known_codes_decode_to_the_levels_of_the_recommendation(name: str, code: int, level: int) -> None:
    assert G711Codec(name).decode(bytes((code,)))[0] == level


@pytest.mark.parametrize(("name", "code"), [("PCMU", 0xFF), ("PCMA", 0xD5)])
def test_silence_is_the_code_that_peers_expect(name: str, code: int) -> None:
    assert G711Codec(name).encode(np.zeros(3, np.int16)) == bytes((code,)) * 3


@pytest.mark.parametrize("name", ["PCMA", "PCMU"])
def test_every_code_survives_decoding_and_encoding(name: str) -> None:
    codec = G711Codec(name)
    codes = bytes(range(256))
    again = codec.encode(codec.decode(codes))
    assert [code for code in codes if again[code] != code] == ([0x7F] if name == "PCMU" else [])


@pytest.mark.parametrize("name", ["PCMA", "PCMU"])
def test_every_sample_takes_the_nearest_level(name: str) -> None:
    codec = G711Codec(name)
    samples = np.arange(-32_768, 32_768).astype(np.int16)
    levels = np.unique(codec.decode(bytes(range(256)))).astype(np.int32)
    chosen = np.abs(codec.decode(codec.encode(samples)).astype(np.int32) - samples)
    nearest = np.min(np.abs(levels[None, :] - samples.astype(np.int32)[:, None]), axis=1)
    assert np.array_equal(chosen, nearest)


def test_another_law_is_refused() -> None:
    with pytest.raises(ValueError, match="not a law"):
        G711Codec("G726")
