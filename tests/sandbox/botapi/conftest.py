"""A world with the HTTP Bot API in front of it and aiogram's real client."""

from collections.abc import AsyncIterator

import pytest
from aiogram import Bot

from linegram.bot.service import make_bot
from linegram.sandbox.botapi import SandboxBotApi
from tests.sandbox.conftest import Cast


@pytest.fixture
async def api(cast: Cast) -> AsyncIterator[SandboxBotApi]:
    async with SandboxBotApi(cast.world) as serving:
        yield serving


@pytest.fixture
async def bot(cast: Cast, api: SandboxBotApi) -> AsyncIterator[Bot]:
    settings = cast.bot.bot
    assert settings is not None
    made = make_bot(settings.token, api.url)
    yield made
    await made.session.close()
