#!/usr/bin/env bash
# Fetches the real SIP programs that the tests talk to, as Debian packages unpacked under .peers/.
#
#   bash tools/peers.sh           fetch what is missing; instant when all is there
#
# Nothing is installed: a private apt world per Debian suite lives below .peers/<suite>/, root is not needed and
# the system stays as it is. The mirror is the one that this machine's own apt sources name.
#
#   .peers/<suite>/root           the unpacked packages; programs are started through the loader inside
#   .peers/<suite>/versions       what was unpacked
#   .peers/status                 "NAME ok VERSION PROGRAM" (a path below .peers/, or an absolute one when the program
#                                 is installed on this machine) or "NAME missing: REASON", one line per peer
#   .peers/.ready                 exists only when every peer is there
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
peers=${LINEGRAM_PEERS:-$here/.peers}   # another folder than .peers/
apt=${LINEGRAM_APT:-/etc/apt}            # where the sources of this machine are described

# name, suite, package (and others that it needs, after commas), program in the first, what the version must start with
table='
asterisk22 sid      asterisk   usr/sbin/asterisk   22.
asterisk16 bullseye asterisk   usr/sbin/asterisk   16.
sipp       bookworm sip-tester usr/bin/sipp        3.
kamailio   bookworm kamailio,kamailio-tls-modules usr/sbin/kamailio 5.
baresip    bookworm baresip-core usr/bin/baresip   1.
coturn     bookworm coturn     usr/bin/turnserver  4.
codecs     bookworm libgsm-tools,libspeex1,libbcg729-0 usr/bin/toast 1.
'

say() { printf 'peers: %s\n' "$*"; }

rows() { sed '/^$/d' <<<"$table"; }

packages_of() { rows | awk -v suite="$1" '$2 == suite { gsub(",", "\n", $3); print $3 }' | sort -u | paste -sd ' '; }

# ------------------------------------------------------------------ where to fetch from

# Prints "URI KEYRING" of the first Debian archive in deb822 files: a stanza that is not a security one.
mirror_from_stanzas() {
    sed -s -e '/^#/d' -e '$G' "$apt"/sources.list.d/*.sources 2>/dev/null | awk '
        function close_stanza() {
            if (types ~ /(^| )deb( |$)/ && suites !~ /security/ && uri && enabled != "no" && components ~ /main/)
                { print uri, (key ~ /^\// ? key : "-"); found = 1; exit }
            types = suites = uri = key = enabled = components = ""
        }
        /^[ \t]*$/ { close_stanza(); next }
        { field = tolower($1); value = $0; sub(/^[^:]*:[ \t]*/, "", value) }
        field == "types:"      { types = value }
        field == "suites:"     { suites = value }
        field == "components:" { components = value }
        field == "uris:"       { split(value, uris, " "); uri = uris[1] }
        field == "signed-by:"  { key = value }
        field == "enabled:"    { enabled = tolower(value) }
        END { if (!found) close_stanza() }'
}

# The same from one-line files: deb [signed-by=KEYRING] URI SUITE COMPONENTS.
mirror_from_lines() {
    cat "$apt"/sources.list "$apt"/sources.list.d/*.list 2>/dev/null | sed '/^#/d' | awk '
        $1 == "deb" {
            key = "-"
            if (match($0, /\[[^]]*\]/)) {
                options = substr($0, RSTART + 1, RLENGTH - 2)
                if (match(options, /signed-by=[^ ]*/)) key = substr(options, RSTART + 10, RLENGTH - 10)
                sub(/\[[^]]*\]/, "")
            }
            if ($2 !~ /^cdrom:/ && $3 !~ /security/ && $0 ~ / main( |$)/) { print $2, key; exit }
        }'
}

find_mirror() {
    local found
    found=$(mirror_from_stanzas)
    [ -n "$found" ] || found=$(mirror_from_lines)
    [ -n "$found" ] || return 1
    read -r mirror keyring <<<"$found"
    [ "$keyring" != - ] || keyring=/usr/share/keyrings/debian-archive-keyring.gpg
}

# ------------------------------------------------------------------ one suite

apt_world() {  # DIR COMMAND...: apt-get that knows only the folder DIR
    local dir=$1
    shift
    DEBIAN_FRONTEND=noninteractive apt-get -qq \
        -o Dir::State="$dir/state" -o Dir::State::Lists="$dir/state/lists" -o Dir::State::status="$dir/state/status" \
        -o Dir::Cache="$dir/cache" -o Dir::Cache::archives="$dir/cache/archives" \
        -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$dir/parts" \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o APT::Sandbox::User="$(id -un)" -o APT::Get::AllowUnauthenticated=false -o Acquire::Languages=none \
        -o Acquire::Check-Valid-Until=false -o Acquire::Retries=3 -o Debug::NoLocking=true "$@" </dev/null
}

write_source() {  # DIR SUITE
    mkdir -p "$1"/{parts,state/lists/partial,cache/archives/partial}
    : >"$1/state/status"
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$mirror" "$2" "$keyring" \
        >"$1/parts/peers.sources"
}

unpack() {  # DIR: every archive into DIR/root, without documentation
    mkdir -p "$1/root"
    find "$1/cache/archives" -name '*.deb' -print0 | xargs -0 -P 2 -n 12 bash -c '
        for deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$0" --no-same-owner --no-overwrite-dir \
            --exclude "./usr/share/doc/*" --exclude "./usr/share/man/*" --exclude "./usr/share/locale/*" \
            --exclude "./usr/share/info/*" --exclude "./usr/include/*" --exclude "./dev/*" \
            --exclude "*/dri/*" --exclude "*/libLLVM-*" || exit 255; done' "$1/root"
    find "$1/cache/archives" -name '*.deb' -printf '%f\n' | sort >"$1/versions"
    chmod -R u+rwX,go+rX "$1"
}

fetch() {  # SUITE: leaves .peers/SUITE complete, or the reason in .peers/SUITE.log
    local suite=$1 dir="$peers/$1.new"
    rm -rf "$dir"
    write_source "$dir" "$suite"
    apt_world "$dir" update
    # shellcheck disable=SC2046
    apt_world "$dir" install -y --no-install-recommends --download-only $(packages_of "$suite")
    unpack "$dir"
    rm -rf "$dir"/{cache,state,parts}
    packages_of "$suite" >"$dir/packages"
    rm -rf "${peers:?}/$suite"
    mv "$dir" "$peers/$suite"
}

have() { [ "$(cat "$peers/$1/packages" 2>/dev/null)" = "$(packages_of "$1")" ]; }

reason() {  # SUITE: the last complaint of apt, without addresses
    local line
    line=$(grep -E '^(E|W):|^tar:|^dpkg' "$peers/$1.log" 2>/dev/null | head -1 | sed -E 's#[a-z+]+://[^ ]*#the mirror#g')
    printf '%s' "${line:-fetching the packages failed, see .peers/$1.log}"
}

# ------------------------------------------------------------------ what is there now

packaged_version() {  # SUITE PACKAGE
    sed -nE "s/^$2_([0-9]+%3a)?([^_~+-]+).*/\2/p" "$peers/$1/versions" 2>/dev/null || true
}

installed() {  # PROGRAM PREFIX: "VERSION PATH" of a program of this machine that will do
    local path version
    path=$(command -v "$(basename "$1")") || return 1
    version=$({ timeout 5 "$path" -V 2>&1 || timeout 5 "$path" -v 2>&1 || true; } </dev/null |
        grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)*' | head -1) || return 1
    case $version in "$2"*) printf '%s %s' "$version" "$path" ;; *) return 1 ;; esac
}

state_of() {  # NAME SUITE PACKAGE PROGRAM PREFIX
    local version found
    version=$(packaged_version "$2" "${3%%,*}")
    if have "$2" && [ -x "$peers/$2/root/$4" ]; then
        printf '%s ok %s %s\n' "$1" "$version" "$2/root/$4"
    elif found=$(installed "$4" "$5"); then
        printf '%s ok %s\n' "$1" "$found"
    else
        printf '%s missing: %s\n' "$1" "${unfetchable:-$(reason "$2")}"
    fi
}

write_status() {
    local name suite package program prefix
    rows | while read -r name suite package program prefix; do
        state_of "$name" "$suite" "$package" "$program" "$prefix"
    done >"$peers/status.new"
    mv "$peers/status.new" "$peers/status"
    sed 's/^/peers: /' "$peers/status"
}

fetch_missing() {
    local suite
    for suite in "$@"; do
        # No && and no || around it: either would switch `set -e` off inside.
        (fetch "$suite"; rm -f "$peers/$suite.log") >"$peers/$suite.log" 2>&1 &
    done
    wait
    rm -rf "$peers"/*.new
}

unfetchable=''
mkdir -p "$peers"
exec 9>"$peers/.lock"
! command -v flock >/dev/null || flock 9
missing=()
for suite in $(rows | awk '{ print $2 }' | sort -u); do have "$suite" || missing+=("$suite"); done
if [ ${#missing[@]} -gt 0 ]; then
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        unfetchable='this machine has no apt-get, and no such program is installed'
    elif ! find_mirror; then
        unfetchable='the apt sources of this machine name no Debian archive'
    else
        say "fetching Debian packages of ${missing[*]} into $peers (about 30 s, 300 MB)"
        fetch_missing "${missing[@]}"
    fi
fi
write_status
if grep -q ' missing: ' "$peers/status"; then
    rm -f "$peers/.ready"
    say 'some peers cannot be had; their tests are skipped (and fail where CI=true)'
else
    touch "$peers/.ready"
fi
