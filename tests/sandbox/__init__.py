"""Tests of the sandbox Telegram."""
