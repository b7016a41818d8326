"""What this machine must give: a configuration, a key that opens the database, free ports."""

import errno
import socket
from collections.abc import Sequence
from typing import Final

from linegram.calls.engine_choice import AUTO
from linegram.cli.complete import require_complete
from linegram.config import MediaSettings, RtpSettings, Settings, SipSettings
from linegram.errors import RefusedError
from linegram.link.voice import NTGCALLS
from linegram.storage.database import Database
from linegram.storage.vault import open_vault
from linegram.voice.engines import installed_engines

RTP_SAMPLE: Final = 20


async def configuration(settings: Settings) -> str:
    """Say that the settings are enough to start with."""
    require_complete(settings)
    return f"complete, data in {settings.data_dir}"


async def open_database(settings: Settings) -> Database:
    """Open the database, but make none. Raises RefusedError or UnavailableError with a sentence."""
    vault = open_vault(settings.key.get_secret_value(), settings.key_path)
    path = settings.data_dir / "linegram.db"
    if not settings.storage.url.get_secret_value() and not path.exists():
        raise RefusedError(f"There is no database {path}; `linegram init` makes one.")
    return await Database.open(settings.database_url, vault)


async def voice_engines(media: MediaSettings) -> str:
    """Say which voice engines are installed, and that the one of the settings is among them."""
    installed = installed_engines()
    if media.engine != AUTO and media.engine not in installed:
        raise RefusedError(
            f'media.engine is "{media.engine}", which is not installed: run `pip install '
            f'"linegram[{media.engine}]"`, or set media.engine to "auto".'
        )
    if NTGCALLS in installed:
        return f"{' and '.join(installed)}, media.engine is {media.engine}"
    return "own; ntgcalls is not installed: a call that our own engine cannot join has no second chance"


async def rtp_ports(rtp: RtpSettings, service: str | None) -> str:
    """Say that a sample of the ports for sound can be used; a running service may have some."""
    step = max(1, (rtp.port_max - rtp.port_min) // (RTP_SAMPLE - 1))
    sample = range(rtp.port_min, rtp.port_max + 1, step)
    taken = [port for port in sample if _is_taken(socket.SOCK_DGRAM, rtp.bind_ip, port, "rtp.bind_ip")]
    ports = f"UDP {rtp.port_min}-{rtp.port_max}"
    if taken and service is None:
        raise RefusedError(
            f"{ports}: {_listed(taken)} of {len(sample)} tried in use by another program. "
            "Choose another range in rtp.port_min and rtp.port_max."
        )
    return f"{ports}, {len(sample) - len(taken)} of {len(sample)} tried are free"


async def sip_port(sip: SipSettings, service: str | None) -> str:
    """Say that the port for SIP is free, or that the running service has it."""
    if not sip.port:
        return "any free port"
    kinds = {"UDP": socket.SOCK_DGRAM} | ({"TCP": socket.SOCK_STREAM} if sip.has_tcp else {})
    taken = [name for name, kind in kinds.items() if _is_taken(kind, sip.bind_ip, sip.port, "sip.bind_ip")]
    names = " and ".join(kinds)
    if not taken:
        return f"{names} {sip.port} is free"
    if service is not None:
        return f"{names} {sip.port} is in use by the running service (process {service})"
    raise RefusedError(
        f"{' and '.join(taken)} {sip.port} is in use: another SIP program runs on this machine. "
        "Stop it, or choose another port in sip.port."
    )


def _is_taken(kind: socket.SocketKind, host: str, port: int, setting: str) -> bool:
    """Try a port. Raises RefusedError if no port of this address can be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as tried:
        if kind is socket.SOCK_STREAM:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection is no use of it
        try:
            tried.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise RefusedError(f"{host}:{port} cannot be used ({setting}): {error.strerror}.") from error
    return False


def _listed(ports: Sequence[int]) -> str:
    shown = ", ".join(str(port) for port in ports[:3])
    return shown if len(ports) <= 3 else f"{shown} and {len(ports) - 3} more"
