#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Taking trust away: a revoked user with 50 live sessions and 50 running queries is out within a second, upstream too;
# every kind of revocation, locks, agents and everything delegated; and the list for other hosts, judged by ssh-keygen.
. "$(dirname "$0")/../support/lab-test.sh"
LAB_PEOPLE="alice bob carol dave erin"
LAB_USERS=$LAB_PEOPLE
LAB_ROLES=$(mktemp /tmp/sallyport-roles.XXXXXX)
echo '  agents: {groups: [agents], delegated_by: [dba], targets: ["*"], logins: [app_ro]}' > "$LAB_ROLES"
lab_up conf="max_connections=120"
rm -f "$LAB_ROLES"
LIMIT_MS=${REVOKE_LIMIT_MS:-1000}
CONNECTIONS=5
EACH=10
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }
serial_of() { "$SP_BIN/sallyport" certs --user "$1" --json | grep -o '"serial": *[0-9]*' | head -1 | grep -o '[0-9]*$'; }
events() { grep -cE " $1 " "$LAB/gateway.log"; }

# Running queries of the people, as the database sees them.
running() { direct -c "select count(*) from pg_stat_activity where state = 'active' and query like '%pg_sleep(600)%' and application_name like 'sallyport:%'"; }
wait_running() {
    local i
    for i in $(seq 1 150); do
        [ "$(running)" = "$1" ] && return 0
        sleep 0.1
    done
    return 1
}
# open_sessions WHO CONNECTIONS EACH: forwards, and psql sessions with a query that runs. Each says when it ended.
open_sessions() {
    local who=$1 i k port
    for i in $(seq 1 "$2"); do
        port=$(forward_tcp "$who")
        for k in $(seq 1 "$3"); do
            (
                psql -X -h 127.0.0.1 -p "$port" -U "$SP_PG_USER" -d "$SP_PG_DB" -c 'select pg_sleep(600)' > /dev/null 2>> "$LAB/psql-$who.err" < /dev/null
                echo "${EPOCHREALTIME/[.,]/}" >> "$LAB/ended-$who"
            ) &
        done
    done
}
# One session that notes the moment at which no query runs any more (milliseconds).
watch_queries() {
    psql -X -q -At "$SP_PG_DIRECT" > "$LAB/quiet" 2> /dev/null << 'SQL' &
do $$ begin
  loop
    perform pg_stat_clear_snapshot();
    exit when not exists (select from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like 'select pg_sleep(600)%');
    perform pg_sleep(0.02);
  end loop;
end $$;
select (extract(epoch from clock_timestamp()) * 1000)::bigint;
SQL
    watcher=$!
}
last_ended() { awk '{v = int($1 / 1000); if (v > m) m = v} END {printf "%.0f\n", m}' "$LAB/ended-$1"; }
wait_ended() {
    local i
    for i in $(seq 1 100); do
        [ -e "$LAB/ended-$1" ] && [ "$(wc -l < "$LAB/ended-$1")" -ge "$2" ] && return 0
        sleep 0.1
    done
    return 1
}

# A login that must fail, with what the gateway says to it (the lab's LogLevel hides that).
refused() {
    ssh -F "$SP_SSH_CONFIG" -o LogLevel=INFO "bastion-$1" whoami > "$LAB/o" 2>&1 < /dev/null && not_ok "$1 got in"
}

# --- 50 sessions, one revocation ---
ALL=$((CONNECTIONS * EACH))
open_sessions alice $CONNECTIONS $EACH
if wait_running $ALL; then ok "$ALL queries run over $CONNECTIONS connections"; else not_ok "$ALL queries run: $(running)"; fi
open_sessions bob 1 1
wait_running $((ALL + 1)) || not_ok "bob's query runs"
serial=$(serial_of alice)
bob=$(serial_of bob)
"$SP_BIN/sallyport" revoke serial "$bob" -m "makes room" > "$LAB/o" 2>&1
check "revoke says whose serial it was and how many ended" "serial $bob of bob is revoked; 1 connections ended" "$LAB/o"
wait_ended bob 1 || not_ok "bob's session ended"
wait_running $ALL || not_ok "only bob's query was cancelled: $(running)"
watch_queries
sleep 0.3
start=$(now_ms)
"$SP_BIN/sallyport" revoke user alice -m "laptop lost" > "$LAB/o" 2>&1
done_ms=$(($(now_ms) - start))
check "revoke says how many connections ended" "user alice is revoked; $CONNECTIONS connections ended" "$LAB/o"
wait "$watcher"
quiet=$(($(cat "$LAB/quiet") - start))
wait_ended alice $ALL
gone=$(($(last_ended alice) - start))
echo "# revoke returned after $done_ms ms, no query runs after $quiet ms, the last client ended after $gone ms"
is "every session ended" "$(wc -l < "$LAB/ended-alice")" $ALL
if [ "$quiet" -ge 0 ] && [ "$quiet" -le $LIMIT_MS ]; then ok "no query runs within $LIMIT_MS ms"; else not_ok "a query ran for $quiet ms"; fi
if [ "$gone" -le $LIMIT_MS ]; then ok "all sessions are gone within $LIMIT_MS ms"; else not_ok "a session lived for $gone ms"; fi
is "pg_stat_activity shows no running query of theirs" "$(running)" 0
for i in $(seq 1 50); do
    live=$("$SP_BIN/sallyport" sessions --live --user alice --json | grep -c '"id"')
    [ "$live" = 0 ] && break
    sleep 0.1
done
is "no live session is left in the store" "$live" 0
check "the audit log has it" ' revoked .*kind=user value=alice .*why=.?laptop lost.? .*ended=5' "$LAB/gateway.log"
refused alice
check "a revoked user does not get in" "sallyport: the certificate, its key, its user or its authority is revoked" "$LAB/o"
ssh -F "$SP_SSH_CONFIG" bastion-alice-login cert > "$LAB/o" 2> /dev/null < /dev/null
is "and gets no new certificate" "$([ -s "$LAB/o" ] && echo yes || echo no)" no
"$SP_BIN/sallyport" revoke user alice > "$LAB/o" 2>&1
check "revoking again says so" "user alice was revoked before; 0 connections ended" "$LAB/o"

# --- lock and unlock ---
open_sessions carol 1 2
wait_running 2 || not_ok "carol's queries run"
"$SP_BIN/sallyport" lock carol -m "holiday" > "$LAB/o" 2>&1
check "lock ends connections" "carol is locked; 1 connections ended" "$LAB/o"
wait_ended carol 2 || not_ok "carol's sessions ended"
if wait_running 0; then ok "no query of a locked user runs"; else not_ok "queries of a locked user run: $(running)"; fi
refused carol
check "a locked user is told so at login" 'user "carol" is locked' "$LAB/o"
check "and what to do" "hint: an operator of the gateway can unlock" "$LAB/o"
ssh -F "$SP_SSH_CONFIG" -o LogLevel=INFO bastion-carol-login cert > "$LAB/o" 2>&1 < /dev/null
is "and gets no certificate" $? 255
check "a locked user is told so with the plain key" 'user "carol" is locked' "$LAB/o"
"$SP_BIN/sallyport" lock carol > "$LAB/o" 2>&1
check "locking again says so" "carol was locked before" "$LAB/o"
"$SP_BIN/sallyport" lock nobody-here > "$LAB/o" 2>&1
check "a name that nobody has is pointed out" "hint: no user, account or certificate has this name" "$LAB/o"
"$SP_BIN/sallyport" unlock nobody-here > "$LAB/o" 2>&1
"$SP_BIN/sallyport" revoked > "$LAB/o" 2>&1
check "revoked lists revocations" "^ *user +\| alice .*laptop lost" "$LAB/o"
check "and locks" "^ *lock +\| carol .*holiday" "$LAB/o"
check_not "and not who is unlocked" "nobody-here" "$LAB/o"

# --- the list for other hosts ---
"$SP_BIN/sallyport" krl > "$LAB/krl" 2> "$LAB/o"
is "krl is written" $? 0
"$SP_BIN/sallyport" krl --json > "$LAB/o" 2>&1
is "krl: not as JSON" $? 2
if command -v script > /dev/null; then
    script -qec "'$SP_BIN/sallyport' krl" /dev/null > "$LAB/o" 2>&1 < /dev/null
    check "krl: not to a terminal" "sallyport krl > FILE" "$LAB/o"
fi
revoked() { ssh-keygen -Q -f "$LAB/krl" "$1" > "$LAB/o" 2>&1 && echo no || { grep -q REVOKED "$LAB/o" && echo yes || cat "$LAB/o"; }; }
is "krl: a revoked user's certificate" "$(revoked "$LAB/keys/alice-cert.pub")" yes
is "krl: a locked user's certificate" "$(revoked "$LAB/keys/carol-cert.pub")" yes
is "krl: a revoked serial" "$(revoked "$LAB/keys/bob-cert.pub")" yes
is "krl: nobody else's certificate" "$(revoked "$LAB/keys/dave-cert.pub")" no
is "krl: not the key of a revoked user" "$(revoked "$LAB/keys/alice.pub")" no
"$SP_BIN/sallyport" unlock carol > "$LAB/o" 2>&1
check "unlock says so" "carol is unlocked" "$LAB/o"
sshb carol whoami > "$LAB/o" 2>&1 < /dev/null
check "the same certificate is good again" "carol" "$LAB/o"
"$SP_BIN/sallyport" unlock carol > "$LAB/o" 2>&1
is "unlocking whom nobody locked is an error" $? 3
"$SP_BIN/sallyport" krl > "$LAB/krl" 2> "$LAB/o"
is "krl: an unlocked user's certificate" "$(revoked "$LAB/keys/carol-cert.pub")" no
key=$(ssh-keygen -l -f "$LAB/keys/dave.pub" | awk '{print $2}')
id=$(ssh-keygen -L -f "$LAB/keys/erin-cert.pub" | sed -n 's/ *Key ID: "\(.*\)"/\1/p')

# --- an agent falls with its person ---
for n in one two three; do ssh-keygen -q -t ed25519 -N '' -C "$n" -f "$LAB/keys/$n" < /dev/null; done
delegated() { # WHO NAME: the certificate of an agent, and its entry in ssh_config
    sshb "$1" delegate --name "$2" --targets "$SP_PG_TARGET" --max-risk opaque --ttl 30m < "$LAB/keys/$2.pub" > "$LAB/keys/$2-cert.pub" 2> "$LAB/o" &&
        {
            echo "Host bastion-$2"
            echo "    User agent:$2"
            echo "    IdentityFile $LAB/keys/$2"
            echo "    CertificateFile $LAB/keys/$2-cert.pub"
            cat "$SP_SSH_CONFIG"
        } > "$SP_SSH_CONFIG.new" && mv "$SP_SSH_CONFIG.new" "$SP_SSH_CONFIG"
}
agent_session() {
    rm -f "$LAB/ended-$1"
    SP_PG_USER=app_ro open_sessions "$1" 1 1
    wait_running 1
}
if delegated carol one && agent_session one; then ok "an agent of carol runs a query"; else
    not_ok "an agent of carol runs a query: $(cat "$LAB/o" "$LAB/psql-one.err" 2> /dev/null)"
fi
"$SP_BIN/sallyport" certs > "$LAB/o" 2>&1
check "certs shows whose agent it is" "agent:one for carol .* good" "$LAB/o"
"$SP_BIN/sallyport" lock carol > "$LAB/o" 2>&1
wait_ended one 1 && wait_running 0 || not_ok "locking the person ends the agent"
refused one
check "the agent of a locked person does not get in" 'for whom it acts, is locked' "$LAB/o"
"$SP_BIN/sallyport" krl > "$LAB/krl"
is "krl: the agent of a locked person" "$(revoked "$LAB/keys/one-cert.pub")" yes
"$SP_BIN/sallyport" unlock carol > "$LAB/o" 2>&1
agent_session one || not_ok "the agent of an unlocked person gets in again"
"$SP_BIN/sallyport" revoke serial "$(serial_of carol)" > "$LAB/o" 2>&1
wait_ended one 1 && wait_running 0 || not_ok "revoking the certificate that delegated ends the agent"
check "agents count, too" "of carol is revoked; 1 connections ended" "$LAB/o"
"$SP_BIN/sallyport" krl > "$LAB/krl"
is "krl: what a revoked certificate delegated" "$(revoked "$LAB/keys/one-cert.pub")" yes
delegated dave two && agent_session two || not_ok "an agent of dave runs a query: $(cat "$LAB/o")"
open_sessions dave 1 1
wait_running 2 || not_ok "dave runs a query"
"$SP_BIN/sallyport" revoke key "$key" > "$LAB/o" 2>&1
check "a key ends its person and the agents it delegated to" "2 connections ended" "$LAB/o"
wait_ended two 1 && wait_ended dave 1 && wait_running 0 || not_ok "the sessions of a revoked key and its agent ended"
open_sessions erin 1 1
wait_running 1 || not_ok "erin runs a query"
"$SP_BIN/sallyport" revoke id "$id" > "$LAB/o" 2>&1
check "a key id ends its connections" "1 connections ended" "$LAB/o"
wait_ended erin 1 && wait_running 0 || not_ok "the session of a revoked key id ended"
refused erin
check "a revoked key id does not get in" "revoked" "$LAB/o"
"$SP_BIN/sallyport" krl > "$LAB/krl"
is "krl: a key" "$(revoked "$LAB/keys/dave.pub")" yes
is "krl: a certificate for a key" "$(revoked "$LAB/keys/dave-cert.pub")" yes
is "krl: what a revoked key delegated" "$(revoked "$LAB/keys/two-cert.pub")" yes
is "krl: a key id" "$(revoked "$LAB/keys/erin-cert.pub")" yes
is "krl: not the key behind a key id" "$(revoked "$LAB/keys/erin.pub")" no
ssh-keygen -Q -l -f "$LAB/krl" > "$LAB/o" 2>&1
check "krl: listed with its key id" "id: user=erin" "$LAB/o"
ssh -F "$SP_SSH_CONFIG" bastion-erin-login cert > "$LAB/keys/erin-cert.pub" 2> "$LAB/o" < /dev/null
is "krl: a newer certificate is another one" "$(revoked "$LAB/keys/erin-cert.pub")" no

# --- an authority ---
ca=$(ssh-keygen -l -f "$SP_STATE/ca_ed25519_key.pub" 2> /dev/null | awk '{print $2}')
[ -n "$ca" ] || ca=$("$SP_BIN/sallyport" status --json | grep -o 'SHA256:[A-Za-z0-9+/]*' | head -1)
"$SP_BIN/sallyport" revoke ca "$ca" > "$LAB/o" 2>&1
check "an authority is revoked" "ca SHA256:.* is revoked" "$LAB/o"
refused erin
check "and with it all that it signed" "revoked" "$LAB/o"
"$SP_BIN/sallyport" krl > "$LAB/krl"
is "krl: an authority" "$(revoked "$LAB/keys/erin-cert.pub")" yes
"$SP_BIN/sallyport" revoke serial 007 > "$LAB/o" 2>&1
is "a number that could never match is refused" $? 2
check "with what can be revoked" "serial NUMBER, user NAME, key SHA256" "$LAB/o"
"$SP_BIN/sallyport" forget carol > "$LAB/o" 2>&1
is "a local user has no account to forget" $? 3
for verb in lock unlock forget certs revoked krl; do
    sshb erin $verb x > "$LAB/o" 2>&1 < /dev/null && not_ok "$verb over ssh is refused"
done
check "the audit log has the locks" ' locked .*user=carol' "$LAB/gateway.log"
check "and their end" ' unlocked .*user=carol' "$LAB/gateway.log"

# --- after a restart ---
lab_gateway_stop "$LAB"
lab_gateway_start "$LAB" "$SP_BIN"
"$SP_BIN/sallyport" revoked > "$LAB/o" 2>&1
check "revocations survive a restart" "user +\| alice" "$LAB/o"
"$SP_BIN/sallyport" verify --all --dir "$SP_STATE" --key "$SP_STATE/log_ed25519_key.pub" > "$LAB/o" 2>&1
is "the recordings of all that ended are whole" $? 0
tail -1 "$LAB/o" | sed 's/^/# /'
lab_down
