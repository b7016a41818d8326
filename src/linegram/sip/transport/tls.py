"""TLS towards a server: the context of an account's terms, the pin, and a sentence for each failure."""

import hashlib
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from linegram.errors import UnavailableError
from linegram.sip.tls_terms import TlsTerms

HANDSHAKE_LIMIT_S: Final = 6.0
HUNG_UP: Final = "the server closed the connection"
HUNG_UP_AFTER_HANDSHAKE: Final = (
    f"{HUNG_UP} right after the TLS handshake: does it want a client certificate?"
)

_NAME_DIFFERS: Final = frozenset({62, 64})
_CERTIFICATE_FAULTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        9: "the server's certificate is not valid yet: check the clock of both machines",
        10: "the server's certificate has expired",
        18: "the server's certificate is self-signed: name it as the CA file, or pin its fingerprint",
        19: "the server's certificate comes from an unknown CA: name that CA's file",
        20: "the server's certificate comes from an unknown CA: name that CA's file",
        21: "the server's certificate comes from an unknown CA: name that CA's file",
        23: "the server's certificate has been revoked",
    }
)
"""By OpenSSL's verify code (X509_V_ERR_...)."""

_IS_IT_TLS: Final = "is it a TLS port?"
_ALERTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "WRONG_VERSION_NUMBER": f"the answer at that port is not TLS: {_IS_IT_TLS}",
        "HTTP_REQUEST": f"the answer at that port is not TLS: {_IS_IT_TLS}",
        "UNEXPECTED_EOF_WHILE_READING": f"the server hung up during the TLS handshake: {_IS_IT_TLS}",
        "UNSUPPORTED_PROTOCOL": "the server's TLS version is too old",
        "TLSV1_ALERT_PROTOCOL_VERSION": "the server refused the handshake: no common TLS version",
        "SSLV3_ALERT_HANDSHAKE_FAILURE": (
            "the server refused the handshake: no common cipher, or it wants a client certificate"
        ),
        "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the server wants a client certificate, and none is set",
        "TLSV1_ALERT_UNKNOWN_CA": "the server does not know the CA of our client certificate",
        "SSLV3_ALERT_BAD_CERTIFICATE": "the server does not take our client certificate",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the server does not take our client certificate",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the server says that our client certificate has expired",
        "TLSV1_UNRECOGNIZED_NAME": "the server knows no certificate for this name",
    }
)
"""By the reason that OpenSSL gives."""

_CONNECTION_FAULTS: Final[Mapping[type[BaseException | None], str]] = MappingProxyType(
    {
        type(None): HUNG_UP,
        TimeoutError: "the connection was not up in time: no answer at that address and port",
        ConnectionRefusedError: "connection refused: nobody listens at that address and port",
        ConnectionResetError: HUNG_UP,
        ConnectionAbortedError: HUNG_UP,
        BrokenPipeError: HUNG_UP,
    }
)


class TlsRefusedError(UnavailableError):
    """We do not want this connection; the text says why."""


class TlsContexts:
    """The contexts in use, one for each set of terms; files that changed are read anew."""

    def __init__(self) -> None:
        self._contexts: dict[TlsTerms, tuple[tuple[int, ...], ssl.SSLContext]] = {}

    def of(self, terms: TlsTerms) -> ssl.SSLContext:
        """Return the context for these terms. Raises TlsRefusedError when a file cannot be used."""
        ages = tuple(_age_ns(name) for name in (terms.ca_file, terms.certificate_file, terms.key_file))
        known = self._contexts.get(terms)
        if known is None or known[0] != ages:
            known = self._contexts[terms] = (ages, make_context(terms))
        return known[1]


def make_context(terms: TlsTerms) -> ssl.SSLContext:
    """Make a client's context. Raises TlsRefusedError when a file cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if terms.is_pin_enough:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif terms.ca_file:
        _read_ca(context, terms.ca_file)
    else:
        context.load_default_certs()
    if terms.certificate_file:
        _read_own(context, terms)
    return context


def check_pin(der: bytes | None, terms: TlsTerms) -> None:
    """Raise TlsRefusedError if a fingerprint is pinned and the server's certificate (DER) has another."""
    if not terms.fingerprint:
        return
    found = hashlib.sha256(der or b"").hexdigest()
    if found != terms.fingerprint:
        raise TlsRefusedError(
            f"the server's certificate is not the pinned one: its SHA-256 fingerprint is {found}"
        )


def sentence_of(error: BaseException | None, server_name: str = "") -> str:
    """Say what went wrong with a connection so that an administrator can act on it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate_sentence(error, server_name)
    if isinstance(error, ssl.SSLError):
        return _alert_sentence(error)
    if isinstance(error, ConnectionAbortedError) and "handshake" in str(error):
        return f"no answer to the TLS handshake: {_IS_IT_TLS}"
    for kind, sentence in _CONNECTION_FAULTS.items():
        if isinstance(error, kind):
            return sentence
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _certificate_sentence(error: ssl.SSLCertVerificationError, server_name: str) -> str:
    if error.verify_code in _NAME_DIFFERS:
        return f"the server's certificate is not for {server_name}"
    said = _CERTIFICATE_FAULTS.get(error.verify_code)
    return said or f"the server's certificate is not accepted: {error.verify_message}"


def _alert_sentence(error: ssl.SSLError) -> str:
    reason = error.reason or ""
    if isinstance(error, ssl.SSLEOFError):
        reason = "UNEXPECTED_EOF_WHILE_READING"
    return _ALERTS.get(reason) or f"the TLS handshake failed: {reason.replace('_', ' ').lower() or error}"


def _age_ns(name: str) -> int:
    try:
        return Path(name).stat().st_mtime_ns if name else 0
    except OSError:
        return -1


def _read_ca(context: ssl.SSLContext, name: str) -> None:
    try:
        context.load_verify_locations(cafile=name)
    except ssl.SSLError as error:
        raise TlsRefusedError(f"the CA file {name} holds no certificate") from error
    except OSError as error:
        raise TlsRefusedError(f"the CA file {name} cannot be read: {error.strerror}") from error


def _read_own(context: ssl.SSLContext, terms: TlsTerms) -> None:
    name = terms.certificate_file
    try:
        # An encrypted key would ask a terminal for its password; a password that is wrong fails instead.
        context.load_cert_chain(name, terms.key_file or None, password="")
    except ssl.SSLError as error:
        raise TlsRefusedError(f"the client certificate {name} or its key cannot be used") from error
    except OSError as error:
        raise TlsRefusedError(f"the client certificate {name} cannot be read: {error.strerror}") from error
