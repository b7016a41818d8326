"""Unpacks what may be gzip, within limits. Pure."""

import zlib
from typing import Final

from linegram.errors import RemoteProtocolError

LONGEST_JSON_BYTES: Final = 256 << 10
"""Real messages have a few kB; a decompression bomb gets no further than this."""

_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


def inflate(payload: bytes) -> bytes:
    """Return the text of a payload that is gzip or plain.

    Raises RemoteProtocolError when it is too long, or begins like gzip and is broken.
    """
    if not payload.startswith(_GZIP_MAGIC):
        if len(payload) > LONGEST_JSON_BYTES:
            raise RemoteProtocolError("message longer than any real one")
        return payload
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    try:
        text = unpacker.decompress(payload, LONGEST_JSON_BYTES)
    except zlib.error as error:
        raise RemoteProtocolError(f"broken gzip: {error}") from None
    if not unpacker.eof:
        raise RemoteProtocolError("gzip that is cut off, or unpacks to more than any real message")
    return text


def deflate(text: bytes) -> bytes:
    """Pack a message as gzip."""
    packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP_WINDOW)
    return packer.compress(text) + packer.flush()
