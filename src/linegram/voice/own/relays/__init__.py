"""Telegram's relays: which of a call's servers are of use, and how a reflector is spoken to. Pure."""
