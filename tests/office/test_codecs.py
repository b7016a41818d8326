"""Lists of codecs and DTMF methods are read as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RefusedError
from linegram.office.codecs import (
    DEFAULT_CODECS,
    DEFAULT_DTMF,
    DtmfMethod,
    parse_codecs,
    parse_dtmf,
    render_codecs,
    render_dtmf,
)


@pytest.mark.parametrize(
    ("text", "codecs"),
    [
        ("opus, g722/16 000,alaw, mulaw, g729", ("opus", "g722", "alaw", "mulaw", "g729")),
        ("PCMA,pcmu", ("alaw", "mulaw")),
        ("alaw", ("alaw",)),
        ("alaw,,alaw/8000, pcma", ("alaw",)),
        ("g722/8000", ("g722",)),
        ("speex/16000,speex", ("speex/16000", "speex")),
        ("`opus`", ("opus",)),
        ("", DEFAULT_CODECS),
        (" , ", DEFAULT_CODECS),
    ],
)
def test_codec_lists(text: str, codecs: tuple[str, ...]) -> None:
    assert parse_codecs(text) == codecs


@pytest.mark.parametrize(
    ("text", "named"), [("opus,mp3,ilbc", "mp3, ilbc"), ("alaw/16000", "alaw/16000"), ("alaw/", "alaw/")]
)
def test_unknown_codecs_are_named(text: str, named: str) -> None:
    with pytest.raises(RefusedError, match=f"Unknown codec: {named}"):
        parse_codecs(text)


@pytest.mark.parametrize(
    ("text", "methods"),
    [
        ("rfc2833", (DtmfMethod.RFC2833,)),
        ("info, RFC4733 ,inband", (DtmfMethod.INFO, DtmfMethod.RFC2833, DtmfMethod.INBAND)),
        ("", DEFAULT_DTMF),
    ],
)
def test_dtmf_lists(text: str, methods: tuple[DtmfMethod, ...]) -> None:
    assert parse_dtmf(text) == methods


def test_unknown_dtmf_methods_are_named() -> None:
    with pytest.raises(RefusedError, match="Unknown DTMF method: tones"):
        parse_dtmf("info,tones")


@given(
    st.lists(
        st.sampled_from(["opus", "g722", "alaw", "mulaw", "g729", "gsm", "speex", "speex/32000"]), min_size=1
    )
)
def test_written_codecs_are_read_back(codecs: list[str]) -> None:
    once = parse_codecs(render_codecs(codecs))
    assert parse_codecs(render_codecs(once)) == once == tuple(dict.fromkeys(codecs))


@given(st.lists(st.sampled_from(DtmfMethod), min_size=1, unique=True))
def test_written_dtmf_methods_are_read_back(methods: list[DtmfMethod]) -> None:
    assert parse_dtmf(render_dtmf(methods)) == tuple(methods)


@given(st.text(max_size=50))
def test_any_text_is_a_list_or_is_refused(text: str) -> None:
    for parse in (parse_codecs, parse_dtmf):
        try:
            assert parse(text)
        except RefusedError:
            continue
