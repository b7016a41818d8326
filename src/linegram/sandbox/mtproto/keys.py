"""The server's RSA key, and the authorization keys of devices with whom each is signed in as."""

import hashlib
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from telethon.crypto import AuthKey
from telethon.tl import TLObject

from linegram.sandbox.world.events import DeviceKey


class ServerKey:
    """The RSA key that clients know the server by; a new one for each sandbox."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = self._key.private_numbers()
        self._modulus = numbers.public_numbers.n
        self._exponent = numbers.d
        self.public_pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
        self.fingerprint = _fingerprint(self._modulus, numbers.public_numbers.e)

    def decrypt(self, block: bytes) -> bytes:
        """Return the 255 bytes that a client encrypted for the key exchange."""
        return pow(int.from_bytes(block, "big"), self._exponent, self._modulus).to_bytes(256, "big")[1:]


def _fingerprint(modulus: int, exponent: int) -> int:
    """Return the lower 64 bits of the SHA-1 of the key (core.telegram.org/mtproto/auth_key, step 2)."""
    packed = b"".join(
        TLObject.serialize_bytes(number.to_bytes((number.bit_length() + 7) // 8, "big"))
        for number in (modulus, exponent)
    )
    fingerprint: int = struct.unpack("<q", hashlib.sha1(packed, usedforsecurity=False).digest()[-8:])[0]
    return fingerprint


@dataclass(slots=True, eq=False)
class Device:
    """One authorization key: a device, signed in as somebody once `user_id` is set.

    `password_for` is whose two-step password it still owes.
    """

    auth_key: AuthKey
    user_id: int | None = None
    password_for: int | None = None
    is_call_silent: bool = False

    @property
    def key(self) -> DeviceKey:
        """Return the world's name for this device: the key id, as TL's signed long."""
        return DeviceKey(struct.unpack("<q", struct.pack("<Q", self.auth_key.key_id))[0])


class KeyRing:
    """All authorization keys; it outlives a restart of the server."""

    def __init__(self) -> None:
        self._devices: dict[int, Device] = {}

    def add(self, auth_key: AuthKey) -> None:
        """Register a fresh key."""
        self._devices[auth_key.key_id] = Device(auth_key)

    def get(self, key_id: int) -> Device | None:
        """Return the device with this key."""
        return self._devices.get(key_id)

    def forget(self, device: Device) -> None:
        """Drop a key: its owner signed out, or the device was terminated."""
        self._devices.pop(device.auth_key.key_id, None)

    def of_user(self, user_id: int) -> list[Device]:
        """Return the devices that are signed in as this user."""
        return [device for device in self._devices.values() if device.user_id == user_id]
