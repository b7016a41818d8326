"""Keys for SRTP in offer and answer: who encrypts with what, and when a stream is refused."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import RemoteProtocolError
from linegram.sip.offer_answer import (
    PCMA,
    PCMU,
    LocalAudio,
    NoCommonCodecError,
    answer,
    make_offer,
    read_answer,
)
from linegram.sip.sdp import Sdp
from linegram.sip.sdp_crypto import KEY_BYTES, CryptoLine, LocalSrtp, SrtpPolicy

OFF, PREFERRED, REQUIRED = SrtpPolicy
POLICIES = [*SrtpPolicy]


def side(policy: SrtpPolicy, seed: int) -> LocalAudio:
    keys = LocalSrtp.with_keys(policy, random.Random(seed).randbytes)
    return LocalAudio(f"192.0.2.{seed}", 30000, (PCMA, PCMU), str(seed), srtp=keys)


@pytest.mark.parametrize("caller", POLICIES)
@pytest.mark.parametrize("callee", POLICIES)
def test_two_sides_agree_on_encryption_by_their_policies(caller: SrtpPolicy, callee: SrtpPolicy) -> None:
    ours, theirs = side(caller, 1), side(callee, 2)
    offer = Sdp.parse(bytes(make_offer(ours)))
    if {caller, callee} == {OFF, REQUIRED}:
        with pytest.raises(NoCommonCodecError):
            answer(offer, theirs)
        return
    answered = answer(offer, theirs)
    stream = read_answer(offer, Sdp.parse(bytes(answered.sdp)))
    if OFF in {caller, callee}:
        assert stream.srtp is answered.stream.srtp is None
        return
    assert stream.srtp is not None
    assert answered.stream.srtp is not None
    assert stream.srtp.suite == answered.stream.srtp.suite == "AEAD_AES_128_GCM"
    assert (stream.srtp.ours, stream.srtp.theirs) == (answered.stream.srtp.theirs, answered.stream.srtp.ours)
    assert stream.srtp.ours != stream.srtp.theirs


@pytest.mark.parametrize(
    ("policy", "protocol"), [(OFF, "RTP/AVP"), (PREFERRED, "RTP/AVP"), (REQUIRED, "RTP/SAVP")]
)
def test_what_is_offered(policy: SrtpPolicy, protocol: str) -> None:
    audio = make_offer(side(policy, 1)).media[0]
    assert audio.protocol == protocol
    assert [line.split()[1] for line in audio.attribute_values("crypto")] == (
        [] if policy is OFF else [*KEY_BYTES]
    )


def test_a_re_offer_keeps_keys_and_protocol() -> None:
    ours, theirs = side(PREFERRED, 1), side(REQUIRED, 2)
    offer = Sdp.parse(bytes(make_offer(theirs)))
    answered = answer(offer, ours)
    again = make_offer(ours, answered.sdp, theirs=offer)
    assert again.media[0].protocol == "RTP/SAVP"
    second = answer(Sdp.parse(bytes(again)), theirs, offer)
    assert second.stream.srtp is not None
    assert answered.stream.srtp is not None
    assert (second.stream.srtp.ours, second.stream.srtp.theirs) == (
        answered.stream.srtp.theirs,
        answered.stream.srtp.ours,
    )


def test_the_offerers_order_of_suites_counts() -> None:
    ours = side(PREFERRED, 1)
    weak = replace(ours, srtp=replace(ours.srtp, lines=tuple(reversed(ours.srtp.lines))))
    answered = answer(Sdp.parse(bytes(make_offer(weak))), side(PREFERRED, 2))
    assert answered.stream.srtp is not None
    assert answered.stream.srtp.suite == "AES_CM_128_HMAC_SHA1_32"
    assert answered.sdp.media[0].attribute_values("crypto")[0].startswith("4 AES_CM_128_HMAC_SHA1_32 inline:")


def test_an_answer_without_keys_to_a_secured_offer_is_refused() -> None:
    ours = side(REQUIRED, 1)
    offer = make_offer(ours)
    plain = answer(Sdp.parse(bytes(make_offer(side(OFF, 3)))), side(OFF, 2)).sdp
    with pytest.raises(RemoteProtocolError, match="none of our keys"):
        read_answer(offer, plain)


@given(st.integers(1, 10**9 - 1), st.sampled_from([*KEY_BYTES]), st.randoms(use_true_random=False))
def test_a_line_is_read_as_it_was_written(tag: int, suite: str, random_: random.Random) -> None:
    line = CryptoLine(tag, suite, random_.randbytes(KEY_BYTES[suite]))
    assert CryptoLine.parse(str(line)) == line


KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"


@pytest.mark.parametrize(
    ("value", "is_followed"),
    [
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}", True),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20", True),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4", False),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTP", False),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} WSH=64", True),
        (f"1 F8_128_HMAC_SHA1_80 inline:{KEY}", False),
        (f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY[:20]}", False),
        ("1 AES_CM_128_HMAC_SHA1_80 uri:nowhere", False),
    ],
)
def test_lines_that_cannot_be_followed_are_passed_over(value: str, *, is_followed: bool) -> None:
    assert (CryptoLine.parse(value) is not None) is is_followed


@pytest.mark.parametrize("value", ["", "1", "x AES inline:a", "1 AES_CM_128_HMAC_SHA1_80 inline:%%%"])
def test_a_malformed_line_is_refused(value: str) -> None:
    with pytest.raises(RemoteProtocolError):
        CryptoLine.parse(value)


def test_keys_are_never_shown() -> None:
    line = CryptoLine(1, "AES_CM_128_HMAC_SHA1_80", b"k" * 30)
    assert "kkk" not in repr(line)
    assert "kkk" not in repr(side(REQUIRED, 1).srtp)


def test_who_does_not_encrypt_does_not_mind_malformed_keys() -> None:
    offer = Sdp.parse(bytes(make_offer(side(PREFERRED, 1))).replace(b"inline:", b"inline:%%"))
    assert answer(offer, side(OFF, 2)).stream.srtp is None
    with pytest.raises(RemoteProtocolError):
        answer(offer, side(PREFERRED, 2))
