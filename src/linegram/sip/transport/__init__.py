"""The only part of `sip/` that knows sockets, the clock and asyncio. No SIP rule lives here."""
