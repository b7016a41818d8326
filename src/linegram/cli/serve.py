"""`linegram serve`: the service on one machine.

Imports the service only when it is wanted: the libraries of Telegram take
seconds to load, and other commands do without them.
"""

import asyncio

import typer

from linegram.cli.logs import configure_logs
from linegram.cli.running import only_service
from linegram.config import Settings, load_settings
from linegram.errors import RefusedError


def serve(context: typer.Context) -> None:
    """Run the service until it is stopped (Ctrl-C, SIGTERM); calls are ended in order then."""
    settings = load_settings(context.obj)
    require_complete(settings)
    configure_logs(settings.log)
    with only_service(settings.data_dir):
        from linegram.cli.service import serve_until_signal  # noqa: PLC0415 - see the head of this file

        asyncio.run(serve_until_signal(settings, typer.echo))


def require_complete(settings: Settings) -> None:
    """Raise RefusedError that names every setting without which nothing works."""
    if missing := settings.missing():
        raise RefusedError(f"Not set yet: {', '.join(missing)}. `linegram init` asks for what is missing.")
