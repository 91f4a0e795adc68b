#!/bin/sh
# Makes sure that Debian packages are there: need-packages.sh PACKAGE:WHAT ...
# WHAT is a command on the PATH, `postgres-server` (initdb anywhere Debian puts it) or `ensurepip-module`.
# Installs what is missing with apt-get (as root, or through sudo); services of new packages are not started.
set -eu

has() {
    case "$1" in
        postgres-server) command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 ;;
        ensurepip-module) python3 -c 'import ensurepip' >/dev/null 2>&1 ;;
        *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

missing=
for need in "$@"; do
    has "${need#*:}" || missing="$missing ${need%%:*}"
done
[ -n "$missing" ] || exit 0

echo "Installing Debian packages:$missing"
if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1; then
    as_root=sudo
else
    echo "These Debian packages are missing and this is neither root nor is there sudo:$missing" >&2
    exit 1
fi

# A package must not bring up a server of its own on this machine: neither a service nor a PostgreSQL cluster.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
    trap '$as_root rm -f "$policy"' EXIT
fi
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    $as_root mkdir -p /etc/postgresql-common
    printf 'create_main_cluster = false\n' | $as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
fi
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of packages is meant
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing

for need in "$@"; do
    if ! has "${need#*:}"; then
        echo "${need%%:*} was installed, yet ${need#*:} is still not found" >&2
        exit 1
    fi
done
