"""Linegram: an office telephone inside Telegram."""
