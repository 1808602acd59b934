# SPDX-License-Identifier: Apache-2.0
#
# For integration tests (bash): a lab of their own and TAP-like lines.
#   lab_up [pgtmp options]; lab_down     LAB = its directory; the variables of env.sh are set
#   ok TEXT, not_ok TEXT, skip TEXT, check TEXT PATTERN FILE, is TEXT GOT WANT
#   sshb WHO ARG...                      ssh as alice, bob or carol
#   forward WHO                          unix-socket forward; psql_as WHO ... uses it
#   forward_tcp WHO                      prints a local TCP port
#   wait_request [N]                     the id of a pending request
#   more_down                            a function that a test defines for what else has to end
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../../share/lab/lab.sh"
SP_BUILD=${SP_BUILD:-$LAB_TOP/build/plain}
failures=0
forwards=

ok() { echo "ok - $*"; }
not_ok() {
    echo "not ok - $*"
    failures=$((failures + 1))
}
skip() { echo "skip - $*"; }
check() {
    if grep -qE -- "$2" "$3"; then ok "$1"; else
        not_ok "$1"
        tail -15 "$3" | sed 's/^/#   /'
    fi
}
check_not() {
    if grep -qE -- "$2" "$3"; then
        not_ok "$1"
        grep -E -- "$2" "$3" | head -5 | sed 's/^/#   /'
    else ok "$1"; fi
}
is() { if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1: got '$2', want '$3'"; fi; }

lab_up() {
    LAB=$(mktemp -d /tmp/sallyport-test.XXXXXX)
    trap 'lab_down_quiet' EXIT
    if ! lab_start "$LAB" "${LAB_BUILD:-$SP_BUILD}" "$@"; then
        not_ok "the lab starts"
        exit 1
    fi
    . "$LAB/env.sh"
}
lab_down_quiet() {
    # shellcheck disable=SC2086
    [ -z "$forwards" ] || kill $forwards 2> /dev/null
    ! declare -F more_down > /dev/null || more_down
    [ -z "${LAB_KEEP:-}" ] || {
        echo "# kept $LAB"
        return
    }
    lab_stop "$LAB" > /dev/null 2>&1
    chattr -R -a "$LAB/state" 2> /dev/null
    rm -rf "$LAB"
}
lab_down() {
    [ "$failures" -eq 0 ] || {
        echo "# --- gateway log"
        grep -vE ' info ' "$LAB/gateway.log" | tail -20 | sed 's/^/# /'
    }
    exit $((failures > 0))
}

sshb() {
    local who=$1
    shift
    ssh -F "$SP_SSH_CONFIG" "bastion-$who" "$@"
}
forward() {
    local i
    mkdir -p "$LAB/sock-$1"
    rm -f "$LAB/sock-$1/.s.PGSQL.5432"
    ssh -F "$SP_SSH_CONFIG" -N -L "$LAB/sock-$1/.s.PGSQL.5432:${2:-$SP_PG_TARGET}:5432" "bastion-$1" < /dev/null > /dev/null 2>&1 &
    forward_pid=$!
    forwards="$forwards $!"
    for i in $(seq 1 100); do
        [ -S "$LAB/sock-$1/.s.PGSQL.5432" ] && return 0
        sleep 0.05
    done
    return 1
}
forward_tcp() {
    local port i
    port=$(lab_free_port)
    ssh -F "$SP_SSH_CONFIG" -N -L "$port:${2:-$SP_PG_TARGET}:5432" "bastion-$1" < /dev/null > /dev/null 2>&1 &
    echo $! >> "$LAB/forward.pids"
    for i in $(seq 1 100); do
        (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null && break
        sleep 0.05
    done
    echo "$port"
}
psql_as() {
    local who=$1
    shift
    psql -X -h "$LAB/sock-$who" -U "$SP_PG_USER" -d "$SP_PG_DB" "$@"
}
# The same in place of the (sub)shell, so that $! of `psql_exec ... &` is psql itself.
psql_exec() {
    local who=$1
    shift
    exec psql -X -h "$LAB/sock-$who" -U "$SP_PG_USER" -d "$SP_PG_DB" "$@"
}
direct() { psql -X -At "$SP_PG_DIRECT" "$@"; }
request_ids() { sshb "${1:-bob}" requests --json < /dev/null 2> /dev/null | grep -o '"id": *"[a-z0-9]*"' | sed 's/.*"\([a-z0-9]*\)"$/\1/'; }
wait_request() {
    local i id
    for i in $(seq 1 100); do
        id=$(request_ids | head -1)
        [ -z "$id" ] || {
            echo "$id"
            return 0
        }
        sleep 0.1
    done
    return 1
}
# The newest session of a user.
last_session() { "$SP_BIN/sallyport" sessions --user "$1" --json | grep -o '"id": *"[0-9A-Z]*"' | head -1 | sed 's/.*"\([0-9A-Z]*\)"$/\1/'; }
