# SPDX-License-Identifier: Apache-2.0
#
# The lab of the non-interference test. A library for bash:
#   . tests/leak/lab.sh
#   leak_up DIR BUILD N     three copies of one PostgreSQL cluster, each with the databases shop1 .. shopN, and one gateway
#                           in front; writes DIR/leak.json for the programs
#   leak_down DIR
# The clusters are copies of one data directory with the same history: oids and physical order are the same. a and b differ
# in their sensitive values, c has a's: what differs between a and c is noise and no leak.
. "$(dirname "${BASH_SOURCE[0]}")/../../share/lab/lab.sh"
LEAK_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LEAK_SIDES="a b c"

# The first cluster with the schema in N databases, stopped.
leak_mother() { # DIR N
    local i dir=$1/pg-a
    pgtmp_start "$dir" password=lab-super conf="autovacuum = off" conf="max_locks_per_transaction = 256" conf="jit = off" \
        conf="statement_timeout = 4s" conf="temp_file_limit = 64MB" conf="shared_buffers = 64MB" \
        conf="max_parallel_workers_per_gather = 0" > "$dir.port" || return 1
    pgtmp_psql "$dir" -q -v ON_ERROR_STOP=1 -d postgres -c "CREATE DATABASE shop1" &&
        pgtmp_psql "$dir" -q -v ON_ERROR_STOP=1 -d shop1 -f "$LEAK_TOP/schema.sql" || return 1
    for i in $(seq 2 "$2"); do
        pgtmp_psql "$dir" -q -v ON_ERROR_STOP=1 -d postgres -c "CREATE DATABASE shop$i TEMPLATE shop1" || return 1
    done
    for i in $(seq 1 "$2"); do # owners keep their tables in a copy, a right on the schema, too
        pgtmp_psql "$dir" -q -v ON_ERROR_STOP=1 -d "shop$i" -c "GRANT CREATE ON SCHEMA public TO app_rw" || return 1
    done
    pgtmp_as "$(pgtmp_bin)/pg_ctl" -s -w -m fast -D "$dir/data" stop
}

leak_copy() { # DIR SIDE
    local dir=$1/pg-$2
    mkdir -p "$dir/sock" && cp -a "$1/pg-a/data" "$dir/data" && sed -i "s,$1/pg-a/,$dir/,g" "$dir/data/postgresql.conf" &&
        chmod 711 "$dir" && { [ "$(id -u)" -ne 0 ] || chown "$(stat -c %U "$1/pg-a/data")" "$dir" "$dir/sock"; }
}

# Starts the cluster of a side and gives it its values; the same steps everywhere, so that numbers of objects stay equal.
leak_side() { # DIR SIDE N
    local i dir=$1/pg-$2 as=$2
    [ "$as" != c ] || as=a
    pgtmp_again "$dir" > "$dir.port" || return 1
    for i in $(seq 1 "$3"); do
        python3 "$LEAK_TOP/values.py" "$as" | pgtmp_psql "$dir" -q -v ON_ERROR_STOP=1 -d "shop$i" -f - &&
            pgtmp_psql "$dir" -q -v ON_ERROR_STOP=1 -d "shop$i" -c 'VACUUM FULL' -c 'ANALYZE' || return 1
    done
}

# Starts an existing data directory on a free port.
pgtmp_again() (
    dir=$1
    for try in 1 2 3 4 5 6 7 8; do
        p=$(pgtmp_random_port)
        if pgtmp_as "$(pgtmp_bin)/pg_ctl" -s -w -t 30 -D "$dir/data" -l "$dir/log" -o "-p $p" start > /dev/null 2> "$dir.start" < /dev/null; then
            echo "$p" | tee "$dir/port"
            exit 0
        fi
    done
    cat "$dir.start" "$dir/log" >&2
    exit 1
)

leak_conf() { # DIR N
    local s list
    list=$(seq -s ', ' -f 'shop%.0f' 1 "$2")
    mkdir -p "$1/secrets"
    printf lab-rw > "$1/secrets/app_rw"
    chmod 600 "$1/secrets/app_rw"
    echo "gateway: {name: lab, listen: [\"127.0.0.1:$LAB_SSH_PORT\"], state: $1/state, log_level: warn}"
    echo "identity: {local: {type: local}}"
    echo "users:"
    lab_user "$1" alice
    echo "targets:"
    for s in $LEAK_SIDES; do
        echo "  leak-$s: {type: postgres, address: [\"127.0.0.1:$(cat "$1/pg-$s/port")\"], port: 5432, labels: {env: prod}, databases: [$list]," \
            "tls: disable, logins: {app_rw: {password: \"file:$1/secrets/app_rw\"}}}"
    done
    echo "roles:"
    echo "  analyst: {groups: [analysts], targets: [env=prod], logins: [app_rw], mask: full}"
    echo "approvals:"
    echo "  default: {approvers: [approver], quorum: 1, mode: reject}"
    echo "recording: {sync: interval, low_water: 1MiB}"
}

leak_up() {
    local dir=$1 build=$2 n=$3 s
    mkdir -p "$dir" && chmod 755 "$dir" && dir=$(cd "$dir" && pwd) && : > "$dir/.sallyport-lab" || return 1
    build=$(cd "$build" && pwd) || return 1
    LAB_PEOPLE=alice LAB_USERS=alice
    LAB_SSH_PORT=$(lab_free_port)
    leak_mother "$dir" "$n" && leak_copy "$dir" b && leak_copy "$dir" c || return 1
    for s in $LEAK_SIDES; do leak_side "$dir" "$s" "$n" || return 1; done
    lab_keys "$dir" && leak_conf "$dir" "$n" > "$dir/sallyport.yaml" && lab_gateway_start "$dir" "$build" && lab_ssh_config "$dir" && lab_login "$dir" || return 1
    {
        echo "{\"ssh_config\": \"$dir/ssh_config\", \"host\": \"bastion-alice\", \"user\": \"app_rw\", \"databases\": $n, \"state\": \"$dir/state\","
        echo " \"direct\": {$(for s in $LEAK_SIDES; do printf '%s"%s": "%s"' "${c:-}" "$s" "$dir/pg-$s/sock/.s.PGSQL.$(cat "$dir/pg-$s/port")"; c=', '; done)}}"
    } > "$dir/leak.json"
}

leak_down() {
    local s
    lab_gateway_stop "$1"
    for s in $LEAK_SIDES; do pgtmp_stop "$1/pg-$s"; done
    chattr -R -a "$1/state" 2> /dev/null
    return 0
}
