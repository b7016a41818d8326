"""`linegram serve`: the service on one machine.

Imports the service only when it is wanted: the libraries of Telegram take
seconds to load, and other commands do without them.
"""

import asyncio
from importlib.metadata import version

import structlog
import typer

from linegram.cli.complete import require_complete
from linegram.cli.logs import configure_logs
from linegram.cli.running import only_service
from linegram.config import load_settings

_log = structlog.get_logger()


def serve(context: typer.Context) -> None:
    """Run the service until it is stopped (Ctrl-C, SIGTERM); calls are ended in order then."""
    settings = load_settings(context.obj)
    require_complete(settings)
    configure_logs(settings.log)
    with only_service(settings.data_dir):
        _log.info("service_starting", version=version("linegram"), data_dir=str(settings.data_dir))
        from linegram.cli.service import serve_until_signal  # noqa: PLC0415 - see the head of this file

        asyncio.run(serve_until_signal(settings, typer.echo))
