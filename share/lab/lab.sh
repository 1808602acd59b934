# SPDX-License-Identifier: Apache-2.0
#
# A throw-away lab: PostgreSQL, gateway, three people with certificates. A library for bash, used by share/demo.sh, the
# integration tests and the benchmarks.
#
#   . share/lab/lab.sh
#   lab_start DIR BUILD [pgtmp option ...]   files in DIR, programs from BUILD; writes DIR/env.sh
#   lab_stop DIR                             ends it; recordings and logs stay
#   lab_runs DIR                             is a gateway running there?
#   lab_clean DIR                            removes what an ended lab left
# Variables that change the lab: LAB_PG_TLS (yes|no, default yes), LAB_EXTRA (a file with further top-level YAML keys),
# LAB_GATEWAY_EXTRA (further keys of `gateway`, as ", key: value"), LAB_IDENTITY and LAB_ROLES (files with further entries of `identity` and,
# ahead of the others, of `roles`), LAB_PEOPLE (who has a key and an entry in ssh_config), LAB_USERS (who of them is a user of the
# configuration; the others have to come from an identity provider).

# A lab speaks to its own servers only.
unset PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGPASSWORD PGPASSFILE PGSERVICE PGSERVICEFILE PGOPTIONS PGSSLMODE PGSSLROOTCERT \
    PGAPPNAME PGCLIENTENCODING PGTARGETSESSIONATTRS PGREQUIREAUTH
LAB_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_PEOPLE=${LAB_PEOPLE:-alice bob carol}
LAB_USERS=${LAB_USERS-$LAB_PEOPLE}
. "$LAB_TOP/tests/support/pgtmp.sh"

lab_free_port() {
    local p
    while :; do
        p=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
        (exec 3<> "/dev/tcp/127.0.0.1/$p") 2> /dev/null || {
            echo "$p"
            return
        }
    done
}

lab_pg() {
    local dir=$1
    shift
    LAB_PG_PORT=$(pgtmp_start "$dir/pg" tls="${LAB_PG_TLS:-yes}" log=all password=lab-super "$@") || return 1
    pgtmp_psql "$dir/pg" -q -v ON_ERROR_STOP=1 -d postgres -c 'CREATE DATABASE orders' > "$dir/pg-setup.log" 2>&1 &&
        pgtmp_psql "$dir/pg" -q -v ON_ERROR_STOP=1 -d orders -f "$LAB_TOP/share/lab/schema.sql" >> "$dir/pg-setup.log" 2>&1 || {
        cat "$dir/pg-setup.log" >&2
        return 1
    }
}

lab_keys() {
    local u
    mkdir -p "$1/keys"
    for u in $LAB_PEOPLE; do
        ssh-keygen -q -t ed25519 -N '' -C "$u" -f "$1/keys/$u" < /dev/null || return 1
    done
}

# A user of the configuration; the lab's story gives the groups.
lab_user() { # DIR NAME
    local groups=dba
    case $2 in
    alice*) groups=analysts ;;
    rita) groups=readers ;;
    bob | ben*) groups="dba, approver" ;;
    esac
    echo "  $2: {groups: [$groups], keys: [\"$(cat "$1/keys/$2.pub")\"]}"
}

lab_conf() {
    local dir=$1 tls=verify-full u
    [ "${LAB_PG_TLS:-yes}" = yes ] || tls=disable
    mkdir -p "$dir/secrets"
    printf lab-ro > "$dir/secrets/app_ro"
    printf lab-rw > "$dir/secrets/app_rw"
    chmod 600 "$dir/secrets"/*
    {
        echo "# A lab on one machine; see sallyport.yaml(5)."
        echo "gateway: {name: lab, listen: [\"127.0.0.1:$LAB_SSH_PORT\"], state: $dir/state${LAB_GATEWAY_EXTRA:-}}"
        echo "identity:"
        echo "  local: {type: local}"
        [ -z "${LAB_IDENTITY:-}" ] || cat "$LAB_IDENTITY"
        [ -z "$LAB_USERS" ] || echo "users:"
        for u in $LAB_USERS; do lab_user "$dir" "$u"; done
        echo "targets:"
        echo "  orders-prod:"
        echo "    type: postgres"
        echo "    address: [\"127.0.0.1:$LAB_PG_PORT\"]"
        echo "    port: 5432"
        echo "    labels: {env: prod}"
        echo "    databases: [orders]"
        echo "    tls: $tls"
        [ "$tls" = disable ] || echo "    tls_ca: $dir/pg/ca.pem"
        echo "    logins:"
        echo "      app_rw: {password: \"file:$dir/secrets/app_rw\"}"
        echo "      app_ro: {password: \"file:$dir/secrets/app_ro\"}"
        echo "roles:"
        [ -z "${LAB_ROLES:-}" ] || cat "$LAB_ROLES"
        echo "  analyst:  {groups: [analysts], targets: [env=prod], logins: [app_rw, app_ro], mask: full}"
        echo "  dba:      {groups: [dba], targets: [\"*\"], logins: [\"*\"], mask: partial, verbs: [audit, watch, kill]}"
        echo "  approver: {groups: [approver], targets: [\"*\"], logins: [app_ro], mask: full, verbs: [approve]}"
        echo "approvals:"
        echo "  default: {approvers: [approver], quorum: 1, wait: 15m, wait_holding_locks: 60s}"
        [ -z "${LAB_EXTRA:-}" ] || cat "$LAB_EXTRA"
    } > "$dir/sallyport.yaml"
}

# The folder of the gateway's programs. Its processes are unprivileged when they execute them: where they cannot reach the
# build (a checkout in /root, an umask of 077) they get copies.
lab_programs() {
    local dir=$1 build=$2 p
    if [ "$(id -u)" -ne 0 ] || setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$build/sallyportd"; then
        echo "$build"
    else
        mkdir -p "$dir/bin" && chmod 755 "$dir/bin" && install -m 755 "$build/sallyportd" "$build/sallyport" "$build/sallyport-fetch" "$build/sallyport-web" "$dir/bin" && echo "$dir/bin"
    fi
}

lab_gateway_start() {
    local dir=$1 build=$2 i programs
    programs=$(lab_programs "$dir" "$build") || return 1
    "$programs/sallyportd" -f "$dir/sallyport.yaml" -D >> "$dir/gateway.log" 2>&1 &
    echo $! > "$dir/gateway.pid"
    for i in $(seq 1 100); do
        "$programs/sallyport" status --socket "$dir/state/control.sock" > /dev/null 2>&1 &&
            ssh-keyscan -T 2 -t ed25519 -p "$LAB_SSH_PORT" 127.0.0.1 > "$dir/scan" 2> /dev/null && [ -s "$dir/scan" ] && break
        kill -0 "$(cat "$dir/gateway.pid")" 2> /dev/null || break
        sleep 0.1
    done
    [ -s "$dir/scan" ] || {
        echo "lab: the gateway did not start:" >&2
        tail -20 "$dir/gateway.log" >&2
        return 1
    }
    # The host key comes from the gateway's own file, not from the network.
    awk -v h="[127.0.0.1]:$LAB_SSH_PORT" '{print h, $1, $2}' "$dir/state/ssh_host_ed25519_key.pub" > "$dir/known_hosts"
}

# The number in the file may be another process's by now.
lab_runs() {
    local pid
    pid=$(cat "$1/gateway.pid" 2> /dev/null) && kill -0 "$pid" 2> /dev/null && grep -q sallyportd "/proc/$pid/cmdline" 2> /dev/null
}

lab_gateway_stop() {
    local pid i
    lab_runs "$1" || return 0
    pid=$(cat "$1/gateway.pid")
    kill -TERM "$pid" 2> /dev/null || return 0
    for i in $(seq 1 100); do
        kill -0 "$pid" 2> /dev/null || break
        sleep 0.1
    done
    kill -KILL "$pid" 2> /dev/null
    rm -f "$1/gateway.pid"
}

lab_ssh_config() {
    local dir=$1 u
    for u in $LAB_PEOPLE; do
        echo "Host bastion-$u"
        echo "    User $u"
        echo "    IdentityFile $dir/keys/$u"
        echo "    CertificateFile $dir/keys/$u-cert.pub"
        echo "Host bastion-$u-login"
        echo "    User $u"
        echo "    IdentityFile $dir/keys/$u"
        echo "    CertificateFile none"
        echo "    LogLevel INFO" # says where to log in
    done > "$dir/ssh_config"
    {
        echo "Host bastion-*"
        echo "    HostName 127.0.0.1"
        echo "    Port $LAB_SSH_PORT"
        echo "    IdentitiesOnly yes"
        echo "    IdentityAgent none"
        echo "    UserKnownHostsFile $dir/known_hosts"
        echo "    StrictHostKeyChecking yes"
        echo "    ExitOnForwardFailure yes"
        echo "    ControlMaster no"
        echo "    LogLevel ERROR"
    } >> "$dir/ssh_config"
}

# Certificates last for hours; lab_login fetches new ones.
lab_login() {
    local u
    for u in $LAB_USERS; do
        ssh -F "$1/ssh_config" "bastion-$u-login" cert < /dev/null > "$1/keys/$u-cert.pub" 2> "$1/login.err" || {
            echo "lab: no certificate for $u" >&2
            cat "$1/login.err" >&2
            tail -20 "$1/gateway.log" >&2
            return 1
        }
    done
}

lab_env() {
    local dir=$1 build=$2
    {
        echo "export SP_LAB='$dir'"
        echo "export SP_SSH_CONFIG='$dir/ssh_config'"
        echo "export SP_PG_TARGET='orders-prod'"
        echo "export SP_PG_PORT='5432'"
        echo "export SP_PG_DB='orders'"
        echo "export SP_PG_USER='app_rw'"
        echo "export SP_PG_DIRECT='postgresql://postgres:lab-super@127.0.0.1:$LAB_PG_PORT/orders'"
        echo "export SP_PG_LOG='$dir/pg/log'"
        echo "export SP_CONF='$dir/sallyport.yaml'"
        echo "export SP_SOCKET='$dir/state/control.sock'"
        echo "export SALLYPORT_SOCKET='$dir/state/control.sock'"
        echo "export SALLYPORT_CONFIG='$dir/sallyport.yaml'"
        echo "export SP_RECORDINGS='$dir/state/recordings'"
        echo "export SP_STATE='$dir/state'"
        echo "export SP_BIN='$build'"
        echo "export SP_SSH_PORT='$LAB_SSH_PORT'"
        echo "export SP_GATEWAY_PID_FILE='$dir/gateway.pid'"
        echo "export PATH='$build':\"\$PATH\""
    } > "$dir/env.sh"
}

lab_start() {
    local dir=$1 build=$2
    shift 2
    mkdir -p "$dir" && chmod 755 "$dir" && dir=$(cd "$dir" && pwd) && : > "$dir/.sallyport-lab" || return 1
    build=$(cd "$build" && pwd)
    LAB_SSH_PORT=$(lab_free_port)
    lab_pg "$dir" "$@" && lab_keys "$dir" && lab_conf "$dir" && lab_gateway_start "$dir" "$build" && lab_ssh_config "$dir" &&
        lab_login "$dir" && lab_env "$dir" "$build"
}

lab_stop() {
    lab_gateway_stop "$1"
    pgtmp_stop "$1/pg"
}

lab_clean() {
    [ -e "$1/.sallyport-lab" ] || return 0
    chattr -R -a "$1/state" 2> /dev/null
    rm -rf "$1/state" "$1/bin" "$1/pg" "$1/keys" "$1/secrets" "$1/idp" "$1"/sock-* "$1/sallyport.yaml" "$1/env.sh" "$1/ssh_config" \
        "$1/known_hosts" "$1/gateway.log" "$1/gateway.pid" "$1/scan"
}
