"""The configuration of a test PBX as text. Knows the folders and accounts; starts nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from tests.peers.asterisk_dialplan import dialplan
from tests.peers.certificates import PeerTls

AMI_USER = "bench"
AMI_SECRET = "bench-secret"
AMI_PORT = 5038
MUSIC_HZ = 350

MODULES = """
chan_pjsip chan_bridge_media bridge_* codec_* format_pcm format_sln format_wav format_gsm pbx_config
app_blind_transfer app_attended_transfer app_bridgewait app_channelredirect app_confbridge app_dial app_echo
app_milliwatt app_mixmonitor app_originate app_playback app_playtones app_queue app_read app_record
app_senddtmf app_softhangup app_stack app_transfer app_userevent app_verbose
func_callerid func_channel func_dialplan func_global func_hangupcause func_logic func_math func_pjsip_*
func_strings func_timeout func_volume
res_clioriginate res_convert res_crypto res_format_attr_g729 res_format_attr_opus res_musiconhold
res_mutestream res_parking res_pjproject res_pjsip res_pjsip_* res_rtp_asterisk res_sorcery_astdb
res_sorcery_config res_sorcery_memory res_srtp res_timing_timerfd
"""
"""What a SIP test needs. Anything else stays out: it costs start-up time or listens on every address."""

UNWANTED = """
bridge_builtin_interval* codec_amr codec_codec2 res_pjsip_aoc res_pjsip_config_wizard res_pjsip_dialog_info*
res_pjsip_exten_state res_pjsip_geolocation res_pjsip_history res_pjsip_mwi* res_pjsip_notify
res_pjsip_one_touch* res_pjsip_outbound_publish res_pjsip_phoneprov* res_pjsip_pidf*
res_pjsip_publish* res_pjsip_send_to_voicemail
res_pjsip_stir_shaken res_pjsip_transport_websocket res_pjsip_xpidf*
"""
"""What the patterns above match and a SIP test does not need."""


@dataclass(frozen=True)
class Account:
    """A SIP account of the PBX. The option mappings are lines of Asterisk's own sections."""

    name: str
    password: str = ""
    codecs: Sequence[str] = ("alaw", "ulaw", "g722", "opus")
    dtmf_mode: str = "rfc4733"
    endpoint: Mapping[str, str] = field(default_factory=dict)
    aor: Mapping[str, str] = field(default_factory=dict)
    auth: Mapping[str, str] = field(default_factory=dict)

    @property
    def secret(self) -> str:
        """The password; `pw-NAME` when none was chosen."""
        return self.password or f"pw-{self.name}"


def mass_accounts(count: int, prefix: str = "m") -> list[Account]:
    """Make `count` plain accounts named m0000, m0001, ..."""
    return [Account(f"{prefix}{number:04d}") for number in range(count)]


def usual_accounts() -> list[Account]:
    """Make the accounts that the shared PBX of the tests has; their passwords are `pw-NAME`."""
    return [
        *(Account(str(number)) for number in range(1001, 1010)),
        Account("1010", dtmf_mode="info"),
        Account("1011", dtmf_mode="inband"),
        Account("1012", dtmf_mode="auto"),
        Account("1020", endpoint={"100rel": "required"}),
        Account("1021", endpoint={"timers": "always", "timers_min_se": "90", "timers_sess_expires": "90"}),
        Account("1022", endpoint={"direct_media": "yes", "direct_media_method": "invite"}),
        Account("1023", codecs=("g722",)),
        Account("1024", codecs=("opus",)),
        Account("1025", codecs=("alaw",)),
        Account("1026", codecs=("ulaw",)),
        Account("1027", codecs=("gsm",)),
        *mass_accounts(50),
    ]


@dataclass(frozen=True)
class Site:
    """Where one PBX lives and listens."""

    folder: Path
    modules: Path
    share: Path
    address: str
    sip_port: int = 5060
    ami_port: int = AMI_PORT
    rtp_ports: tuple[int, int] = (16000, 17999)
    min_expires_s: int = 30
    accounts: Sequence[Account] = ()
    tls: PeerTls | None = None
    tls_port: int = 5061
    ip6_port: int = 0

    @property
    def main_file(self) -> Path:
        """The file to start the PBX with."""
        return self.folder / "etc" / "asterisk.conf"


def configuration(site: Site) -> dict[str, str]:
    """Make every configuration file: name to text."""
    empty = {
        f"{name}.conf": "[general]\n" for name in ("ccss", "udptl", "cdr", "cel", "pjproject", "confbridge")
    }
    return empty | {
        "asterisk.conf": _directories(site),
        "modules.conf": _modules(site.modules),
        "logger.conf": "[logfiles]\nfull => notice,warning,error,verbose,dtmf\n",
        "rtp.conf": f"[general]\nrtpstart = {site.rtp_ports[0]}\nrtpend = {site.rtp_ports[1]}\n",
        "manager.conf": _manager(site),
        "http.conf": "[general]\nenabled = no\n",
        "acl.conf": "",
        "indications.conf": _TONES,
        "musiconhold.conf": f"[default]\nmode = files\ndirectory = {site.folder}/music\n",
        "features.conf": "[featuremap]\nblindxfer = ##\natxfer = *2\ndisconnect = *0\n",
        "res_parking.conf": _PARKING,
        "queues.conf": _QUEUE,
        "pjsip.conf": "\n".join(_pjsip(site)),
        "extensions.conf": dialplan(site.folder / "recordings", f"{site.address}:{site.sip_port}"),
    }


_TONES = """\
[general]
country = us
[us]
description = United States
ringcadence = 2000,4000
dial = 350+440
busy = 480+620/500,0/500
ring = 440+480/2000,0/4000
congestion = 480+620/250,0/250
"""

_PARKING = """\
[general]
[default]
parkext = 700
parkpos = 701-720
context = parkedcalls
parkingtime = 60
comebacktoorigin = no
comebackcontext = internal
"""

_QUEUE = """\
[general]
[support]
strategy = ringall
timeout = 15
retry = 2
ringinuse = no
musicclass = default
member => PJSIP/1003
member => PJSIP/1004
"""


def _directories(site: Site) -> str:
    own = {name: site.folder / name for name in ("lib", "db", "keys", "spool", "run", "log", "cache")}
    return f"""\
[directories]
astetcdir => {site.folder}/etc
astmoddir => {site.modules}
astdatadir => {site.share}
astvarlibdir => {own["lib"]}
astagidir => {own["lib"]}
astdbdir => {own["db"]}
astkeydir => {own["keys"]}
astspooldir => {own["spool"]}
astrundir => {own["run"]}
astlogdir => {own["log"]}
astcachedir => {own["cache"]}
[options]
verbose = 3
nocolor = yes
transmit_silence = yes
"""


def _modules(folder: Path) -> str:
    names = (path.stem for path in sorted(folder.glob("*.so")))
    wanted = (name for name in names if _matches(name, MODULES) and not _matches(name, UNWANTED))
    return "[modules]\nautoload = no\n" + "".join(f"load = {name}.so\n" for name in wanted)


def _matches(name: str, patterns: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns.split())


def _manager(site: Site) -> str:
    return f"""\
[general]
enabled = yes
bindaddr = {site.address}
port = {site.ami_port}
[{AMI_USER}]
secret = {AMI_SECRET}
read = all
write = all
writetimeout = 5000
"""


def _pjsip(site: Site) -> Iterator[str]:
    yield _section("global", {"type": "global", "user_agent": "peer-asterisk", "keep_alive_interval": "30"})
    for protocol in ("udp", "tcp"):
        bind = f"{site.address}:{site.sip_port}"
        yield _section(protocol, {"type": "transport", "protocol": protocol, "bind": bind})
        if site.ip6_port:
            bind = f"[::1]:{site.ip6_port}"
            yield _section(f"{protocol}6", {"type": "transport", "protocol": protocol, "bind": bind})
    if site.tls is not None:
        yield _section("tls", _tls(site, site.tls))
    for account in site.accounts:
        yield from _account(site, account)


def _tls(site: Site, tls: PeerTls) -> dict[str, str]:
    wants_client = "yes" if tls.wants_client else "no"
    return {
        "type": "transport",
        "protocol": "tls",
        "bind": f"{site.address}:{site.tls_port}",
        "cert_file": str(tls.certificate.certificate_file),
        "priv_key_file": str(tls.certificate.key_file),
        "ca_list_file": tls.ca_file,
        "verify_client": wants_client,
        "require_client_cert": wants_client,
        "method": "tlsv1_2",
    }


def _account(site: Site, account: Account) -> Iterator[str]:
    name = account.name
    endpoint = {
        "type": "endpoint",
        "context": "internal",
        "auth": name,
        "aors": name,
        "callerid": f'"Ext {name}" <{name}>',
        "disallow": "all",
        "allow": ",".join(account.codecs),
        "dtmf_mode": account.dtmf_mode,
        "direct_media": "no",
        "rtp_symmetric": "yes",
        "force_rport": "yes",
        "rewrite_contact": "yes",
        "media_address": site.address,
        "bind_rtp_to_media_address": "yes",
        "send_pai": "yes",
        "trust_id_inbound": "yes",
        "timers": "yes",
    }
    auth = {"type": "auth", "auth_type": "userpass", "username": name, "password": account.secret}
    aor = {
        "type": "aor",
        "max_contacts": "5",
        "minimum_expiration": str(site.min_expires_s),
        "default_expiration": "120",
        "maximum_expiration": "3600",
    }
    yield _section(name, endpoint | dict(account.endpoint))
    yield _section(name, auth | dict(account.auth))
    yield _section(name, aor | dict(account.aor))


def _section(name: str, options: Mapping[str, str]) -> str:
    return f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items())
