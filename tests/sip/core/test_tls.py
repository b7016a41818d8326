"""TLS towards a server of our own making: who is trusted, and the sentence for each reason not to."""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from linegram.errors import LocalProtocolError
from linegram.sip.account import AccountConfig, KeepAliveMethod
from linegram.sip.events import CallEnded, EndCause, RegistrationChanged, RegistrationState
from linegram.sip.flow import TransportName
from linegram.sip.message import Request, Response
from linegram.sip.stream import StreamParser
from linegram.sip.tls_terms import TlsTerms
from linegram.units import AccountId
from tests.peers.certificates import Authority, Certificate
from tests.peers.waiting import until
from tests.sip.core.party import LIMIT_S, Party, party

HOST = "127.0.0.1"


class Registrar:
    """Says 200 to every REGISTER that comes by TLS, and counts its connections."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connections = 0
        self.requests: list[Request] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.peer_certificates: list[bytes | None] = []


@asynccontextmanager
async def registrar(
    certificate: Certificate, *, client_ca: Path | None = None, version: ssl.TLSVersion | None = None
) -> AsyncIterator[Registrar]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate_file, certificate.key_file)
    if client_ca is not None:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    if version is not None:
        context.minimum_version = context.maximum_version = version
    here = Registrar(0)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.connections += 1
        here.writers.append(writer)
        here.peer_certificates.append(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
        parser = StreamParser()
        while data := await reader.read(65_536):
            parser.feed(data)
            while (message := parser.next_message()) is not None:
                if isinstance(message, Request):
                    here.requests.append(message)
                    writer.write(bytes(_granted(message)))

    server = await asyncio.start_server(serve, HOST, 0, ssl=context)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()
        for writer in here.writers:
            writer.transport.abort()


def _granted(request: Request) -> Response:
    response = Response.make(request, 200, to_tag="far")
    for contact in request.headers.get_all("Contact"):
        response.headers.add("Contact", contact)
    return response


def account(port: int, terms: TlsTerms, *, number: int = 1, host: str = HOST) -> AccountConfig:
    return AccountConfig(
        AccountId(number),
        host,
        f"u{number}",
        "pw",
        server_port=port,
        transport=TransportName.TLS,
        tls=terms,
        keep_alive=KeepAliveMethod.OFF,
    )


async def outcome(port: int, terms: TlsTerms) -> RegistrationChanged:
    async with party(HOST) as us:
        us.transport.put_account(account(port, terms))
        return await us.wait_for(RegistrationChanged)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_a_server_whose_ca_and_name_are_right_is_trusted(authority: Authority) -> None:
    async with registrar(authority.sign(HOST)) as far:
        changed = await outcome(far.port, TlsTerms(ca_file=str(authority.ca_file)))
    assert (changed.state, changed.status) == (RegistrationState.REGISTERED, 200)
    (contact,) = far.requests[0].contacts
    assert contact.uri.parameter("transport") == "tls"
    assert far.requests[0].via.transport == "TLS"


@pytest.mark.parametrize(
    ("names", "days", "sentence"),
    [
        ((HOST,), (-30, -1), "the server's certificate has expired"),
        ((HOST,), (2, 30), "the server's certificate is not valid yet: check the clock of both machines"),
        (("other.example",), (-1, 30), "the server's certificate is not for 127.0.0.1"),
    ],
)
async def test_a_certificate_that_does_not_fit_is_refused_with_its_sentence(
    authority: Authority, names: tuple[str, ...], days: tuple[int, int], sentence: str
) -> None:
    async with registrar(authority.sign(*names, days=days)) as far:
        changed = await outcome(far.port, TlsTerms(ca_file=str(authority.ca_file)))
    assert (changed.state, changed.status) == (RegistrationState.RETRYING, 0)
    assert changed.reason == sentence
    assert far.requests == []


async def test_a_ca_that_nobody_named_is_refused_with_its_sentence(authority: Authority) -> None:
    async with registrar(authority.sign(HOST)) as far:
        changed = await outcome(far.port, TlsTerms())
    assert changed.reason == "the server's certificate comes from an unknown CA: name that CA's file"
    assert far.requests == []


async def test_another_name_than_the_servers_may_be_demanded(authority: Authority) -> None:
    async with registrar(authority.sign("pbx.example")) as far:
        terms = TlsTerms(ca_file=str(authority.ca_file), server_name="pbx.example")
        assert (await outcome(far.port, terms)).state is RegistrationState.REGISTERED


async def test_a_pinned_certificate_needs_no_ca_and_another_one_is_refused(authority: Authority) -> None:
    pinned, other = authority.sign("whatever.example"), authority.sign(HOST)
    terms = TlsTerms(fingerprint=pinned.fingerprint.upper())
    async with registrar(pinned) as far:
        assert (await outcome(far.port, terms)).state is RegistrationState.REGISTERED
    async with registrar(other) as far:
        changed = await outcome(far.port, terms)
        expected = f"is not the pinned one: its SHA-256 fingerprint is {other.fingerprint}"
        assert changed.reason == f"the server's certificate {expected}"
        assert far.requests == []


async def test_with_a_ca_file_a_pin_does_not_replace_the_name(authority: Authority) -> None:
    certificate = authority.sign("other.example")
    terms = TlsTerms(ca_file=str(authority.ca_file), fingerprint=certificate.fingerprint)
    async with registrar(certificate) as far:
        assert (await outcome(far.port, terms)).reason == "the server's certificate is not for 127.0.0.1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_certificate_is_shown_where_it_is_wanted(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    ours = authority.sign("linegram.example")
    terms = TlsTerms(str(authority.ca_file), str(ours.certificate_file), str(ours.key_file))
    async with registrar(authority.sign(HOST), client_ca=authority.ca_file, version=version) as far:
        assert (await outcome(far.port, terms)).state is RegistrationState.REGISTERED
        assert far.peer_certificates[0]


async def test_a_missing_client_certificate_is_named(authority: Authority) -> None:
    """By a blocking server: asyncio's own drops the alert that says so."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = authority.sign(HOST)
    context.load_cert_chain(certificate.certificate_file, certificate.key_file)
    context.load_verify_locations(authority.ca_file)
    context.verify_mode = ssl.CERT_REQUIRED

    def refuse(listener: socket.socket) -> None:
        accepted, _ = listener.accept()
        with context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False) as tls:
            with suppress(ssl.SSLError):
                tls.do_handshake()
            while os.read(tls.fileno(), 4096):  # who closes over unread bytes takes the alert back
                pass

    with socket.create_server((HOST, 0)) as listener:
        refusing = asyncio.create_task(asyncio.to_thread(refuse, listener))
        changed = await outcome(listener.getsockname()[1], TlsTerms(str(authority.ca_file)))
        await refusing
    assert changed.reason == "the server wants a client certificate, and none is set"


async def test_a_server_that_hangs_up_after_the_handshake_may_want_a_client_certificate(
    authority: Authority,
) -> None:
    version = ssl.TLSVersion.TLSv1_3
    async with registrar(authority.sign(HOST), client_ca=authority.ca_file, version=version) as far:
        changed = await outcome(far.port, TlsTerms(str(authority.ca_file)))
    assert changed.reason == (
        "the server closed the connection right after the TLS handshake: does it want a client certificate?"
    )


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        (TlsTerms(ca_file="/no/ca.pem"), "the CA file /no/ca.pem cannot be read: No such file or directory"),
        (TlsTerms(ca_file="/dev/null"), "the CA file /dev/null holds no certificate"),
        (
            TlsTerms(certificate_file="/no/us.pem"),
            "the client certificate /no/us.pem cannot be read: No such file or directory",
        ),
    ],
)
async def test_files_that_cannot_be_used_are_named(terms: TlsTerms, sentence: str) -> None:
    assert (await outcome(9, terms)).reason == sentence


async def test_a_port_that_speaks_plain_sip_is_told_from_tls(authority: Authority) -> None:
    def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SIP/2.0 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    changed = await outcome(server.sockets[0].getsockname()[1], TlsTerms(str(authority.ca_file)))
    server.close()
    assert changed.reason == "the answer at that port is not TLS: is it a TLS port?"


async def test_a_server_that_hangs_up_during_the_handshake_is_told(authority: Authority) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write_eof()
        writer.close()

    server = await asyncio.start_server(hang_up, HOST, 0)
    changed = await outcome(server.sockets[0].getsockname()[1], TlsTerms(str(authority.ca_file)))
    server.close()
    assert changed.reason in {
        "the server hung up during the TLS handshake: is it a TLS port?",
        "the server closed the connection",
    }


async def test_a_call_that_cannot_reach_its_server_says_why(authority: Authority) -> None:
    async with registrar(authority.sign("other.example")) as far, party(HOST) as us:
        config = replace(account(far.port, TlsTerms(str(authority.ca_file))), is_registering=False)
        us.transport.put_account(config)
        await us.resolved()
        us.transport.perform(
            lambda endpoint, now: endpoint.invite(AccountId(1), "600", sdp=b"v=0\r\n", now=now)
        )
        ended = await us.wait_for(CallEnded)
    assert ended.cause is EndCause.UNREACHABLE
    assert ended.reason == "the server's certificate is not for 127.0.0.1"


async def registered(us: Party, count: int) -> None:
    seen: set[AccountId] = set()
    async with asyncio.timeout(LIMIT_S):
        while len(seen) < count:
            event = await us.next_event()
            if isinstance(event, RegistrationChanged) and event.state is RegistrationState.REGISTERED:
                seen.add(event.account_id)


async def test_accounts_of_equal_terms_share_a_connection_and_others_do_not(authority: Authority) -> None:
    ours = authority.sign("linegram.example")
    plain = TlsTerms(str(authority.ca_file))
    own = TlsTerms(str(authority.ca_file), str(ours.certificate_file), str(ours.key_file))
    async with registrar(authority.sign(HOST)) as far, party(HOST) as us:
        for number, terms in enumerate((plain, plain, own, own), start=1):
            us.transport.put_account(account(far.port, terms, number=number))
        await registered(us, 4)
        assert far.connections == 2


async def test_a_ca_file_that_is_replaced_is_read_anew(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path, "other CA")
    named = tmp_path / "named.pem"
    named.write_bytes(other.ca_file.read_bytes())
    async with registrar(authority.sign(HOST)) as far, party(HOST) as us:
        us.transport.put_account(account(far.port, TlsTerms(str(named))))
        await us.wait_for_state(RegistrationState.RETRYING)
        named.write_bytes(authority.ca_file.read_bytes())
        us.transport.perform(lambda endpoint, now: endpoint.renew_registration(AccountId(1), now))
        await us.wait_for_state(RegistrationState.REGISTERED)


async def test_a_lost_tls_connection_is_opened_again(authority: Authority) -> None:
    async with registrar(authority.sign(HOST)) as far, party(HOST) as us:
        us.transport.put_account(account(far.port, TlsTerms(str(authority.ca_file))))
        await us.wait_for_state(RegistrationState.REGISTERED)
        far.writers[0].transport.abort()

        async def is_back() -> bool:
            return far.connections == 2 and len(far.requests) == 2

        await until(is_back, LIMIT_S)


@pytest.mark.parametrize(
    "text", ["AB:" * 31 + "AB", "sha-256 " + "ab" * 32, " " + "aB" * 32 + " ", "SHA256:" + "ab" * 32]
)
def test_a_fingerprint_is_read_in_every_usual_spelling(text: str) -> None:
    assert TlsTerms(fingerprint=text).fingerprint == "ab" * 32


@pytest.mark.parametrize("text", ["ab" * 31, "zz" * 32, "hello"])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(LocalProtocolError):
        TlsTerms(fingerprint=text)


async def test_a_call_left_by_another_process_is_ended_over_tls_under_the_accounts_terms(
    authority: Authority,
) -> None:
    async with registrar(authority.sign("pbx.example")) as far, party(HOST) as us:
        exported: dict[str, object] = {
            "account_id": 1,
            "sip_call_id": "left",
            "local": "<sip:u1@pbx.example>;tag=ours",
            "remote": "<sip:600@pbx.example>;tag=theirs",
            "remote_target": f"sip:600@{HOST}:{far.port};transport=tls",
            "route_set": [],
            "local_cseq": 1,
            "remote_cseq": None,
            "transport": "tls",
            "host": HOST,
            "port": far.port,
            "server_name": "pbx.example",
            "contact": "<sip:u1@10.0.0.1>",
        }
        config = account(far.port, TlsTerms(str(authority.ca_file)))
        us.transport.perform(lambda endpoint, now: endpoint.end_exported(exported, config, now))

        async def is_ended() -> bool:
            return [request.method for request in far.requests] == ["BYE"]

        await until(is_ended, LIMIT_S)
