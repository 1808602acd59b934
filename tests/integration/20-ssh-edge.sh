#!/bin/bash
# The SSH edge with the stock client: the authentication matrix, what may be opened, bytes under re-keying, half-closed and
# slow channels, many channels, memory with a stopped client.
. "$(dirname "$0")/../support/lab-test.sh"
export LAB_GATEWAY_EXTRA=", max_auth_tries: 5, login_grace: 3s"
lab_up
o=$LAB/o
RAW="ssh -F none -p $SP_SSH_PORT -o UserKnownHostsFile=$LAB/known_hosts -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o LogLevel=INFO -o ConnectTimeout=5"
key() { echo "-o IdentityFile=$LAB/keys/$1 -o CertificateFile=none"; }
cert() { echo "-o IdentityFile=$LAB/keys/$1 -o CertificateFile=$LAB/keys/$1-cert.pub"; }
try() { # try DESCRIPTION WANT-STATUS ARGS...: timeout 20 ssh
    local what=$1 want=$2
    shift 2
    # shellcheck disable=SC2068
    timeout 20 $RAW $@ > "$o" 2>&1 < /dev/null
    is "$what" $? "$want"
}

# --- authentication
try "a plain key may fetch a certificate" 0 $(key alice) alice@127.0.0.1 cert
check "  and it is one" "^ssh-ed25519-cert-v01@openssh.com " "$o"
try "a plain key may run nothing else" 4 $(key alice) alice@127.0.0.1 whoami
check "  and says what to do" "may only run cert" "$o"
try "a plain key may not forward" 255 $(key alice) -W orders-prod:5432 alice@127.0.0.1
try "without keyboard-interactive a plain key is not enough" 255 $(key alice) -o BatchMode=yes alice@127.0.0.1 cert
try "a certificate logs in" 0 $(cert alice) -o BatchMode=yes alice@127.0.0.1 whoami
check "  as its user" "^alice" "$o"
try "another's name with my certificate" 255 $(cert alice) -o BatchMode=yes bob@127.0.0.1 whoami
check "  and says why" "sallyport: .*(bob|principal)" "$o"
try "another's name with my key" 255 $(key alice) bob@127.0.0.1 cert
try "a name nobody has" 255 $(key alice) nobody-here@127.0.0.1 cert
ssh-keygen -q -t ed25519 -N '' -f "$LAB/keys/stranger"
try "an unknown key" 255 $(key stranger) alice@127.0.0.1 cert
ssh-keygen -q -s "$LAB/keys/stranger" -I x -n alice -V -1m:+1h -f "$LAB/keys/stranger" "$LAB/keys/stranger.pub" 2> /dev/null ||
    ssh-keygen -q -s "$LAB/keys/stranger" -I x -n alice -V -1m:+1h "$LAB/keys/stranger.pub"
try "a certificate of another authority" 255 $(cert stranger) -o BatchMode=yes alice@127.0.0.1 whoami
cp "$LAB/keys/alice" "$LAB/keys/late"
cp "$LAB/keys/alice.pub" "$LAB/keys/late.pub"
ssh-keygen -q -s "$SP_STATE/ca_ed25519_key" -I "user=alice login=x" -n alice -z 900001 -V -3h:-2h -O clear -O critical:gateway@sallyport=lab "$LAB/keys/late.pub"
try "an expired certificate" 255 $(cert late) -o BatchMode=yes alice@127.0.0.1 whoami
check "  and says so" "sallyport: .*expired" "$o"
try "a password" 255 -o PreferredAuthentications=password -o NumberOfPasswordPrompts=1 alice@127.0.0.1 whoami
try "keyboard-interactive before a key" 255 -o PreferredAuthentications=keyboard-interactive alice@127.0.0.1 cert
for i in 1 2 3 4 5 6 7 8; do ssh-keygen -q -t ed25519 -N '' -f "$LAB/keys/w$i"; done
many=$(for i in 1 2 3 4 5 6 7 8; do echo "-o IdentityFile=$LAB/keys/w$i"; done)
try "too many keys" 255 $many -o CertificateFile=none alice@127.0.0.1 cert
check "  end the connection" "[Tt]oo many authentication failures" "$o"
# the last of many keys is still found when there is a try left for it
many=$(for i in 1 2 3; do echo "-o IdentityFile=$LAB/keys/w$i"; done)
try "the right key after three wrong ones" 0 $many $(key alice) alice@127.0.0.1 cert
s=$SECONDS
(exec 3<> "/dev/tcp/127.0.0.1/$SP_SSH_PORT" && cat <&3 > "$o")
if [ $((SECONDS - s)) -le 6 ]; then ok "a silent client is sent away ($((SECONDS - s)) s)"; else not_ok "a silent client stays"; fi
check "our banner names no version of the library" "^SSH-2.0-Sallyport" "$o"

# --- what may be opened
lean() { # a certificate of alice with just these options
    cp "$LAB/keys/alice" "$LAB/keys/lean"
    cp "$LAB/keys/alice.pub" "$LAB/keys/lean.pub"
    ssh-keygen -q -s "$SP_STATE/ca_ed25519_key" -I "user=alice login=x" -n alice -z $((910000 + RANDOM)) -V -1m:+1h -O clear -O critical:gateway@sallyport=lab \
        -O extension:groups@sallyport=analysts "$@" "$LAB/keys/lean.pub"
}
lean -O permit-pty
try "no forwarding without its permission" 255 $(cert lean) -W orders-prod:5432 alice@127.0.0.1
check "  refused as administratively prohibited" "administratively prohibited" "$o"
lean -O permit-port-forwarding
try "no terminal without its permission" 255 $(cert lean) -tt alice@127.0.0.1 whoami
check "  the client is told" "PTY allocation request failed" "$o"
try "no subsystem" 255 $(cert alice) -s alice@127.0.0.1 sftp
try "no remote forwarding" 255 $(cert alice) -o ExitOnForwardFailure=yes -N -R 127.0.0.1:0:127.0.0.1:1 alice@127.0.0.1
try "no tunnel device" 255 $(cert alice) -o ExitOnForwardFailure=yes -o Tunnel=yes -w 9:9 -N alice@127.0.0.1
uport=$(lab_free_port)
timeout 5 $RAW $(cert alice) -N -L "$uport:/run/some.sock" alice@127.0.0.1 > /dev/null 2>&1 < /dev/null &
for i in $(seq 1 50); do (exec 3<> "/dev/tcp/127.0.0.1/$uport") 2> /dev/null && break; sleep 0.05; done
is "no forwarding to a unix socket" "$(psql -X -At -h 127.0.0.1 -p "$uport" -U x -d x -c 'select 1' 2> /dev/null)" ""
check "  it was refused, not lost" "channel-refused" "$LAB/gateway.log"
try "an agent is not taken" 0 -A $(cert alice) alice@127.0.0.1 whoami
try "keepalives are answered" 0 -o ServerAliveInterval=1 -o ServerAliveCountMax=1 $(cert alice) alice@127.0.0.1 sql orders-prod -c "select pg_sleep(3.2)"

# --- bytes
port=$(forward_tcp alice)
PSQL="psql -X -At -h 127.0.0.1 -p $port -U $SP_PG_USER -d $SP_PG_DB"
is "psql through a forward" "$($PSQL -c 'select 41 + 1')" 42
copy="copy (select md5(i::text) from generate_series(1, 400000) i) to stdout"
want=$(direct -c "$copy" | md5sum)
is "a large result arrives whole" "$($PSQL -c "$copy" | md5sum)" "$want"
rekey() { ssh -F "$SP_SSH_CONFIG" -o RekeyLimit=1M "$@"; }
rport=$(lab_free_port)
rekey -N -L "$rport:orders-prod:5432" bastion-alice < /dev/null > /dev/null 2>&1 &
forwards="$forwards $!"
for i in $(seq 1 50); do (exec 3<> "/dev/tcp/127.0.0.1/$rport") 2> /dev/null && break; sleep 0.05; done
RPSQL="psql -X -At -h 127.0.0.1 -p $rport -U $SP_PG_USER -d $SP_PG_DB"
is "a large result under re-keying every megabyte" "$($RPSQL -c "$copy" | md5sum)" "$want"
{
    echo "select md5(\$body\$"
    head -c 700000 /dev/zero | tr '\0' 'x'
    echo "\$body\$);"
} > "$LAB/big.sql"
want_up=$(direct -f "$LAB/big.sql")
is "a large statement" "$($PSQL -f "$LAB/big.sql")" "$want_up"
for i in 1 2 3 4 5 6; do cat "$LAB/big.sql"; done > "$LAB/bigs.sql"
is "large statements under re-keying" "$($RPSQL -f "$LAB/bigs.sql" | sort -u)" "$want_up"
printf 'select md5(:i::text);\n' > "$LAB/b.sql"
pgbench -n -M prepared -D i=7 -f "$LAB/b.sql" -c 8 -j 2 -T 4 -h 127.0.0.1 -p "$rport" -U "$SP_PG_USER" "$SP_PG_DB" > "$o" 2>&1
is "eight clients under re-keying" "$(grep -c 'number of failed transactions: 0' "$o")" 1
grep -E "tps|latency average" "$o" | sed 's/^/# /'
# half close: standard input ends, the answer still comes
printf 'select 6*7;\n' | timeout 20 ssh -F "$SP_SSH_CONFIG" bastion-alice sql orders-prod > "$o" 2> /dev/null
check "an answer after the client's end of file" "42" "$o"
# a slow reader gets everything
is "a slow reader" "$($PSQL -c "copy (select md5(i::text) from generate_series(1, 60000) i) to stdout" | (while IFS= read -r -d '' -n 200000 x || [ -n "$x" ]; do printf %s "$x"; sleep 0.05; done) | md5sum)" \
    "$(direct -c "copy (select md5(i::text) from generate_series(1, 60000) i) to stdout" | md5sum)"

# --- a stopped client costs no memory
sport=$(lab_free_port)
ssh -F "$SP_SSH_CONFIG" -N -L "$sport:orders-prod:5432" bastion-alice < /dev/null > /dev/null 2>&1 &
stopped=$!
forwards="$forwards $stopped"
for i in $(seq 1 50); do (exec 3<> "/dev/tcp/127.0.0.1/$sport") 2> /dev/null && break; sleep 0.05; done
conn=$(grep ' login ' "$LAB/gateway.log" | tail -1 | sed 's/.* conn=\([a-z0-9]*\).*/\1/')
session=$(grep " connect .*conn=$conn " "$LAB/gateway.log" | sed 's/.* pid=\([0-9]*\)$/\1/')
psql -X -At -h 127.0.0.1 -p "$sport" -U "$SP_PG_USER" -d "$SP_PG_DB" -c "select repeat('x', 1000) from generate_series(1, 300000)" > /dev/null 2>&1 &
victim=$!
sleep 0.4
kill -STOP "$stopped"
sleep 2.5
rss=$(awk '/VmRSS/ {print $2}' "/proc/$session/status")
limit=40000
! ldd "$SP_BIN/sallyportd" | grep -q libasan || limit=400000
if [ -n "$rss" ] && [ "$rss" -lt "$limit" ]; then ok "memory with a stopped client and 300 MB waiting: $rss kB"; else not_ok "memory with a stopped client: ${rss:-gone} kB"; fi
kill -CONT "$stopped"
kill "$victim" "$stopped" 2> /dev/null
wait "$victim" 2> /dev/null

# --- many channels on one connection; the cap
ctl=$LAB/ctl
ssh -F "$SP_SSH_CONFIG" -M -S "$ctl" -N bastion-alice < /dev/null > /dev/null 2>&1 &
forwards="$forwards $!"
for i in $(seq 1 50); do [ -S "$ctl" ] && break; sleep 0.05; done
mport=$(lab_free_port)
ssh -F "$SP_SSH_CONFIG" -S "$ctl" -O forward -L "$mport:orders-prod:5432" bastion-alice
(for i in $(seq 1 50); do
    psql -X -At -h 127.0.0.1 -p "$mport" -U "$SP_PG_USER" -d "$SP_PG_DB" -c "select pg_sleep(0.5), $i" > "$LAB/m.$i" 2>&1 &
done
wait)
is "fifty channels at once" "$(cat "$LAB"/m.* | grep -cE '^\|[0-9]+$')" 50
(for i in $(seq 1 90); do
    psql -X -At -h 127.0.0.1 -p "$mport" -U "$SP_PG_USER" -d "$SP_PG_DB" -c "select pg_sleep(8), $i" > "$LAB/n.$i" 2>&1 &
done
wait)
served=$(cat "$LAB"/n.* | grep -cE '^\|[0-9]+$')
if [ "$served" -le 64 ] && [ "$served" -ge 40 ]; then ok "the cap on channels holds: $served of 90"; else not_ok "the cap on channels: $served of 90 were served"; fi
is "and the connection goes on" "$(psql -X -At -h 127.0.0.1 -p "$mport" -U "$SP_PG_USER" -d "$SP_PG_DB" -c 'select 7')" 7
ssh -F "$SP_SSH_CONFIG" -S "$ctl" -O exit bastion-alice 2> /dev/null

# --- exec
is "the exit status of a verb" "$(sshb alice show nosuchid > /dev/null 2>&1 < /dev/null; echo $?)" 3
is "an unknown verb" "$(sshb alice frobnicate > /dev/null 2>&1 < /dev/null; echo $?)" 2
sshb alice "$(head -c 70000 /dev/zero | tr '\0' 'x')" > "$o" 2>&1 < /dev/null
is "a command line that is too long" $? 2
check_not "no session process crashed" "session-crash|SIGSYS|status=1[23][0-9]" "$LAB/gateway.log"
lab_down
