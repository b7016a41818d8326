"""Every way of a call to send and receive: sockets of this machine, ends at relays. Nothing here blocks."""
