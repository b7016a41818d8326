"""messages.*: inline mode and callback buttons, from the person's and from the bot's side."""

from collections.abc import Mapping
from typing import Any

from telethon.tl import functions, types

from linegram.sandbox.mtproto import entities
from linegram.sandbox.mtproto.asker import Asker, Handler
from linegram.sandbox.mtproto.methods.chats import edited_content, reply_id, sent_updates
from linegram.sandbox.world.chats import Origin
from linegram.sandbox.world.inline import InlineAnswer, InlineResult
from linegram.sandbox.world.messages import Content, InlineMessageId
from linegram.sandbox.world.people import Person
from linegram.sandbox.world.presses import PressAnswer
from linegram.sandbox.world.refusals import bad_request


async def _get_results(asker: Asker, request: Any) -> Any:
    bot = asker.named_user(request.bot, refusal="BOT_INVALID")
    asked = asker.world.inline.ask(
        asker.user_only(),
        bot.user_id,
        query=request.query,
        offset=request.offset,
        chat_type=_chat_type(asker, request.peer, bot),
    )
    answer = await asked.pending.wait(asker.world.inline.answer_within_s)
    return types.messages.BotResults(
        asked.query_id,
        [_result_to_tl(result) for result in answer.results],
        answer.cache_time_s,
        [asker.view().user(bot.user_id)],
        next_offset=answer.next_offset or None,
        switch_pm=types.InlineBotSwitchPM(answer.button_text, answer.button_parameter)
        if answer.button_text
        else None,
    )


def _chat_type(asker: Asker, peer: Any, bot: Person) -> str:
    """Return the Bot API's word for where the query is typed; the peer may be withheld."""
    if isinstance(peer, types.InputPeerEmpty):
        return ""
    return "sender" if asker.peer(peer).user_id == bot.user_id else "private"


def _result_to_tl(result: InlineResult) -> Any:
    content = result.content
    text = types.BotInlineMessageText(
        content.text,
        entities=entities.to_tl(content.entities) or None,
        reply_markup=entities.markup_to_tl(content.markup),
    )
    return types.BotInlineResult(
        result.result_id,
        "article",
        text,
        title=result.title,
        description=result.description or None,
        url=result.url or None,
    )


def _send_result(asker: Asker, request: Any) -> Any:
    message = asker.world.inline.send_result(
        asker.user_only(),
        asker.peer(request.peer).user_id,
        request.query_id,
        request.id,
        origin=Origin(reply_to_id=reply_id(request), random_id=request.random_id),
        device=asker.device_key,
    )
    return sent_updates(asker, message, request.random_id)


def _set_results(asker: Asker, request: Any) -> bool:
    switch = request.switch_pm
    answer = InlineAnswer(
        tuple(_result_from_tl(result) for result in request.results),
        request.cache_time,
        bool(request.private),
        request.next_offset or "",
        switch.text if switch else "",
        switch.start_param if switch else "",
    )
    asker.world.inline.answer(asker.bot_only(), request.query_id, answer)
    return True


def _result_from_tl(result: Any) -> InlineResult:
    said = result.send_message
    if not isinstance(said, types.InputBotInlineMessageText | types.InputBotInlineMessageMediaAuto):
        raise bad_request("SEND_MESSAGE_TYPE_INVALID")
    markup = entities.markup_from_tl(said.reply_markup)
    content = Content(said.message, entities.from_tl(said.entities), markup)
    return InlineResult(result.id, result.title or "", content, result.description or "", result.url or "")


def _edit_inline(asker: Asker, request: Any) -> bool:
    inline_id = InlineMessageId(request.id.dc_id, request.id.id, request.id.access_hash)
    old = asker.world.chats.find_inline(asker.bot_only(), inline_id)
    asker.world.chats.edit_inline(asker.user_id, inline_id, edited_content(old.content, request))
    return True


async def _press(asker: Asker, request: Any) -> Any:
    asker.peer(request.peer)
    press = asker.world.presses.press(asker.user_only(), request.msg_id, request.data or b"")
    answer = await press.pending.wait(asker.world.presses.answer_within_s)
    return types.messages.BotCallbackAnswer(
        answer.cache_time_s,
        alert=answer.is_alert,
        has_url=bool(answer.url),
        message=answer.text or None,
        url=answer.url or None,
    )


def _answer_press(asker: Asker, request: Any) -> bool:
    answer = PressAnswer(request.message or "", bool(request.alert), request.url or "", request.cache_time)
    asker.world.presses.answer(asker.bot_only(), request.query_id, answer)
    return True


METHODS: Mapping[type[Any], Handler] = {
    functions.messages.GetInlineBotResultsRequest: _get_results,
    functions.messages.SendInlineBotResultRequest: _send_result,
    functions.messages.SetInlineBotResultsRequest: _set_results,
    functions.messages.EditInlineBotMessageRequest: _edit_inline,
    functions.messages.GetBotCallbackAnswerRequest: _press,
    functions.messages.SetBotCallbackAnswerRequest: _answer_press,
}
