"""SCTP (RFC 9260) for two known ends: as much as Telegram's signalling and data channel use. Pure."""
