#!/bin/bash
# Sessions around the expiry of their certificate, on a gateway whose clock is moved (test builds with --enable-attack): warnings, a
# transaction that outlives its certificate because another connection fetched a new one, the end when nobody did, and a
# service that renews unattended.
. "$(dirname "$0")/../support/lab-test.sh"
. "$(dirname "$0")/../support/login-test.sh"
plain=$SP_BUILD
LAB_BUILD=${SP_BUILD_ATTACK:-$LAB_TOP/build/attack}
[ -x "$LAB_BUILD/sallyportd" ] || {
    skip "no attack build in $LAB_BUILD"
    exit 0
}
if ! grep -q SP_TEST_CLOCK "$LAB_BUILD/sallyportd"; then
    skip "$LAB_BUILD has no moved clock"
    exit 0
fi
if [ "$plain" != "$LAB_BUILD" ]; then
    is "no other build knows of a moved clock" "$(cat "$plain"/sallyportd "$plain"/sallyport "$plain"/sallyport-* | grep -ac SP_TEST_CLOCK)" 0
fi
clock=$(mktemp -d /tmp/sallyport-clock.XXXXXX)
chmod 755 "$clock"
trap 'rm -rf "$clock"; lab_down_quiet' EXIT
head -c 8 /dev/zero > "$clock/file"
export SP_TEST_CLOCK=$clock/file
moved=0
# The clock goes on from here: seconds after the real time.
clock_at() {
    moved=$1
    python3 -c 'import struct, sys; open(sys.argv[1], "r+b").write(struct.pack("=q", int(sys.argv[2])))' "$SP_TEST_CLOCK" "$moved"
}
clock_on() { clock_at $((moved + $1)); }
HOUR=3600

LAB_ROLES=$(mktemp /tmp/sallyport-roles.XXXXXX)
echo '  patient: {groups: [analysts], targets: [env=prod], logins: [app_rw], mask: full, session: {on_expiry: finish-transaction, grace: 6s}}' > "$LAB_ROLES"
lab_up
rm -f "$LAB_ROLES"
trap 'rm -rf "$clock"; lab_down_quiet' EXIT
o=$LAB/o

# --- psql that stays: pg_open NAME WHO, pg NAME SQL, said NAME PATTERN, pg_close NAME
declare -A pg_fd pg_pid
pg_open() {
    rm -f "$LAB/$1.in"
    mkfifo "$LAB/$1.in"
    psql_exec "$2" -At -v ON_ERROR_STOP=0 < "$LAB/$1.in" > "$LAB/$1.out" 2>&1 &
    pg_pid[$1]=$!
    exec {fd}> "$LAB/$1.in"
    pg_fd[$1]=$fd
}
pg() { echo "$2" >&"${pg_fd[$1]}"; }
said() { # NAME PATTERN [SECONDS]
    local i
    for i in $(seq 1 $((${3:-20} * 20))); do
        grep -qE -- "$2" "$LAB/$1.out" && return 0
        sleep 0.05
    done
    return 1
}
expect() { # TEXT NAME PATTERN [SECONDS]
    if said "$2" "$3" "${4:-20}"; then ok "$1"; else
        not_ok "$1"
        tail -8 "$LAB/$2.out" | sed 's/^/#   /'
    fi
}
n_marks=0
alive() { # TEXT NAME: a query of now is answered
    n_marks=$((n_marks + 1))
    pg "$2" "select 'mark-$n_marks';"
    expect "$1" "$2" "^mark-$n_marks\$"
}
pg_close() {
    fd=${pg_fd[$1]}
    exec {fd}>&-
    kill "${pg_pid[$1]}" 2> /dev/null
    wait "${pg_pid[$1]}" 2> /dev/null
}
# A connection with a forward that other commands can share: open_master WHO
open_master() {
    local i
    mkdir -p "$LAB/sock-$1"
    rm -f "$LAB/sock-$1/.s.PGSQL.5432" "$LAB/ctl-$1"
    ssh -F "$SP_SSH_CONFIG" -o ControlMaster=yes -S "$LAB/ctl-$1" -N -L "$LAB/sock-$1/.s.PGSQL.5432:orders-prod:5432" "bastion-$1" < /dev/null > "$LAB/master-$1" 2>&1 &
    forwards="$forwards $!"
    for i in $(seq 1 100); do
        [ -S "$LAB/sock-$1/.s.PGSQL.5432" ] && return 0
        sleep 0.05
    done
    return 1
}
shared() { # WHO COMMAND...: over that connection
    local who=$1
    shift
    ssh -F "$SP_SSH_CONFIG" -S "$LAB/ctl-$who" "bastion-$who" "$@" < /dev/null
}
renew() { ssh -F "$SP_SSH_CONFIG" "bastion-$1-login" cert < /dev/null > "$LAB/keys/$1-cert.pub.new" 2> "$o" && mv "$LAB/keys/$1-cert.pub.new" "$LAB/keys/$1-cert.pub"; }
expires() { sed -n 's/.*"expires": *"\([^"]*\)".*/\1/p' "$o"; }
count() { direct -c "select count(*) from notes where body = '$1'"; }
# The log has a new line within a few seconds: since PATTERN N
log_grows() {
    local i
    for i in $(seq 1 100); do
        [ "$(log_count "$1")" -gt "$2" ] && return 0
        sleep 0.1
    done
    return 1
}

# --- a transaction of six hours, by a role that cancels at expiry
open_master carol
pg_open long carol
pg long "begin; insert into notes (body) values ('six hours') returning 'begun';"
expect "a transaction begins" long '^begun$'
shared carol whoami --json > "$o"
first=$(expires)
clock_on $((5 * HOUR))
alive "five hours later it goes on" long
renew carol
is "a new certificate by another connection" $? 0
check "  extends this one" "session-extended .*user=carol .*serial=[0-9]+ by=[0-9]+ .*source=127.0.0.1" "$LAB/gateway.log"
shared carol whoami --json > "$o"
if [ "$(expires)" \> "$first" ]; then ok "  whoami says until when"; else not_ok "whoami: $(cat "$o")"; fi
clock_on $((4 * HOUR))
sleep 2.5
alive "past the first certificate's end it still goes on" long
pg long "select pg_sleep(0.1); commit; select 'committed';"
expect "  and commits" long '^committed$'
is "  in the database as well" "$(count 'six hours')" 1
check_not "nobody was bothered: renewed in time" 'NOTICE' "$LAB/long.out"

# --- warnings
left() { # SECONDS: the clock to that much before the end of carol's newest certificate
    clock_at $(($(TZ=UTC0 ssh-keygen -Lf "$LAB/keys/carol-cert.pub" | sed -n 's/.*Valid: .* to //p' | python3 -c '
import calendar, sys, time
print(calendar.timegm(time.strptime(sys.stdin.read().strip(), "%Y-%m-%dT%H:%M:%S")) - int(time.time()))') - $1))
}
warned() { # TEXT PATTERN: psql shows it with the next answer
    local i
    for i in $(seq 1 10); do
        pg long "select 1;"
        said long "$2" 1 && break
    done
    expect "$1" long "$2" 1
}
mkfifo "$LAB/console.in" # a console that nobody types into
ssh -F "$SP_SSH_CONFIG" -tt bastion-carol sql orders-prod < "$LAB/console.in" > "$LAB/console.out" 2>&1 &
forwards="$forwards $!"
exec {tty}> "$LAB/console.in"
echo "select 'con' || 'sole';" >&"$tty"
expect "a console on a terminal" console '^ console'
left 895
expect "  shows a warning while nobody types" console 'NOTICE:  your certificate expires at'
warned "psql shows a warning 15 minutes before the end" 'NOTICE:  your certificate expires at 20.* UTC, in 15 min: this session ends then'
expect "  with what to do" long 'HINT:  renew it: ssh lab cert > ~/.ssh/id_ed25519-cert.pub; that extends this session by itself' 1
echo "select 'still' || ' there';" >&"$tty"
expect "  and goes on" console '^ still there'
sshb carol sql orders-prod -c 'select pg_sleep(2.5)' < /dev/null > "$o" 2>&1
check "a command on the console's line shows it as well" 'NOTICE:  your certificate expires at' "$o"
left 295
warned "psql shows another 5 minutes before" 'NOTICE: .*, in 5 min: this session ends then'
is "  each once" "$(grep -c 'NOTICE:  your certificate expires' "$LAB/long.out")" 2
renew carol
warned "  and that it was extended after all" 'NOTICE:  extended until 20.* UTC by certificate [0-9]+'
left 900
pg_open other carol
alive "another session of another certificate" other

# --- nobody renews: cancel
sshb carol whoami < /dev/null > "$o" 2>&1
forward carol
pg_open third carol
pg third "select pg_sleep(300);"
for i in $(seq 1 100); do
    [ "$(direct -c "select count(*) from pg_stat_activity where query like 'select pg_sleep(300)%' and state = 'active'")" = 1 ] && break
    sleep 0.1
done
is "a query runs" "$(direct -c "select count(*) from pg_stat_activity where query like 'select pg_sleep(300)%' and state = 'active'")" 1
pg long "begin; insert into notes (body) values ('too late') returning 'second';"
expect "a transaction is open" long '^second$'
left -2
expect "at expiry the query's session ends" third 'FATAL:  your certificate has expired'
expect "  with what to do" third 'HINT:  renew it: ssh lab cert > ~/.ssh/id_ed25519-cert.pub; connect again' 2
for i in $(seq 1 100); do
    [ "$(direct -c "select count(*) from pg_stat_activity where query like 'select pg_sleep(300)%' and state = 'active'")" = 0 ] && break
    sleep 0.1
done
is "  the query is cancelled in the database" "$(direct -c "select count(*) from pg_stat_activity where query like 'select pg_sleep(300)%' and state = 'active'")" 0
pg long "commit;"
expect "  the other connection's session has ended, too" long 'FATAL:  your certificate has expired'
is "  its transaction is rolled back" "$(count 'too late')" 0
for s in long other third; do pg_close $s; done
expect "  and the console says so by itself" console '^FATAL:  your certificate has expired' 5
check_not "  in words" 'connection is gone' "$LAB/console.out"
exec {tty}>&-
sshb carol whoami < /dev/null > "$o" 2>&1
if grep -q '^carol .* certificate until' "$o"; then not_ok "an expired certificate logs in"; else ok "the certificate logs nobody in any more"; fi

# --- finish-transaction
for u in alice bob carol; do renew $u; done
end_of_alice() { clock_on $((8 * HOUR + 60)); }
open_master alice
pg_open idle alice
pg_open tx alice
pg_open slow alice
alive "an idle session" idle
pg tx "begin; insert into notes (body) values ('finished') returning 'open';"
pg slow "begin; insert into notes (body) values ('overdue') returning 'open';"
expect "an open transaction" tx '^open$'
expect "and another" slow '^open$'
(shared alice requests --watch > "$LAB/watch" 2>&1; echo $? > "$LAB/watch.rc") &
sleep 1
end_of_alice
log_wait "session-expires .*user=alice"
is "finish-transaction: the connection stays for its transactions" $? 0
pg idle "select 1;"
expect "the idle session ended at once" idle 'FATAL:  your certificate has expired'
pg tx "insert into notes (body) values ('finished') returning 'goes on';"
expect "the open transaction goes on" tx '^goes on$'
expect "  and is told" tx 'NOTICE:  your certificate has expired: this transaction may end within 6 s'
psql_as alice -c 'select 1' > "$o" 2>&1
check "a new session of the connection is refused in its protocol" 'FATAL:  your certificate has expired' "$o"
check "  with a hint" 'HINT:  renew it: ssh lab cert' "$o"
shared alice whoami > "$o" 2>&1
is "a new command is refused" $? 4
check "  with the same words" 'sallyport: your certificate has expired' "$o"
for i in $(seq 1 50); do [ -e "$LAB/watch.rc" ] && break; sleep 0.1; done
if [ -e "$LAB/watch.rc" ]; then ok "a command that ran has ended"; else not_ok "requests --watch runs on"; fi
pg tx "commit;"
pg tx "select 'and then';"
expect "after its transaction it ends" tx 'FATAL:  your certificate has expired'
check_not "  and begins no other" '^and then$' "$LAB/tx.out"
is "  what it did is committed" "$(count finished)" 2
for i in $(seq 1 12); do
    pg slow "select 1;"
    said slow FATAL 1 && break
done
expect "the other one's time is over" slow 'FATAL:  your certificate has expired'
expect "  it hears what became of its transaction" slow 'HINT:  the time for the open transaction is over: it was rolled back'
is "  it is rolled back" "$(count overdue)" 0
log_wait 'connection-kill .*user=alice reason="your certificate has expired"' 15
is "with its last session the connection ends" $? 0
for s in idle tx slow; do pg_close $s; done
renew alice
open_master alice
pg_open tx alice
pg tx "begin; insert into notes (body) values ('revoked') returning 'open';"
expect "an open transaction" tx '^open$'
n=$(log_count 'session-expires .*user=alice')
end_of_alice
log_grows 'session-expires .*user=alice' "$n"
is "  at expiry" $? 0
"$SP_BIN/sallyport" revoke user alice -m "gone" > "$o" 2>&1
is "a revocation meanwhile" $? 0
pg tx "commit;"
expect "  gives no time" tx 'FATAL:  |server closed the connection'
is "  and rolls back" "$(count revoked)" 0
pg_close tx

# --- groups changed: the new certificate is not the same authority
renew carol
open_master carol
pg_open groups carol
alive "a session" groups
conf_set '^  carol: *\{groups: \[dba\]' '  carol: {groups: [dba, more]'
clock_on $((5 * HOUR))
n=$(log_count 'session-extended .*user=carol')
renew carol
is "a certificate with other groups" "$(ssh-keygen -Lf "$LAB/keys/carol-cert.pub" | grep -c 'Type: ssh-ed25519')" 1
is "  does not extend" "$(log_count 'session-extended .*user=carol')" "$n"
clock_on $((3 * HOUR + 5))
pg groups "select pg_sleep(3);"
expect "  so the session ends with its own" groups 'FATAL:  your certificate has expired'
pg_close groups
open_master carol
pg_open newer carol
alive "  while one of the new certificate lives" newer
pg_close newer

# --- a service: nobody logs in, nobody looks
key svc
sed -i "s|^users:|&\n  svc: {kind: service, groups: [dba], source: [127.0.0.0/8], keys: [\"$(cat "$LAB/keys/svc.pub")\"]}|" "$LAB/sallyport.yaml"
"$SP_BIN/sallyport" reload > "$o" 2>&1 || not_ok "the service is configured: $(cat "$o")"
{
    echo "Host bastion-svc bastion-svc-login"
    echo "    User svc"
    echo "    IdentityFile $LAB/keys/svc"
    echo "Host bastion-svc"
    echo "    CertificateFile $LAB/keys/svc-cert.pub"
    echo "Host bastion-svc-login"
    echo "    CertificateFile none"
    cat "$SP_SSH_CONFIG"
} > "$LAB/new" && mv "$LAB/new" "$SP_SSH_CONFIG"
renew svc
is "a service has a certificate by its key alone" $? 0
sshb svc config --script --host 127.0.0.1 < /dev/null > "$LAB/renew" 2> "$o"
is "  and the script that renews it" $? 0
# The service's machine has the time of the gateway.
mkdir "$LAB/moved"
cat > "$LAB/moved/date" << END
#!/bin/sh
exec $(command -v date) -d "\$(od -An -td8 -N8 $SP_TEST_CLOCK) seconds" "\$@"
END
chmod 755 "$LAB/moved/date"
printf 'Host *\n    UserKnownHostsFile %s\n    IdentityAgent none\n    LogLevel ERROR\n' "$LAB/known_hosts" > "$LAB/cron_config"
cron() { env -i PATH="$LAB/moved:/usr/bin:/bin" HOME=/nonexistent SSH_CONFIG="$LAB/cron_config" setsid -w sh "$LAB/renew" "$LAB/keys/svc" < /dev/null >> "$LAB/cron" 2>&1; }
: > "$LAB/cron"
cron
is "cron runs it: nothing to do" "$? $(cat "$LAB/cron")" "0 "
forward svc
pg_open svc svc
n=$(log_count 'certificate-issued .*user=svc')
failed=0
asked=0
for i in $(seq 1 48); do # four hours, a step every five minutes
    clock_on 300
    cron || failed=$((failed + 1))
    asked=$((asked + 1))
    pg svc "select 'step-$i', count(*) from orders;"
    said svc "^step-$i\|2000\$" 10 || failed=$((failed + 1))
    sleep 0.3
done
turns=$(($(log_count 'certificate-issued .*user=svc') - n))
is "four hours of a service's session: $asked queries, failures" "$failed" 0
if [ "$turns" -ge 3 ] && [ "$turns" -le 8 ]; then ok "  across $turns certificates of an hour"; else not_ok "$turns certificates in four hours"; fi
is "  of one and the same session" "$(log_count 'session-start .*user=svc')" 1
check_not "  without an error" 'FATAL|ERROR' "$LAB/svc.out"
pg_close svc
lab_down
