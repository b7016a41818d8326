"""The hub as a running service: office, calls, calling account and bot, joined to a link. Wiring only."""

from linegram.hub.service import Hub, running_hub

__all__ = ["Hub", "running_hub"]
