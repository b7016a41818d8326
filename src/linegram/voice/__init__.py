"""The Telegram voice leg behind one small interface, and the engines that fill it."""
