"""A card as plain text, for when the bot cannot put buttons under it."""

from linegram.bot.card_text import card_text
from linegram.bot.language import texts
from linegram.calls.card import Card


def render_plain(card: Card) -> str:
    """Return what the calling account writes itself when the bot is away."""
    return card_text(card, texts())
