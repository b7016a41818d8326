"""Digest: the vectors of the RFCs, and when to try again and when to stop."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linegram.errors import LocalProtocolError, RemoteProtocolError
from linegram.sip.digest import Challenge, Credentials, DigestSession, compute_response, strongest
from linegram.sip.fields import CSeq
from linegram.sip.headers import Headers
from linegram.sip.message import Request, Response, parse_datagram
from linegram.sip.uri import SipUri
from tests.sip.golden import golden

MUFASA = Credentials("Mufasa", "Circle of Life")
RFC_7616_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
RFC_7616_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
GET_INDEX = ("GET", "/dir/index.html")


def make_request(number: int = 1, method: str = "REGISTER", sip_call_id: str = "call-1") -> Request:
    """Return a request as an account sends it."""
    headers = Headers([("Via", "SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1"), ("From", "<sip:a@pbx>;tag=1")])
    headers.add("To", "<sip:a@pbx>")
    headers.add("Call-ID", sip_call_id)
    headers.add("CSeq", str(CSeq(number, method)))
    return Request(method, SipUri("sip", None, "pbx"), headers)


def refuse(request: Request, *challenges: str, status: int = 401) -> Response:
    """Return a refusal of `request` with these challenges."""
    response = Response.make(request, status)
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    for challenge in challenges:
        response.headers.add(name, f"Digest {challenge}")
    return response


def test_the_vector_of_rfc_2617() -> None:
    challenge = Challenge(
        "testrealm@host.com", "dcd98b7102dd2f0e8b11d0f600bfb0c093", qop=("auth", "auth-int")
    )
    credentials = Credentials("Mufasa", "Circle Of Life")
    response = compute_response(challenge, credentials, GET_INDEX, (1, "0a4f113b"))
    assert response == "6629fae49393a05397450978507c4ef1"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_vectors_of_rfc_7616(algorithm: str, expected: str) -> None:
    challenge = Challenge("http-auth@example.org", RFC_7616_NONCE, algorithm, ("auth", "auth-int"))
    assert compute_response(challenge, MUFASA, GET_INDEX, (1, RFC_7616_CNONCE)) == expected


def test_the_corrected_vector_of_sha_512_256() -> None:
    """RFC 7616 section 3.9.2 as erratum 4897 corrects it."""
    challenge = Challenge(
        "api@example.org", "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", "SHA-512-256", ("auth",)
    )
    credentials = Credentials("Jäsøn Doe", "Secret, or not?")
    cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v"
    expected = "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert compute_response(challenge, credentials, ("GET", "/doe.json"), (1, cnonce)) == expected


def test_a_challenge_without_qop_is_answered_the_old_way() -> None:
    session = DigestSession(MUFASA)
    request = make_request()
    assert session.learn(refuse(request, 'realm="pbx", nonce="n1"'))
    session.authorize(request, "c1")
    value = request.headers.get("Authorization") or ""
    assert "qop" not in value
    assert "cnonce" not in value


def test_a_challenge_is_read_with_commas_and_escapes_inside_quotes() -> None:
    value = (
        'DIGEST realm="a, \\"b\\"" ,nonce = "n,1",qop="auth-int, AUTH", stale=TRUE, algorithm=sha-256, x=y'
    )
    challenge = Challenge.parse(value, is_proxy=True)
    assert challenge == Challenge('a, "b"', "n,1", "SHA-256", ("auth-int", "auth"), None, True, True)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic realm=x",
        'Digest realm="x"',
        "Digest nonce=x",
        'Digest realm="x',
        'Digest realm="x" nonce="y"',
    ],
)
def test_a_broken_challenge_is_the_peers_error(value: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Challenge.parse(value, is_proxy=False)


@given(st.text(max_size=80))
def test_any_challenge_is_read_or_the_peers_error(text: str) -> None:
    try:
        challenge = Challenge.parse(f"Digest realm=r, nonce=n, {text}", is_proxy=False)
    except RemoteProtocolError:
        return
    assert challenge.realm == "r"


def test_the_strongest_algorithm_wins_and_unknown_ones_are_passed_over() -> None:
    names = ["MD5", "SHA-256", "SHA-512-256", "MD5-SESS", "TOKEN"]
    challenges = [Challenge("r", "n", name, ("auth",)) for name in names]
    best = strongest(challenges)
    assert best is not None
    assert best.algorithm == "SHA-512-256"
    assert strongest(challenges[3:]) is None
    assert strongest([Challenge("r", "n", qop=("auth-conf",))]) is None


def test_the_two_challenges_of_asterisk_are_answered_once_and_with_sha_256() -> None:
    session = DigestSession(MUFASA)
    response = parse_datagram(golden("sip", "asterisk22_401_two_challenges.sip"))
    assert isinstance(response, Response)
    assert session.learn(response)
    request = make_request()
    session.authorize(request, "c1")
    [value] = request.headers.get_all("Authorization")
    assert "algorithm=SHA-256" in value
    assert 'opaque="5ccc069c403ebaf9"' in value


def test_a_known_nonce_is_reused_and_counted() -> None:
    session = DigestSession(MUFASA)
    assert session.learn(refuse(make_request(), 'realm="pbx", nonce="n1", qop="auth"'))
    for count in ("00000001", "00000002", "00000003"):
        request = make_request()
        session.authorize(request, "c")
        assert f"nc={count}" in (request.headers.get("Authorization") or "")


def test_nothing_is_sent_before_the_first_challenge() -> None:
    request = make_request()
    DigestSession(MUFASA).authorize(request, "c")
    assert "Authorization" not in request.headers


def test_the_same_nonce_refused_again_is_a_wrong_password() -> None:
    session = DigestSession(MUFASA)
    assert session.learn(refuse(make_request(), 'realm="pbx", nonce="n1", qop="auth"'))
    request = make_request(2)
    session.authorize(request, "c")
    assert not session.learn(refuse(request, 'realm="pbx", nonce="n1", qop="auth"'))
    later = make_request(3)
    session.authorize(later, "c")
    assert "Authorization" not in later.headers


def test_a_server_with_a_fresh_nonce_each_time_gets_two_tries() -> None:
    session = DigestSession(MUFASA)
    outcomes = []
    for number in range(1, 4):
        request = make_request(number)
        session.authorize(request, "c")
        outcomes.append(session.learn(refuse(request, f'realm="pbx", nonce="n{number}"')))
    assert outcomes == [True, True, False]


def test_a_stale_nonce_is_replaced_but_not_for_ever() -> None:
    session = DigestSession(MUFASA)
    outcomes = []
    for number in range(1, 6):
        request = make_request(number)
        session.authorize(request, "c")
        outcomes.append(session.learn(refuse(request, f'realm="pbx", nonce="n{number}", stale=true')))
    assert outcomes == [True, True, True, True, False]


def test_a_success_in_between_makes_an_expired_nonce_harmless() -> None:
    session = DigestSession(MUFASA)
    number = 0
    for nonce in range(6):
        for _ in range(2):
            number += 1
            request = make_request(number)
            session.authorize(request, "c")
        assert session.learn(refuse(request, f'realm="pbx", nonce="n{nonce}"'))


def test_a_refused_request_that_carried_nothing_does_not_count_against_us() -> None:
    session = DigestSession(MUFASA)
    early, other = make_request(1, "INVITE", "a"), make_request(1, "INVITE", "b")
    for request in (early, other):
        session.authorize(request, "c")
    challenge = 'realm="pbx", nonce="n1", qop="auth"'
    assert session.learn(refuse(early, challenge))
    assert session.learn(refuse(other, challenge))


def test_a_proxy_and_a_registrar_are_answered_side_by_side() -> None:
    session = DigestSession(MUFASA)
    request = make_request()
    assert session.learn(refuse(request, 'realm="proxy", nonce="p1"', status=407))
    session.authorize(request, "c")
    assert session.learn(refuse(request, 'realm="pbx", nonce="n1"'))
    again = make_request(3)
    session.authorize(again, "c")
    assert 'realm="proxy"' in (again.headers.get("Proxy-Authorization") or "")
    assert 'realm="pbx"' in (again.headers.get("Authorization") or "")
    assert len(again.headers.get_all("Authorization")) == 1


def test_a_refusal_without_a_challenge_that_we_can_answer_ends_it() -> None:
    session = DigestSession(MUFASA)
    request = make_request()
    assert not session.learn(refuse(request))
    assert not session.learn(refuse(request, 'realm="pbx", nonce="n", algorithm=AKAv1-MD5'))
    response = Response.make(request, 401)
    response.headers.add("WWW-Authenticate", "NTLM")
    assert not session.learn(response)


def test_memory_does_not_grow_with_the_calls() -> None:
    session = DigestSession(MUFASA)
    assert session.learn(refuse(make_request(), 'realm="pbx", nonce="n1"'))
    for number in range(500):
        session.authorize(make_request(1, "INVITE", f"call-{number}"), "c")
    assert len(session._sent) <= 32


def test_a_server_cannot_make_us_remember_realms_without_end() -> None:
    session = DigestSession(MUFASA)
    for number in range(50):
        assert session.learn(refuse(make_request(), f'realm="r{number}", nonce="n"'))
    request = make_request()
    session.authorize(request, "c")
    assert len(request.headers.get_all("Authorization")) <= 8
    assert 'realm="r49"' in request.headers.get_all("Authorization")[-1]


def test_a_password_is_not_shown() -> None:
    assert "Circle" not in repr(MUFASA)


def test_an_unsupported_algorithm_cannot_be_computed() -> None:
    with pytest.raises(LocalProtocolError):
        compute_response(Challenge("r", "n", "MD5-SESS"), MUFASA, GET_INDEX, (1, "c"))


def test_a_body_is_protected_where_nothing_less_is_offered() -> None:
    """RFC 7616 3.4.3; the value was computed by hand with hashlib."""
    session = DigestSession(MUFASA)
    request = make_request(method="INVITE")
    assert session.learn(refuse(request, 'realm="r", nonce="n", qop="auth-int", algorithm=MD5'))
    again = make_request(2, method="INVITE")
    again.body = b"v=0\r\n"
    session.authorize(again, "c")
    value = again.headers.get("Authorization") or ""
    secret = md5(b"Mufasa:r:Circle of Life")
    message = md5(f"INVITE:sip:pbx:{md5(again.body)}".encode())
    expected = md5(f"{secret}:n:00000001:c:auth-int:{message}".encode())
    assert "qop=auth-int" in value
    assert f'response="{expected}"' in value


def test_plain_auth_is_preferred_to_the_protection_of_bodies() -> None:
    session = DigestSession(MUFASA)
    session.learn(refuse(make_request(), 'realm="r", nonce="n", qop="auth-int,auth"'))
    request = make_request(2)
    session.authorize(request, "c")
    assert "qop=auth," in (request.headers.get("Authorization") or "")


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
