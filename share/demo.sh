#!/bin/bash
# Shows the main job on a throw-away PostgreSQL and gateway: installs what is missing (as root), builds, runs.
#   share/demo.sh              walks you through it and leaves the lab up, with the commands to try
#   share/demo.sh --once       runs everything unattended, checks each step, stops the lab; exit status 0 or 1
#   share/demo.sh --keep DIR   leaves the lab running in DIR and writes DIR/env.sh
#   share/demo.sh --stop DIR   ends a lab
# With --idp glewlwyd ahead of these the people come from an OpenID Connect provider instead of the gateway's configuration.
set -u
unset CDPATH
umask 022
export LC_ALL=C.UTF-8
top=$(cd "$(dirname "$0")/.." && pwd)
idp=
[ "${1:-}" != --idp ] || {
    idp=${2:-none}
    shift 2 2> /dev/null || shift
    LAB_PEOPLE="alice bob dave" LAB_USERS=""
}
. "$top/share/lab/lab.sh"
. "$top/tests/idp/glewlwyd.sh"
failed=0

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

say() { printf '%s\n' "$*" >&2; }
die() {
    say "demo: $*"
    exit 1
}

# logged TEXT LOG COMMAND...: says TEXT, keeps what the command prints in LOG, shows what matters of it when it fails
logged() {
    local text=$1 log=$2
    shift 2
    say "$text"
    "$@" > "$log" 2>&1 < /dev/null && return
    { grep -E '(error|Error|undefined reference)' "$log" || cat "$log"; } | tail -20 >&2
    die "that failed; all of its output is in $log"
}
configure_there() { cd "$SP_BUILD" && "$top/configure"; }

build_all() {
    local text
    if [ -n "${SP_BUILD:-}" ]; then
        [ -x "$SP_BUILD/sallyportd" ] && [ -x "$SP_BUILD/sallyport" ] || die "SP_BUILD=$SP_BUILD has no sallyport and sallyportd in it"
        return
    fi
    SP_BUILD=$top/build/plain
    "$top/share/install-deps.sh" "$([ -n "$idp" ] && echo idp || echo run)" || exit 1
    mkdir -p "$SP_BUILD" && [ -w "$SP_BUILD" ] && [ -w "$top" ] || die "$top is not writable for $(id -un): clone it as this user, or run this as root"
    [ -e "$top/configure" ] || say "making configure (a few seconds)"
    "$top/tools/regen.sh" -u || die "autoreconf failed"
    if [ ! -e "$SP_BUILD/config.status" ] || [ "$top/configure" -nt "$SP_BUILD/config.status" ]; then
        logged "configuring (a few seconds)" "$SP_BUILD/configure.out" configure_there
    fi
    text="building (half a minute)"
    [ ! -x "$SP_BUILD/sallyportd" ] || text="building what has changed"
    logged "$text" "$SP_BUILD/make.out" make -C "$SP_BUILD" -j"$(nproc)" sallyport sallyportd sallyport-fetch sallyport-web
}

# ---- people from an identity provider ----

provider_start() { # DIR
    local dir
    [ -n "$idp" ] || return 0
    glewlwyd_there || "$top/share/install-deps.sh" idp || return 1
    mkdir -p "$1" && dir=$(cd "$1" && pwd) && glewlwyd_start "$dir/idp" || return 1
    glewlwyd_identity corp > "$dir/idp/identity.yaml"
    LAB_IDENTITY=$dir/idp/identity.yaml
}

# login_begin WHO: asks for a certificate; what ssh shows the person is in $lab/WHO.login
login_begin() {
    ssh -F "$SP_SSH_CONFIG" "bastion-$1-login" cert < /dev/null > "$lab/$1.cert" 2> "$lab/$1.login" &
    login_pid=$!
    login_who=$1
    for _ in $(seq 1 100); do
        grep -q 'the code ' "$lab/$1.login" && return 0
        kill -0 "$login_pid" 2> /dev/null || break
        sleep 0.1
    done
    cat "$lab/$1.login" >&2
    return 1
}
login_approve() { glewlwyd_approve "$lab/idp" "$login_who" "$(sed -n 's/^and [a-z]* the code  *\([^ ]*\).*/\1/p' "$lab/$login_who.login" | tr -d '\r')"; }
login_end() {
    wait "$login_pid" && mv "$lab/$login_who.cert" "$lab/keys/$login_who-cert.pub" && return
    cat "$lab/$login_who.login" >&2
    return 1
}
login_by_script() { login_begin "$1" && login_approve && login_end; }

lab_or_die() { # DIR
    say "starting PostgreSQL and the gateway${idp:+ and $idp}"
    provider_start "$1" && lab_start "$1" "$SP_BUILD" && return
    everything_stop "$1"
    die "the lab did not start; its files are in $1"
}
everything_stop() { # DIR
    lab_stop "$1"
    glewlwyd_stop "$1/idp"
}

# ---- the unattended run ----

ok() { echo "ok - $*"; }
not_ok() {
    echo "not ok - $*"
    failed=1
}
check() { # TEXT PATTERN FILE
    if grep -qE -- "$2" "$3"; then ok "$1"; else
        not_ok "$1"
        sed 's/^/    /' "$3" | tail -20
    fi
}
sshb() {
    local who=$1
    shift
    ssh -F "$SP_SSH_CONFIG" "bastion-$who" "$@"
}

# Wait until bob sees a request of the given class; prints its id.
wait_request() {
    local i id
    for i in $(seq 1 100); do
        id=$(sshb bob requests --json < /dev/null 2> /dev/null | grep -o '"id": *"[a-z0-9]*"' | head -1 | sed 's/.*"\([a-z0-9]*\)"$/\1/')
        [ -n "$id" ] && {
            echo "$id"
            return 0
        }
        sleep 0.1
    done
    return 1
}

forward() { # WHO: a unix-socket forward in $lab/sock-WHO
    local i
    mkdir -p "$lab/sock-$1"
    ssh -F "$SP_SSH_CONFIG" -N -L "$lab/sock-$1/.s.PGSQL.5432:$SP_PG_TARGET:5432" "bastion-$1" < /dev/null 2>> "$lab/forward.log" &
    forwards="$forwards $!"
    for i in $(seq 1 50); do
        [ -S "$lab/sock-$1/.s.PGSQL.5432" ] && return 0
        sleep 0.1
    done
    return 1
}

psql_as() {
    local who=$1
    shift
    psql -X -h "$lab/sock-$who" -U "$SP_PG_USER" -d "$SP_PG_DB" "$@"
}

once_login() {
    local who
    for who in alice bob dave; do
        login_by_script "$who" && ok "$who has never been here; logs in at $idp, gets a certificate" || not_ok "$who logs in at $idp"
    done
    check "the person is told where to go, with which code" "To log in, open +http" "$lab/alice.login"
    check "  and for which key, from where" "SHA256:.* from 127.0.0.1" "$lab/alice.login"
    ssh-keygen -L -f "$lab/keys/alice-cert.pub" > "$lab/t0" 2>&1
    check "the certificate is for her, here, for hours" "source-address 127.0.0.1" "$lab/t0"
    sshb dave targets < /dev/null > "$lab/t0" 2>&1
    if grep -q orders-prod "$lab/t0"; then not_ok "dave, of no group that counts here, has no target"; else ok "dave, of no group that counts here, has no target"; fi
}

once_leave() {
    glewlwyd_set_groups "$lab/idp" bob interns
    login_by_script bob && sshb bob targets < /dev/null > "$lab/t0" 2>&1
    if grep -q orders-prod "$lab/t0"; then not_ok "bob left the group: with his next login the access is gone"; else ok "bob left the group: with his next login the access is gone"; fi
}

once_read() {
    psql_as alice -c 'select id, full_name, email, total from (select c.id, full_name, email, o.total from customers c join orders o on o.customer_id = c.id order by o.id limit 3) s' > "$lab/t1" 2>&1
    check "alice reads; e-mail and names are masked" '\*\*\*@' "$lab/t1"
    check "the notice says what is masked" 'columns masked: .*email' "$lab/t1"
    if grep -qE 'user[0-9]+@example|Lovelace|Turing|Hopper' "$lab/t1"; then not_ok "no clear value is shown"; else ok "no clear value is shown"; fi
}

once_hold() {
    local id
    psql_as alice -c "delete from orders where total > 0" > "$lab/t2" 2>&1 &
    id=$(wait_request) || {
        not_ok "a dangerous DELETE is held"
        return
    }
    ok "a dangerous DELETE is held as request $id"
    sshb alice approve "$id" < /dev/null > "$lab/t3" 2>&1
    [ $? -eq 4 ] && ok "alice cannot approve her own request" || not_ok "alice cannot approve her own request"
    sshb bob show "$id" < /dev/null > "$lab/t4" 2>&1
    check "bob sees the exact statement" "delete from orders where total > 0" "$lab/t4"
    check "and what it does" 'changes [0-9 ]+ .*rolled back' "$lab/t4"
    sshb bob approve "$id" -m "ticket 812" < /dev/null > "$lab/t5" 2>&1 && ok "bob approves it" || not_ok "bob approves it"
    wait %psql 2> /dev/null
    local i
    for i in $(seq 1 50); do
        grep -q 'DELETE [0-9]' "$lab/t2" && break
        sleep 0.1
    done
    check "the result arrives in the same psql" 'DELETE [0-9]+' "$lab/t2"
    check "alice is told who approved" 'approved by bob.*ticket 812' "$lab/t2"
}

once_refuse() {
    printf '%s\n' "copy customers to program 'cat > /tmp/x';" "select 1 as still_here;" | psql_as alice > "$lab/t6" 2>&1
    check "COPY … TO PROGRAM is refused" 'refused: ' "$lab/t6"
    check "and the session goes on" 'still_here' "$lab/t6"
    printf '%s\n' '\set ON_ERROR_STOP 0' "begin;" "insert into notes (body) values ('before');" "copy notes to program 'true';" \
        "insert into notes (body) values ('after');" "commit;" | psql_as alice > "$lab/t7" 2>&1
    [ "$(psql -X -At "$SP_PG_DIRECT" -c "select count(*) from notes")" = 0 ] && ok "a refusal fails the whole transaction" ||
        not_ok "a refusal fails the whole transaction"
    sshb alice sql "$SP_PG_TARGET" -c 'drop table notes' < /dev/null > "$lab/t8" 2>&1
    [ $? -eq 5 ] && ok "in a script a held statement answers 'pending' (exit 5)" || {
        not_ok "in a script a held statement answers 'pending' (exit 5)"
        cat "$lab/t8"
    }
}

once_replay() {
    local sid f size
    sid=$(sallyport sessions --user alice --json | grep -o '"id": *"[0-9A-Za-z]*"' | sed 's/.*"\([0-9A-Za-z]*\)"$/\1/' | while read -r s; do
        sallyport replay "$s" 2> /dev/null | grep -q 'approved by bob' && echo "$s" && break
    done)
    sallyport replay "$sid" > "$lab/t9" 2>&1
    check "replay shows the held and approved statement in order" 'delete from orders' "$lab/t9"
    check "replay shows the approval" 'approved by bob' "$lab/t9"
    sleep 1
    lab_gateway_stop "$lab"
    sallyport verify --all --dir "$SP_STATE" --key "$SP_STATE/log_ed25519_key.pub" > "$lab/t10" 2>&1 && ok "verify: $(tail -1 "$lab/t10")" || {
        not_ok "verify"
        cat "$lab/t10"
    }
    f=$(ls "$SP_RECORDINGS/$sid"/0* | head -1)
    size=$(stat -c %s "$f")
    chattr -a "$f" 2> /dev/null
    cp "$f" "$lab/saved"
    printf '\377' | dd of="$f" bs=1 seek=$((size / 2)) conv=notrunc 2> /dev/null
    cmp -s "$f" "$lab/saved" && printf '\000' | dd of="$f" bs=1 seek=$((size / 2)) conv=notrunc 2> /dev/null
    sallyport verify --all --dir "$SP_STATE" --key "$SP_STATE/log_ed25519_key.pub" > "$lab/t11" 2>&1
    [ $? -eq 6 ] && ok "one changed byte is found: $(grep -v '^verified' "$lab/t11" | head -1)" || {
        not_ok "one changed byte is found (exit 6)"
        cat "$lab/t11"
    }
    cp "$lab/saved" "$f"
}

once_end() {
    [ "$failed" -eq 0 ] && echo "the main job works" || {
        echo "--- gateway log"
        tail -40 "$lab/gateway.log"
    }
    exit "$failed"
}
once() {
    lab=$(mktemp -d /tmp/sallyport-demo.XXXXXX)
    forwards=
    trap 'kill $forwards 2> /dev/null; everything_stop "$lab"; lab_clean "$lab"; rm -rf "$lab"' EXIT
    say "starting PostgreSQL and the gateway${idp:+ and $idp}"
    if ! provider_start "$lab" || ! lab_start "$lab" "$SP_BUILD"; then
        not_ok "the lab starts"
        exit 1
    fi
    . "$lab/env.sh"
    if [ -n "$idp" ]; then once_login; else ok "PostgreSQL and the gateway run; alice, bob and carol have certificates"; fi
    # Without certificates the rest only waits.
    [ "$failed" -eq 0 ] || once_end
    forward alice || not_ok "ssh -L to the target"
    once_read
    once_hold
    once_refuse
    [ -z "$idp" ] || once_leave
    once_replay
    once_end
}

# ---- the guided tour ----

step() {
    if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$1"; else printf '\n%s\n' "$1"; fi
    shift
    for line; do printf '  %s\n' "$line"; done
}
run() {
    printf '  $ %s\n' "$1"
    bash -c "$1" 2>&1 | sed 's/^/    /'
}

# The person logs in with a real browser, or presses Enter and the script does it.
tour_login() {
    local answer=
    step "0. The first login" "alice has never been here. She types: ssh bastion cert > ~/.ssh/id_ed25519-cert.pub"
    login_begin alice || die "no login began; see $lab/gateway.log"
    sed 's/^/    /' "$lab/alice.login"
    if [ -t 0 ] && [ -t 1 ]; then
        printf '  Open that page, log in as alice (password alice-secret) and press Continue - or press Enter here, and it is done for you. '
        while kill -0 "$login_pid" 2> /dev/null && ! read -r -t 1 answer; do
            [ $? -gt 128 ] || break
        done
        printf '\n'
    fi
    ! kill -0 "$login_pid" 2> /dev/null || login_approve || die "the provider did not take the code"
    login_end || die "the login failed; see $lab/gateway.log"
    run "ssh-keygen -L -f $lab/keys/alice-cert.pub | grep -vE '^ +(gateway|issuer|kind)@'"
    login_by_script bob && login_by_script dave || die "bob and dave could not log in; see $lab/gateway.log"
    printf '  %s\n' "bob (groups dba, approver) and dave (interns) have logged in the same way."
    run "ssh -F $SP_SSH_CONFIG bastion-dave targets"
}

tour() {
    local id
    lab=${1:-$(mktemp -d /tmp/sallyport-lab.XXXXXX)}
    forwards=
    lab_or_die "$lab"
    . "$lab/env.sh"
    [ -z "$idp" ] || tour_login
    forward alice || die "ssh -L to the target does not work; see $lab/forward.log and $lab/gateway.log"
    step "1. Who am I?" "Stock ssh; the certificate came from: ssh bastion-alice-login cert" \
        "(\"lab\" is this gateway's name; the lab's ssh_config has an entry for each person instead: bastion-alice, bastion-bob)"
    run "ssh -F $SP_SSH_CONFIG bastion-alice"
    step "2. Reading" "psql through ssh -L; personal data is masked without any configuration"
    run "psql -X -h $lab/sock-alice -U $SP_PG_USER -d orders -c 'select id, full_name, email, country from customers limit 3'"
    step "3. A dangerous statement waits for an operator" "alice's psql hangs in the middle, bob approves, the result arrives in the same psql"
    psql_as alice -c "delete from orders where created < '$(date -d '30 days ago' +%F)'" > "$lab/tour" 2>&1 &
    id=$(wait_request) || die "no statement is held; see $lab/tour and $lab/gateway.log"
    run "ssh -F $SP_SSH_CONFIG bastion-bob requests"
    run "ssh -F $SP_SSH_CONFIG bastion-alice approve $id"
    run "ssh -F $SP_SSH_CONFIG bastion-bob approve $id -m 'ticket 812'"
    sleep 1
    sed 's/^/    /' "$lab/tour"
    step "4. What never runs" "and the session goes on"
    run "psql -X -h $lab/sock-alice -U $SP_PG_USER -d orders -c \"copy customers to program 'cat > /tmp/x'\" -c 'select 1'"
    step "5. Replay and proof"
    run "$SP_BIN/sallyport sessions"
    id=$("$SP_BIN/sallyport" sessions --user alice --json | grep -o '"id": *"[0-9A-Za-z]*"' | head -1 | sed 's/.*"\([0-9A-Za-z]*\)"$/\1/')
    run "$SP_BIN/sallyport replay $id"
    run "$SP_BIN/sallyport verify --all --dir $SP_STATE --key $SP_STATE/log_ed25519_key.pub"
    step "The lab is up. Try:" ". $lab/env.sh" "ssh -F \$SP_SSH_CONFIG -t bastion-alice sql orders-prod" \
        "psql -h $lab/sock-alice -U $SP_PG_USER orders     # then: drop table notes;" "ssh -F \$SP_SSH_CONFIG bastion-bob requests" \
        "sallyport sessions; sallyport replay ID" "$0 --stop $lab     # when you are done"
    printf '%s\n' "$forwards" > "$lab/forwards"
    disown -a
}

[ -z "$idp" ] || [ "$idp" = glewlwyd ] || usage
case ${1:-} in
--once)
    build_all
    once
    ;;
--keep)
    [ $# -eq 2 ] || usage
    ! lab_runs "$2" || die "a lab runs in $2 already; $0 --stop $2 ends it"
    [ ! -e "$2" ] || [ -e "$2/.sallyport-lab" ] || [ -z "$(ls -A "$2" 2> /dev/null)" ] || die "$2 holds something else: name a new directory"
    build_all
    lab_clean "$2"
    lab_or_die "$2"
    disown -a
    echo "the lab is up: . $2/env.sh"
    [ -z "$idp" ] || {
        echo "people log in with: ssh -F \$SP_SSH_CONFIG bastion-alice-login cert > $2/keys/alice-cert.pub     (also bob, dave)"
        echo "and with a browser on this machine: NAME, NAME-secret; the provider's administration: $GLW_URL/ (admin, password)"
    }
    echo "$0 --stop $2 ends it"
    ;;
--stop)
    [ $# -eq 2 ] || usage
    [ -e "$2/.sallyport-lab" ] || die "there is no lab in $2"
    for pid in $(cat "$2/forwards" 2> /dev/null); do
        ! grep -q ssh_config "/proc/$pid/cmdline" 2> /dev/null || kill "$pid"
    done
    rm -f "$2/forwards"
    everything_stop "$2"
    echo "the lab has ended; its recordings and logs are still in $2"
    ;;
"")
    build_all
    tour
    ;;
*) usage ;;
esac
