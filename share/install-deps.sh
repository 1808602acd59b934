#!/bin/sh
# Installs the Debian 12 packages that building, running and testing Sallyport need; nothing else is needed.
# Usage: share/install-deps.sh [build|run|test|all]     (default: all; run as root)
set -eu

BUILD="gcc make autoconf automake pkg-config libssh-dev libssl-dev libpq-dev libpg-query-dev libmsgpack-dev libzstd-dev
 libsqlite3-dev libyaml-dev libjansson-dev libseccomp-dev libedit-dev libcriterion-dev linux-libc-dev libc6-dev"
RUN="openssh-client openssh-server postgresql-15 postgresql-client-15 openssl util-linux procps ca-certificates"
TEST="python3 python3-psycopg2 python3-psycopg python3-asyncpg libpostgresql-jdbc-java nodejs mandoc cppcheck
 clang clang-format libclang-rt-14-dev git xz-utils netcat-openbsd"

case ${1:-all} in
build) want=$BUILD ;;
run) want="$BUILD $RUN" ;;
test | all) want="$BUILD $RUN $TEST" ;;
*)
    echo "usage: share/install-deps.sh [build|run|test|all]" >&2
    exit 2
    ;;
esac
case ${1:-all} in
test | all)
    # Any JDK with a compiler will do.
    command -v javac > /dev/null 2>&1 || want="$want default-jdk-headless"
    ;;
esac

# The PostgreSQL driver of Node.js: Debian's, unless a foreign Node.js is installed (then tests/drivers asks npm).
if [ "${1:-all}" = all ] || [ "${1:-all}" = test ]; then
    apt-cache show node-pg > /dev/null 2>&1 || [ "$(id -u)" -ne 0 ] || apt-get update -q > /dev/null
    if apt-get install -s -q node-pg > /dev/null 2>&1; then want="$want node-pg"; fi
fi

missing=
for p in $want; do
    dpkg-query -W -f '${Status}' "$p" 2> /dev/null | grep -q 'ok installed' && continue
    case $p in
    nodejs) command -v node > /dev/null 2>&1 && continue ;;
    python3) command -v /usr/bin/python3 > /dev/null 2>&1 && continue ;;
    esac
    missing="$missing $p"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "install-deps: these packages are missing, and installing them takes root:$missing" >&2
    exit 1
fi
# Test servers are started by the tests themselves: no cluster of the distribution's is wanted.
if [ ! -e /etc/postgresql-common/createcluster.conf ] && [ ! -d /etc/postgresql/15 ]; then
    mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
fi
export DEBIAN_FRONTEND=noninteractive
echo "install-deps: installing$missing" >&2
apt-get update -q > /dev/null || apt-get update
# shellcheck disable=SC2086
apt-get install -y -q --no-install-recommends $missing > /tmp/sallyport-apt.$$ 2>&1 || {
    cat /tmp/sallyport-apt.$$ >&2
    rm -f /tmp/sallyport-apt.$$
    exit 1
}
rm -f /tmp/sallyport-apt.$$
