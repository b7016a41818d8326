"""Who owns and uses which SIP account, and what the settings texts mean.

Pure rules, and use cases that speak to the ports declared in `ports.py`. May
not know SQL, Telegram, SIP messages or buttons.
"""
