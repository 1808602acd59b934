#!/bin/sh
# Installs the Debian 12 packages that building, running and testing Sallyport need. Silent when nothing is missing; starts
# no service and creates no database.
# Usage: share/install-deps.sh [build|run|idp|test|all]     (default: all; takes root only when something is missing)
#   build  the compiler and the libraries
#   run    and what the throw-away lab of share/demo.sh runs
#   idp    and the identity provider of share/demo.sh --idp glewlwyd
#   test   and what tests/run.sh runs
#   all    and what `make format` and --enable-fuzz take
set -eu
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

BUILD="gcc make autoconf automake pkg-config libssh-dev libssl-dev libpq-dev libpg-query-dev libmsgpack-dev libzstd-dev
 libsqlite3-dev libyaml-dev libjansson-dev libcjose-dev libcurl4-openssl-dev libmicrohttpd-dev libseccomp-dev libedit-dev
 libcriterion-dev linux-libc-dev libc6-dev"
RUN="openssh-client postgresql-15 postgresql-client-15 openssl util-linux procps e2fsprogs ca-certificates"
TEST="openssh-server softhsm2 opensc python3 python3-jwt python3-cryptography python3-psycopg python3-asyncpg libpostgresql-jdbc-java ivy nodejs mandoc git chromium"
IDP="curl"
MORE="clang clang-format libclang-rt-14-dev"

what=${1:-all}
case $what in
build) want=$BUILD ;;
run) want="$BUILD $RUN" ;;
idp) want="$BUILD $RUN $IDP" ;;
test) want="$BUILD $RUN $IDP $TEST" ;;
all) want="$BUILD $RUN $IDP $TEST $MORE" ;;
*)
    echo "usage: share/install-deps.sh [build|run|idp|test|all]" >&2
    exit 2
    ;;
esac
command -v dpkg-query > /dev/null 2>&1 && command -v apt-get > /dev/null 2>&1 || {
    echo "install-deps: there is no apt-get here. On another system install the equivalents of: $want" >&2
    exit 1
}

installed() { dpkg-query -W -f '${Status}' "$1" 2> /dev/null | grep -q 'ok installed'; }
missing=
for p in $want; do
    installed "$p" && continue
    case $p in
    nodejs) command -v node > /dev/null 2>&1 && continue ;;
    esac
    missing="$missing $p"
done
if [ "$what" = test ] || [ "$what" = all ]; then
    # Any JDK with a compiler will do.
    command -v javac > /dev/null 2>&1 || missing="$missing default-jdk-headless"
    # The PostgreSQL driver of Node.js goes with Debian's Node.js only; for another one tests/integration asks npm.
    case $(dpkg-query -W -f '${Maintainer}' nodejs 2> /dev/null || command -v node || echo Debian) in
    *Debian*) installed node-pg || missing="$missing node-pg" ;;
    esac
    command -v npm > /dev/null 2>&1 || missing="$missing npm"
fi
# It wants one of the second kind; only this one brings no database's programs.
case $what in
idp | test | all)
    installed glewlwyd || {
        missing="$missing glewlwyd"
        installed dbconfig-sqlite3 || installed dbconfig-mysql || installed dbconfig-pgsql || missing="$missing dbconfig-no-thanks"
    }
    ;;
esac
# npm's packages: what needs them says that it was skipped.
more() {
    case $what in
    test | all) "$(dirname "$0")/../tests/idp/install.sh" > /dev/null || echo "install-deps: tests with the identity provider of npm will be skipped" >&2 ;;
    esac
}
[ -n "$missing" ] || {
    more
    exit 0
}
if [ "$(id -u)" -ne 0 ]; then
    echo "install-deps: packages are missing, and only root can install them; run this as root, or first: apt-get install$missing" >&2
    exit 1
fi

log=$(mktemp)
policy=
cleanup() {
    rm -f "$log"
    [ -z "$policy" ] || rm -f "$policy"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM
# Test servers are started by the tests themselves: no cluster of the distribution's is wanted, and no sshd at port 22.
if [ ! -e /etc/postgresql-common/createcluster.conf ] && [ ! -d /etc/postgresql/15 ]; then
    mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
fi
if [ ! -e /usr/sbin/policy-rc.d ]; then
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
# Tests configure their own provider. Its package would make one with a database (and fails if that is declined), or copy an
# example that slimmed images lack.
case $missing in
*glewlwyd*)
    [ -e /etc/glewlwyd/glewlwyd.conf ] || {
        mkdir -p /etc/glewlwyd
        echo "# Empty: nothing of this machine's own is served. Examples: glewlwyd.conf.sample.gz in /usr/share/doc/glewlwyd" > /etc/glewlwyd/glewlwyd.conf
    }
    echo "glewlwyd glewlwyd/config_type select No configuration" | debconf-set-selections
    ;;
esac
# Slimmed images have no manual pages; packages with alternatives fail without their folders.
mkdir -p /usr/share/man/man1 /usr/share/man/man7

get() { apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" >> "$log" 2>&1; }
# shellcheck disable=SC2086
set -- $missing
echo "installing $# packages and what they need (a minute or two): $*" >&2
get update || echo "install-deps: apt-get update failed; trying with the package lists that are there" >&2
get install --no-install-recommends "$@" || {
    tail -40 "$log" >&2
    echo "install-deps: apt-get could not install the packages; the reason is above" >&2
    exit 1
}
more
