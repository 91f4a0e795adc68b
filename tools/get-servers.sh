#!/bin/sh
# Where are prometheus, promtool, alertmanager and amtool? Prints the directory to put in front of PATH.
#
#   tools/get-servers.sh [--always] DIR
#
# When they are on PATH already, that is where they are. Otherwise Debian's packages are downloaded and unpacked below
# DIR: nothing is installed, no service starts, nothing outside DIR changes, root is not needed. A second call finds
# what the first one unpacked. --always does not look at PATH. Progress and errors go to stderr.
set -eu

say() { echo "get-servers: $*" >&2; }
die() { say "$*"; exit 1; }

always=no
if [ "${1:-}" = --always ]; then always=yes; shift; fi
[ $# -eq 1 ] || die "usage: get-servers.sh [--always] DIR"

have() { command -v "$1" >/dev/null 2>&1; }
if [ $always = no ] && have prometheus && have promtool && have amtool &&
    { have alertmanager || have prometheus-alertmanager; }; then
    dirname "$(command -v prometheus)"
    exit 0
fi

mkdir -p "$1" || die "cannot make the directory $1"
dir=$(cd "$1" && pwd)
if [ -e "$dir/complete" ]; then
    echo "$dir/bin"
    exit 0
fi

{ have apt-get && have dpkg && have dpkg-deb; } || die "prometheus, promtool, alertmanager and amtool are not on PATH, and
this is no Debian to take them from. Install Prometheus 2.42+ and Alertmanager 0.25+ and put them on PATH."

work=$dir/unfinished.$$
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
rm -rf "$dir"/unfinished.* "$dir/root" "$dir/bin"
mkdir -p "$work/debs" "$work/root" "$work/bin" "$work/lists/partial" "$work/cache/archives/partial"
set --
[ "$(id -u)" -ne 0 ] || set -- -o APT::Sandbox::User=root # else root's apt may not write to DIR

# The two servers, and what Prometheus' pages are made of.
packages="prometheus prometheus-alertmanager fonts-glyphicons-halflings libjs-bootstrap4 libjs-jquery
libjs-jquery-hotkeys libjs-moment libjs-moment-timezone libjs-mustache libjs-popper.js libjs-rickshaw libjs-d3
libjs-eonasdan-bootstrap-datetimepicker"

# shellcheck disable=SC2086  # a list of words
download() { (cd "$work/debs" && apt-get -qq "$@" download $packages) >&2; }

say "getting Prometheus and Alertmanager from Debian (30 MB, once) ..."
if ! download "$@" 2>"$work/error"; then
    say "reading Debian's package lists first ..."
    # Lists of our own: the system's stay as they are, and a user without rights may do it too.
    set -- "$@" -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" \
        -o Dir::State::status=/var/lib/dpkg/status
    apt-get -qq "$@" update >&2 || die "apt-get update failed: is the network there, is /etc/apt/sources.list right?"
    download "$@" || die "Debian's packages could not be downloaded; install prometheus and prometheus-alertmanager
yourself (apt-get install prometheus prometheus-alertmanager) and try again."
fi
for package in "$work"/debs/*.deb; do dpkg-deb -x "$package" "$work/root"; done
rm -rf "$work/root/usr/share/javascript/moment-timezone/data" "$work/root/usr/share/doc" # 200 MB no page reads

# Both look for their templates and pages at a fixed place below /usr/share, where nothing is installed: Alertmanager
# does not start without them. Our copies look below the current directory instead, under a name of the same length,
# and are started from there.
relocate() {
    LC_ALL=C sed "s|$2|$3|g" "$work/root/usr/bin/$1" >"$work/relocated"
    LC_ALL=C grep -q -a -F "$3" "$work/relocated" || die "$1 is not built as expected; install the package instead"
    cat "$work/relocated" >"$work/root/usr/bin/$1"
    cat >"$work/bin/$1" <<WRAPPER
#!/bin/sh
# Started from where its templates and pages are: give it absolute paths.
cd "\${0%/*}/../root" && exec "./usr/bin/$1" "\$@"
WRAPPER
    chmod 755 "$work/bin/$1"
}
relocate prometheus /usr/share/prometheus/web/ usr/share/prometheus/web//
relocate prometheus-alertmanager /usr/share/prometheus/alertmanager usr/share/prometheus/alertmanager/
for tool in promtool amtool; do ln -s "../root/usr/bin/$tool" "$work/bin/$tool"; done

mv "$work/root" "$dir/root"
mv "$work/bin" "$dir/bin"
for tool in prometheus promtool prometheus-alertmanager amtool; do
    "$dir/bin/$tool" --version >/dev/null 2>"$work/error" || die "$tool does not run here: $(cat "$work/error")"
done
: >"$dir/complete"
say "unpacked to $dir"
echo "$dir/bin"
