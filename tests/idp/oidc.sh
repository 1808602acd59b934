# SPDX-License-Identifier: Apache-2.0
#
# The npm oidc-provider of tests/idp/oidc-provider for tests. A library for bash.
#
#   oidc_start DIR CLIENTS [KEY=JSON ...]  starts it, files in DIR; CLIENTS: JSON array; further keys of its configuration; sets
#                                          OIDC_ISSUER and OIDC_DIR. With DIR/tls.key and DIR/tls.crt (oidc_tls) it speaks https
#   oidc_restart DIR [new-keys]            the same port again
#   oidc_stop DIR
#   oidc_tls DIR                           a CA (DIR/ca.pem) and a certificate for 127.0.0.1 and localhost
#   oidc_user DIR NAME '{"groups": [..]}'  adds or changes a person; JSON null removes
#   oidc_faults DIR JSON                   see server.mjs
#   oidc_approve DIR NAME CODE [--no]      what the person does in the browser
#   oidc_token DIR CLIENT SECRET AUDIENCE  prints a signed JWT of the client itself
#   oidc_requests DIR PATH                 prints how many requests to PATH there were
OIDC_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

oidc_tls() {
    mkdir -p "$1"
    (
        cd "$1" && openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj '/CN=test CA' \
            -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign &&
            openssl req -newkey rsa:2048 -nodes -keyout tls.key -out tls.csr -subj '/CN=localhost' &&
            printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n' > tls.ext &&
            openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile tls.ext -out tls.crt
    ) > "$1/tls.log" 2>&1
}

oidc_curl() { # DIR ARGS...
    local dir=$1 tls=()
    shift
    [ ! -e "$dir/ca.pem" ] || tls=(--cacert "$dir/ca.pem")
    curl -sS -m 20 "${tls[@]}" "$@"
}

oidc_run() { # DIR PORT
    local i
    OIDC_MODULES=${OIDC_MODULES:-$("$OIDC_TOP/install.sh")} || return 1
    : > "$1/out"
    SP_IDP_MODULES=$OIDC_MODULES "${SP_NODE:-node}" "$OIDC_TOP/oidc-provider/server.mjs" --port "$2" --config "$1/config.json" > "$1/out" 2>> "$1/err" &
    echo $! > "$1/pid"
    for i in $(seq 1 300); do
        grep -q '^issuer ' "$1/out" && break
        kill -0 "$(cat "$1/pid")" 2> /dev/null || break
        sleep 0.1
    done
    OIDC_ISSUER=$(sed -n 's/^issuer //p' "$1/out")
    OIDC_DIR=$1
    [ -n "$OIDC_ISSUER" ] && return
    echo "oidc-provider: it did not start:" >&2
    tail -20 "$1/out" "$1/err" >&2
    return 1
}

oidc_start() {
    local dir=$1 clients=$2 more=
    shift 2
    mkdir -p "$dir"
    [ ! -e "$dir/tls.crt" ] || more=", \"tls\": {\"key\": \"$dir/tls.key\", \"cert\": \"$dir/tls.crt\"}"
    while [ $# -gt 0 ]; do
        more="$more, \"${1%%=*}\": ${1#*=}"
        shift
    done
    [ -e "$dir/users.json" ] || echo '{}' > "$dir/users.json"
    printf '{"users": "%s/users.json", "keys": "%s/keys.json", "log": "%s/requests", "clients": %s%s}\n' "$dir" "$dir" "$dir" "$clients" "$more" > "$dir/config.json"
    oidc_run "$dir" 0
}

oidc_stop() {
    local pid i
    pid=$(cat "$1/pid" 2> /dev/null) && grep -q server.mjs "/proc/$pid/cmdline" 2> /dev/null || return 0
    kill "$pid"
    for i in $(seq 1 50); do
        kill -0 "$pid" 2> /dev/null || break
        sleep 0.1
    done
    rm -f "$1/pid"
}

oidc_restart() {
    local port=${OIDC_ISSUER##*:}
    oidc_stop "$1"
    [ "${2:-}" != new-keys ] || rm -f "$1/keys.json"
    oidc_run "$1" "$port"
}

oidc_user() { # the file is replaced at once: a login may be reading it
    python3 - "$1/users.json" "$2" "$3" << 'EOF'
import json, os, sys
path, name, value = sys.argv[1:]
users = json.load(open(path)) if os.path.exists(path) else {}
users.pop(name, None)
if json.loads(value) is not None:
    users[name] = json.loads(value)
with open(path + '.new', 'w') as f:
    json.dump(users, f)
os.rename(path + '.new', path)
EOF
}

oidc_faults() { oidc_curl "$1" -o /dev/null -X POST -d "$2" "$OIDC_ISSUER/test/faults"; }
oidc_requests() { grep -c " $2 " "$1/requests" 2> /dev/null; }
oidc_approve() {
    local dir=$1 name=$2 code=$3 tls=()
    shift 3
    [ ! -e "$dir/ca.pem" ] || tls=(--cacert "$dir/ca.pem")
    "$OIDC_TOP/approve.sh" "$@" "${tls[@]}" "$OIDC_ISSUER/device" "$code" "$name"
}
oidc_token() {
    oidc_curl "$1" -u "$2:$3" -d grant_type=client_credentials --data-urlencode "resource=$4" "$OIDC_ISSUER/token" | sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p'
}
