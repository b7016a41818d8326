"""The MTProto server of the sandbox Telegram, on Telethon's TL layer.

Shows `sandbox/world/` to any MTProto client on the Abridged or Full transport.
"""

from linegram.sandbox.mtproto.server import SandboxTelegram

__all__ = ["SandboxTelegram"]
