"""The options that several accounts commands share, with their explanations."""

from typing import Annotated

import typer

from linegram.link.accounts import SipTransport

MAX_ACCOUNT = 2**31 - 1
MAX_TELEGRAM_NUMBER = 2**63 - 1

Number = Annotated[
    int,
    typer.Argument(metavar="NUMBER", min=1, max=MAX_ACCOUNT, help="Number of the account, from the list."),
]
Name = Annotated[str | None, typer.Option(help="Name that tells this account from others.")]
Owner = Annotated[
    int | None, typer.Option(help="Telegram number of the owner; the only known one if left out.")
]
Employee = Annotated[str | None, typer.Option("--user", help="Telegram number or @username of the employee.")]
Domain = Annotated[str | None, typer.Option(help="Domain of the address, if it is not the server.")]
Proxy = Annotated[
    str | None, typer.Option(help="host[:port] that requests are sent to instead of the server.")
]
Transport = Annotated[SipTransport | None, typer.Option(help="How SIP travels to the PBX.")]
Codecs = Annotated[str | None, typer.Option(help="Audio codecs, best first: opus,g722,alaw,mulaw.")]
Dtmf = Annotated[str | None, typer.Option(help="Ways to send digits, best first: rfc2833,info,inband.")]
Rules = Annotated[str | None, typer.Option(help="Dial rules, separated by spaces: '[^+*#\\w]= ^8=7'.")]
Callback = Annotated[
    bool | None,
    typer.Option("--callback/--direct", help="Who calls whom in Telegram for an outgoing call."),
]
PasswordFromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input instead of asking.")
]
