"""Encryption at rest: what is secret enters the database sealed, and only there.

`Sealed` is the one type that a secret column takes, so a password that nobody
encrypted cannot be stored by mistake.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from linegram.errors import RefusedError
from linegram.units import AccountId


class Sealed(bytes):
    """Encrypted bytes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Sealed({len(self)} bytes)"


class Vault:
    """Seals secrets with the first of its keys and opens them with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Take the keys. Raises RefusedError if there is none, or one is no key."""
        if not keys:
            raise RefusedError("The encryption key is empty; `linegram init` makes one.")
        self._token_key = keys[0].encode()
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError:
            raise RefusedError(
                "The encryption key is not a key of Linegram (44 characters); was it cut or changed?"
            ) from None

    def __repr__(self) -> str:
        return "Vault()"

    def contact_token(self, account_id: AccountId) -> str:
        """Return the mark of an account's Contact: 16 hex digits that nobody can guess, always the same."""
        name = f"contact {account_id}".encode()
        return hmac.new(self._token_key, name, hashlib.sha256).hexdigest()[:16]

    def seal(self, secret: bytes) -> Sealed:
        """Encrypt."""
        return Sealed(self._fernet.encrypt(secret))

    def open(self, sealed: Sealed) -> bytes:
        """Decrypt. Raises RefusedError if none of the keys fits."""
        try:
            return self._fernet.decrypt(bytes(sealed))
        except InvalidToken:
            raise RefusedError(
                "The encryption key does not fit this database: use the key that it was made with."
            ) from None

    def seal_text(self, secret: str) -> Sealed:
        """Encrypt a text."""
        return self.seal(secret.encode())

    def open_text(self, sealed: Sealed) -> str:
        """Decrypt a text. Raises RefusedError if none of the keys fits."""
        return self.open(sealed).decode()


def open_vault(key: str, key_path: Path) -> Vault:
    """Make the vault from the given key, else from the key file. Raises RefusedError without either."""
    return Vault(_keys(key) if key.strip() else _keys(_read(key_path)))


def create_key_file(path: Path) -> None:
    """Write a new key that only its owner may read; an existing file stays as it is."""
    if path.exists():
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise RefusedError(f"The key file {path} cannot be written: {error.strerror}.") from error
    with os.fdopen(handle, "wb") as file:
        file.write(Fernet.generate_key() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _keys(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except FileNotFoundError:
        raise RefusedError(
            f"There is no key file {path}, and LINEGRAM_KEY is not set; `linegram init` makes a key."
        ) from None
    except UnicodeDecodeError:
        raise RefusedError(f"The key file {path} holds no key.") from None
    except OSError as error:
        raise RefusedError(f"The key file {path} cannot be read: {error.strerror}.") from error
