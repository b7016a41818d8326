"""SIP: a sans-IO core. Only `sip/transport/` may know sockets, clocks and asyncio."""
