# SPDX-License-Identifier: Apache-2.0
#
# For integration tests of logins at an identity provider (bash, after lab-test.sh):
#   key NAME                       a fresh key pair LAB/keys/NAME; key_fp NAME prints its fingerprint
#   login_begin TAG KEY USER [ARG...]   ssh with only that key in the background: LAB/TAG.out, .err, .rc; `SSHO` = further options
#   login_code TAG                 waits for the banner, prints the code
#   login_end TAG [SECONDS]        waits for the end, prints the exit status ("late" when it does not come)
#   login_stop TAG [SIGNAL]        as the person at the keyboard would (default INT)
#   as KEY USER ARG...             ssh with KEY and KEY-cert.pub, nothing else, unattended
#   conf_set OLD NEW               replaces text (sed, extended) in sallyport.yaml and reloads
#   log_count PATTERN              lines of the gateway's log
# USER "" = no user name given on the command line.

key() {
    rm -f "$LAB/keys/$1"*
    ssh-keygen -q -t "${2:-ed25519}" -N '' -C "$1" -f "$LAB/keys/$1" < /dev/null
}
key_fp() { ssh-keygen -l -f "$LAB/keys/$1.pub" | cut -d' ' -f2; }
key_re() { key_fp "$1" | sed 's/[+]/\\&/g'; } # for log_count
raw_ssh() { # without a configuration: what a person has on the first day
    ssh -F none -p "$SP_SSH_PORT" -o UserKnownHostsFile="$LAB/known_hosts" -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -o IdentityAgent=none \
        -o ConnectTimeout=10 "$@"
}
login_begin() {
    local tag=$1 key=$2 user=$3
    shift 3
    rm -f "$LAB/$tag.rc" "$LAB/$tag.err" "$LAB/$tag.out"
    (
        # A command in the background would ignore Ctrl-C.
        # shellcheck disable=SC2086
        env --default-signal=INT ssh -F none -p "$SP_SSH_PORT" -o UserKnownHostsFile="$LAB/known_hosts" -o StrictHostKeyChecking=yes \
            -o IdentitiesOnly=yes -o IdentityAgent=none -o ConnectTimeout=10 -o IdentityFile="$LAB/keys/$key" -o CertificateFile=none \
            ${SSHO:-} "${user:+$user@}127.0.0.1" "$@" < /dev/null > "$LAB/$tag.out" 2> "$LAB/$tag.err" &
        echo $! > "$LAB/$tag.pid"
        wait $! 2> /dev/null
        echo $? > "$LAB/$tag.new" && mv "$LAB/$tag.new" "$LAB/$tag.rc"
    ) 2> /dev/null &
}
login_code() {
    local i code
    for i in $(seq 1 200); do
        code=$(sed -n 's/^and [a-z]* the code  *\([^ ]*\).*/\1/p' "$LAB/$1.err" 2> /dev/null | tr -d '\r')
        [ -z "$code" ] || {
            echo "$code"
            return 0
        }
        [ ! -e "$LAB/$1.rc" ] || break
        sleep 0.1
    done
    echo "no-code"
    return 1
}
login_end() {
    local i
    for i in $(seq 1 $((${2:-30} * 10))); do
        [ ! -e "$LAB/$1.rc" ] || {
            cat "$LAB/$1.rc"
            return
        }
        sleep 0.1
    done
    echo late
}
login_stop() { kill "-${2:-INT}" "$(cat "$LAB/$1.pid")" 2> /dev/null; }
as() {
    local key=$1 user=$2
    shift 2
    raw_ssh -o IdentityFile="$LAB/keys/$key" -o CertificateFile="$LAB/keys/$key-cert.pub" -o BatchMode=yes -o LogLevel=ERROR "$user@127.0.0.1" "$@" < /dev/null
}
conf_set() {
    sed -i -E "s#$1#$2#" "$LAB/sallyport.yaml" && "$SP_BIN/sallyport" reload > "$LAB/reload" 2>&1 || {
        not_ok "the configuration with $2 is taken"
        sed 's/^/#   /' "$LAB/reload"
    }
}
log_count() { grep -cE -- "$1" "$LAB/gateway.log"; }
# Waits until the gateway's log has a line.
log_wait() { # PATTERN [SECONDS]
    local i
    for i in $(seq 1 $((${2:-10} * 10))); do
        grep -qE -- "$1" "$LAB/gateway.log" && return 0
        sleep 0.1
    done
    return 1
}
