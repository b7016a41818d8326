"""ICE (RFC 8445) as Telegram's calls use it: full, trickled, one component, roles by who called. Pure."""
