"""The calling account: an ordinary Telegram user account that carries the calls and the chat with employees.

The thinking (`phone_call`, `key_exchange`, `endings`) is pure; `phone`, `account`, `cards` and `sign_in`
speak to Telegram through Telethon. Knows nothing of SIP, of buttons and of SQL.
"""
