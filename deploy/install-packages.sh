#!/usr/bin/env bash
# Installs what building, testing and the demo need from Debian's (or Ubuntu's) packages, and nothing that is there.
# Asks before it uses sudo; says exactly what is missing when it cannot install. Does not install Swift: see swift.org.
set -euo pipefail

packages=()
need() { packages+=("$1"); }
have_library() { command -v pkg-config >/dev/null && pkg-config --exists "$1"; }
have_server() {
    local directory
    for directory in "${PG_BIN:-}" "$(pg_config --bindir 2>/dev/null || true)" /usr/lib/postgresql/*/bin; do
        [ -n "$directory" ] && [ -x "$directory/initdb" ] && [ -x "$directory/postgres" ] && return 0
    done
    return 1
}

command -v pkg-config >/dev/null || need pkg-config
have_library libpq || need libpq-dev
have_library libzstd || need libzstd-dev
have_library openblas || need libopenblas-dev
have_library libcrypto || need libssl-dev
have_server || need postgresql
command -v setpriv >/dev/null || need util-linux
command -v python3 >/dev/null || need python3
python3 -m pip --version >/dev/null 2>&1 || need python3-pip

swift_help='install Swift 6.2 or newer from https://www.swift.org/install/linux/ and put it on PATH'
if ! command -v swift >/dev/null; then
    echo "make: no swift on PATH; $swift_help" >&2
    exit 1
fi
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
if [ "$(printf '%s\n6.2\n' "$version" | sort -V | head -n 1)" != 6.2 ]; then
    echo "make: swift is $version; $swift_help" >&2
    exit 1
fi

[ "${#packages[@]}" -eq 0 ] && exit 0

refuse() {
    echo "make: these packages are missing: ${packages[*]}" >&2
    echo "make: $1" >&2
    echo "make: install them yourself, for example: sudo apt-get install ${packages[*]}" >&2
    exit 1
}

command -v apt-get >/dev/null || refuse "there is no apt-get on this system"
sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || refuse "not root, and there is no sudo"
    [ -t 0 ] || refuse "not root, and nobody to ask (standard input is no terminal)"
    read -r -p "Install ${packages[*]} with sudo apt-get? [y/N] " answer
    case "$answer" in y | Y | yes) sudo=(sudo) ;; *) refuse "not installed, as you said" ;; esac
fi

echo "Installing ${packages[*]}"
"${sudo[@]}" apt-get update -qq || refuse "apt-get update failed"
install() {
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
        refuse "apt-get install failed"
}
# The demo and the tests start clusters of their own: Debian need not make and start one.
case " ${packages[*]} " in
*" postgresql "*)
    install postgresql-common
    "${sudo[@]}" sed -i -E 's/^#?create_main_cluster.*/create_main_cluster = false/' \
        /etc/postgresql-common/createcluster.conf
    ;;
esac
install "${packages[@]}"
