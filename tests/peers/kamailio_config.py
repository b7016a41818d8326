"""The configuration of a test proxy as text: registrar, digest, record-routing. Starts nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.peers.certificates import PeerTls

MODULES = "kex corex tm tmx sl rr pv maxfwd usrloc registrar textops siputils auth htable nathelper jsonrpcs"


def usual_users() -> dict[str, str]:
    """Make the users of the shared proxy: 1001 to 1009 and m0000 to m0049, password `pw-NAME`."""
    names = [*(str(number) for number in range(1001, 1010)), *(f"m{number:04d}" for number in range(50))]
    return {name: f"pw-{name}" for name in names}


@dataclass(frozen=True)
class Policy:
    """What the registrar demands. A REGISTER for less than `min_expires_s` gets 423."""

    realm: str = "kamailio.test"
    algorithm: str = "MD5"
    nonce_expires_s: int = 300
    one_time_nonce: bool = False
    min_expires_s: int = 60
    max_expires_s: int = 3600
    users: Mapping[str, str] = field(default_factory=usual_users)


@dataclass(frozen=True)
class Site:
    """Where the proxy listens (ADDRESS:PORT), and where its modules and its JSON-RPC socket are."""

    listen: tuple[str, ...]
    modules: Path
    control: Path
    tls: PeerTls | None = None
    tls_listen: str = ""


def configuration(policy: Policy, site: Site) -> str:
    """Make the whole configuration file."""
    return "\n".join(
        [
            "#!KAMAILIO",
            *_core(site),
            *(f'loadmodule "{name}.so"' for name in (*MODULES.split(), *(["tls"] if site.tls else []))),
            *(
                f'modparam("{module}", "{name}", {value})'
                for module, name, value in (*_parameters(policy, site.control), *_tls_parameters(site.tls))
            ),
            "event_route[htable:mod-init] {",
            *(f'    $sht(users=>{name}) = "{secret}";' for name, secret in policy.users.items()),
            "}",
            _ROUTES.replace("REALM", policy.realm),
        ]
    )


def _core(site: Site) -> Iterator[str]:
    yield _CORE
    yield f'mpath = "{site.modules}"'
    for place in site.listen:
        yield f"listen = udp:{place}"
        yield f"listen = tcp:{place}"
    if site.tls is not None:
        yield "enable_tls = yes"
        yield f"listen = tls:{site.tls_listen}"


_CORE = """\
debug = 2
log_stderror = yes
children = 2
tcp_children = 1
auto_aliases = no
dns = no
rev_dns = no
tcp_connection_lifetime = 3605
server_header = "Server: peer-kamailio\""""


def _tls_parameters(tls: PeerTls | None) -> list[tuple[str, str, str]]:
    if tls is None:
        return []
    wanted = str(int(tls.wants_client))
    return [
        ("tls", "tls_method", '"TLSv1.2+"'),
        ("tls", "certificate", f'"{tls.certificate.certificate_file}"'),
        ("tls", "private_key", f'"{tls.certificate.key_file}"'),
        ("tls", "ca_list", f'"{tls.ca_file}"'),
        ("tls", "verify_certificate", wanted),
        ("tls", "require_certificate", wanted),
    ]


def _parameters(policy: Policy, control: Path) -> list[tuple[str, str, str]]:
    return [
        ("jsonrpcs", "transport", "4"),
        ("jsonrpcs", "dgram_socket", f'"{control}"'),
        ("jsonrpcs", "dgram_mode", "0666"),
        ("tm", "failure_reply_mode", "3"),
        ("tm", "fr_timer", "30000"),
        ("tm", "fr_inv_timer", "120000"),
        ("rr", "append_fromtag", "1"),
        ("usrloc", "db_mode", "0"),
        ("registrar", "min_expires", str(policy.min_expires_s)),
        ("registrar", "min_expires_mode", "1"),
        ("registrar", "max_expires", str(policy.max_expires_s)),
        ("registrar", "default_expires", str(min(3600, policy.max_expires_s))),
        ("registrar", "max_contacts", "10"),
        ("registrar|nathelper", "received_avp", '"$avp(received)"'),
        ("htable", "htable", '"users=>size=10;"'),
        ("auth", "nonce_expire", str(policy.nonce_expires_s)),
        ("auth", "nonce_count", str(int(not policy.one_time_nonce))),
        ("auth", "one_time_nonce", str(int(policy.one_time_nonce))),
        ("auth", "qop", '"auth"'),
        ("auth", "algorithm", f'"{policy.algorithm}"'),
    ]


_ROUTES = """
request_route {
    force_rport();
    if (!mf_process_maxfwd_header("10")) {
        sl_send_reply("483", "Too Many Hops");
        exit;
    }
    if (is_method("CANCEL")) {
        if (t_check_trans()) t_relay();
        exit;
    }
    if (has_totag()) {
        route(WITHIN_DIALOG);
        exit;
    }
    t_check_trans();
    if (is_method("REGISTER")) {
        route(REGISTRAR);
        exit;
    }
    if (is_method("OPTIONS") && uri == myself && $rU != $null && $sht(users=>$rU) == $null) {
        sl_send_reply("200", "OK");
        exit;
    }
    if (is_method("OPTIONS") && $rU == $null) {
        sl_send_reply("200", "OK");
        exit;
    }
    route(CALL);
}

# A client of TLS has no server certificate: requests to it go back over its own connection.
onreply_route {
    if ($pr == "tls") add_contact_alias();
}

route[WITHIN_DIALOG] {
    if (loose_route()) {
        handle_ruri_alias();
        t_relay();
    } else if (is_method("ACK")) {
        if (t_check_trans()) t_relay();
    } else {
        sl_send_reply("404", "Not Here");
    }
}

# A nonce that was used up or is too old is answered with stale=true (RFC 7616 section 3.3).
route[REGISTRAR] {
    if (!pv_www_authenticate("REALM", "$sht(users=>$au)", "0")) {
        www_challenge("REALM", "1");
        exit;
    }
    consume_credentials();
    if ($pr =~ "^t") fix_nated_register();
    if (!save("location")) sl_reply_error();
}

route[CALL] {
    if ($sht(users=>$fU) != $null) {
        if (!pv_proxy_authenticate("REALM", "$sht(users=>$au)", "0")) {
            proxy_challenge("REALM", "1");
            exit;
        }
        consume_credentials();
    }
    if ($pr =~ "^t") add_contact_alias();
    record_route();
    if ($sht(users=>$rU) == $null) {
        sl_send_reply("404", "Not Found");
        exit;
    }
    if (!lookup("location")) {
        sl_send_reply("480", "Temporarily Unavailable");
        exit;
    }
    t_relay();
}
"""
