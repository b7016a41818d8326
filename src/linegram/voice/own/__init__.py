"""Our own Telegram voice engine: Telegram's peer-to-peer call protocol, versions 8, 9, 12 and 13.

There is no thread and no event loop: the media host's tick reads the sockets.
Time and chance are passed in wherever something is decided.
"""
