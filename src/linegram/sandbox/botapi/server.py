"""The HTTP side: addresses, parameters, long poll, and Telegram's way of saying no."""

import asyncio
import contextlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Self

from aiohttp import web

from linegram.sandbox.botapi import reading
from linegram.sandbox.botapi.faults import BotApiFault, BotApiFaults
from linegram.sandbox.botapi.methods import METHODS, Asked
from linegram.sandbox.botapi.reading import Parameters, Upload
from linegram.sandbox.botapi.view import Json, update_json
from linegram.sandbox.world import TelegramRefusalError, World

_SENTENCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "MESSAGE_NOT_MODIFIED": "message is not modified: specified new message content and reply markup are "
        "exactly the same as a current content and reply markup of the message",
        "MESSAGE_TOO_LONG": "message is too long",
        "MESSAGE_EMPTY": "message text is empty",
        "MESSAGE_ID_INVALID": "message to edit not found",
        "QUERY_ID_INVALID": "query is too old and response timeout expired or query ID is invalid",
        "BOT_CANNOT_INITIATE_CONVERSATION": "bot can't initiate conversation with a user",
        "USER_IS_BLOCKED": "bot was blocked by the user",
        "BUTTON_DATA_INVALID": "BUTTON_DATA_INVALID",
    }
)
_KINDS: Final[Mapping[int, str]] = MappingProxyType({400: "Bad Request", 403: "Forbidden"})


class SandboxBotApi:
    """The Bot API server of a sandbox, on loopback. Use as an async context manager."""

    def __init__(self, world: World) -> None:
        self.faults = BotApiFaults()
        self.url = ""
        self._world = world
        self._polls: dict[int, asyncio.Task[Any]] = {}
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; `url` is then the base URL for a bot."""
        app = web.Application(client_max_size=60 * 1024 * 1024)
        app.router.add_route("*", "/bot{token}/{method}", self._serve)
        app.router.add_get("/file/bot{token}/{file_id}-{access_hash}/{name}", self._serve_file)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        listening_host, listening_port = self._runner.addresses[0][:2]
        self.url = f"http://{listening_host}:{listening_port}"

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        """Start on a free port of loopback."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        await self.close()

    async def _serve(self, request: web.Request) -> web.Response:
        method = request.match_info["method"].lower()
        try:
            bot = self._world.people.bot_by_token(request.match_info["token"])
        except TelegramRefusalError:
            return _refusal(401, "Unauthorized")
        fault = self.faults.take(method)
        if fault is not None:
            return await _suffer(fault)
        try:
            asked = Asked(self._world, bot, await _read_parameters(request))
            return web.json_response({"ok": True, "result": await self._carry_out(method, asked)})
        except TelegramRefusalError as refusal:
            sentence = _SENTENCES.get(refusal.name, refusal.name)
            return _refusal(refusal.code, f"{_KINDS.get(refusal.code, 'Error')}: {sentence}")

    async def _carry_out(self, method: str, asked: Asked) -> Any:
        if method == "getupdates":
            return await self._poll(asked)
        carry_out = METHODS.get(method)
        if carry_out is None:
            raise TelegramRefusalError(404, "Not Found")
        return carry_out(asked)

    async def _poll(self, asked: Asked) -> list[Json]:
        """Answer getUpdates; a second poll of the same bot ends the first, as Telegram does (409)."""
        earlier = self._polls.get(asked.bot_id)
        if earlier is not None:
            earlier.cancel()
        task = asyncio.ensure_future(self._wait_for_updates(asked))
        self._polls[asked.bot_id] = task
        try:
            return await task
        except asyncio.CancelledError:
            if task.cancelled() and self._polls.get(asked.bot_id) is not task:
                raise TelegramRefusalError(409, "terminated by other getUpdates request") from None
            task.cancel()
            raise
        finally:
            if self._polls.get(asked.bot_id) is task:
                del self._polls[asked.bot_id]

    async def _wait_for_updates(self, asked: Asked) -> list[Json]:
        feed = self._world.feed_of(asked.bot_id)
        offset = reading.number(asked.parameters, "offset", 0)
        if offset > 0:
            feed.forget_before(offset)
        elif offset < 0:
            last = feed.last(-offset)
            feed.forget_before(last[0].number if last else 0)
        arrived = asyncio.Event()
        stop = feed.listen(lambda _: arrived.set())
        try:
            found = self._pending_updates(asked)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(reading.number(asked.parameters, "timeout", 0)):
                    while not found:
                        await arrived.wait()
                        arrived.clear()
                        found = self._pending_updates(asked)
            return found
        finally:
            stop()

    def _pending_updates(self, asked: Asked) -> list[Json]:
        allowed = set(reading.structured(asked.parameters, "allowed_updates") or ())
        items = self._world.feed_of(asked.bot_id).after(0)
        shown = [update_json(self._world, asked.bot_id, item) for item in items]
        wanted = [update for update in shown if update is not None and (not allowed or allowed & set(update))]
        return wanted[: reading.number(asked.parameters, "limit", 100)]

    async def _serve_file(self, request: web.Request) -> web.Response:
        match = request.match_info
        try:
            self._world.people.bot_by_token(match["token"])
            file = self._world.files.get(int(match["file_id"]), int(match["access_hash"]))
        except TelegramRefusalError:
            return _refusal(404, "Not Found")
        return web.Response(body=file.body, content_type=file.mime_type)


async def _read_parameters(request: web.Request) -> Parameters:
    found: dict[str, Any] = dict(request.query)
    if request.content_type == "application/json":
        found.update(await request.json())
        return found
    uploads: dict[str, Upload] = {}
    for name, field in (await request.post()).items():
        if isinstance(field, web.FileField):
            uploads[name] = Upload(field.filename, field.content_type, field.file.read())
        else:
            found[name] = field
    return {name: _attached(field, uploads) for name, field in found.items()} | uploads


def _attached(field: Any, uploads: Mapping[str, Upload]) -> Any:
    """Follow attach://name to the file of that name in the same request."""
    if isinstance(field, str) and field.startswith("attach://"):
        return uploads.get(field.removeprefix("attach://"), field)
    return field


async def _suffer(fault: BotApiFault) -> web.Response:
    if fault.is_silent:
        await asyncio.Event().wait()
    if fault.retry_after_s is not None:
        return _refusal(
            429, f"Too Many Requests: retry after {fault.retry_after_s}", {"retry_after": fault.retry_after_s}
        )
    return _refusal(fault.status, "Bad Gateway")


def _refusal(code: int, description: str, parameters: Json | None = None) -> web.Response:
    shown: Json = {"ok": False, "error_code": code, "description": description}
    if parameters:
        shown["parameters"] = parameters
    return web.json_response(shown, status=code)
