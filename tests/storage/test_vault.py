"""Secrets are sealed with a key; a wrong or missing key is a sentence."""

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from linegram.errors import RefusedError
from linegram.storage.vault import Sealed, Vault, create_key_file, open_vault
from linegram.units import AccountId


def new_key() -> str:
    return Fernet.generate_key().decode()


def test_what_was_sealed_opens_again(vault: Vault) -> None:
    sealed = vault.seal_text("пароль")
    assert isinstance(sealed, Sealed)
    assert vault.open_text(sealed) == "пароль"
    assert "пароль".encode() not in bytes(sealed)


def test_another_key_does_not_open_it(vault: Vault) -> None:
    with pytest.raises(RefusedError, match="does not fit this database"):
        Vault([new_key()]).open(vault.seal(b"secret"))


def test_an_old_key_still_opens_when_it_stands_behind_the_new_one() -> None:
    old, new = new_key(), new_key()
    sealed = Vault([old]).seal(b"secret")
    assert Vault([new, old]).open(sealed) == b"secret"
    assert Vault([new]).open(Vault([new, old]).seal(b"secret")) == b"secret"


def test_neither_keys_nor_secrets_are_in_a_text(vault: Vault) -> None:
    assert repr(vault) == "Vault()"
    assert repr(vault.seal(b"x")) == f"Sealed({len(vault.seal(b'x'))} bytes)"


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "linegram.key"
    create_key_file(path)
    content = path.read_text()
    create_key_file(path)
    assert path.read_text() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_vault("", path).open(open_vault(content, tmp_path / "none").seal(b"x")) == b"x"


def test_a_given_key_goes_before_the_file(tmp_path: Path) -> None:
    create_key_file(tmp_path / "key")
    key = new_key()
    assert Vault([key]).open(open_vault(f" {key}, {new_key()}\n", tmp_path / "key").seal(b"x")) == b"x"


@pytest.mark.parametrize("content", [b"too short", b"\xff\xfe", b"A" * 44])
def test_a_file_without_a_key_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(RefusedError, match="key"):
        open_vault("", tmp_path / "key")


def test_a_missing_or_empty_key_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match=r"There is no key file .*LINEGRAM_KEY is not set"):
        open_vault("", tmp_path / "none")
    (tmp_path / "empty").touch()
    with pytest.raises(RefusedError, match="is empty"):
        open_vault("", tmp_path / "empty")
    with pytest.raises(RefusedError, match="cannot be read"):
        open_vault("", tmp_path)


def test_a_key_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RefusedError, match="cannot be written"):
        create_key_file(tmp_path / "file" / "key")


def test_a_contact_token_stays_the_same_for_a_key_and_an_account_and_tells_nothing_of_either() -> None:
    one, other = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    assert Vault([one]).contact_token(AccountId(1)) == Vault([one, other]).contact_token(AccountId(1))
    assert Vault([one]).contact_token(AccountId(1)) != Vault([one]).contact_token(AccountId(2))
    assert Vault([one]).contact_token(AccountId(1)) != Vault([other]).contact_token(AccountId(1))
    assert one[:8] not in Vault([one]).contact_token(AccountId(1))
