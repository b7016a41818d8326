"""Doubles of what Linegram talks to, for tests and the demo: a small Telegram on loopback.

May import every room; no room of the product imports it.
"""
