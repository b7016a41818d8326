"""The bot: aiogram routers, keyboards and texts. Handlers parse, call one function, and render."""
