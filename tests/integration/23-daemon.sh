#!/bin/bash
# The main process: options, one instance, reload, drain, the ends of its helpers, notification, running without root.
. "$(dirname "$0")/../support/lab-test.sh"
lab_up
o=$LAB/o
sallyportd=$SP_BIN/sallyportd
pid=$(cat "$LAB/gateway.pid")
child() { pgrep -P "$(cat "$LAB/gateway.pid")" -f "sallyportd: $1"; }
gone() { # gone PID SECONDS
    local i
    for i in $(seq 1 $(($2 * 20))); do
        kill -0 "$1" 2> /dev/null || return 0
        sleep 0.05
    done
    return 1
}

# --- options
"$sallyportd" -V > "$o"
check "-V names the version" "^sallyportd [0-9]" "$o"
check "  and the libraries in use" "libssh.so.4" "$o"
"$sallyportd" -t -f "$SP_CONF" > "$o" 2>&1
is "-t on a good configuration" $? 0
sed 's/analysts\], targets/analysts], targetz/' "$SP_CONF" > "$LAB/bad.yaml"
"$sallyportd" -t -f "$LAB/bad.yaml" > "$o" 2>&1
is "-t on a bad one" $? 1
check "  names the place" "bad.yaml:[0-9]+:[0-9]+: " "$o"
"$sallyportd" -T -f "$SP_CONF" > "$o"
check_not "-T shows no secret" "lab-ro|lab-rw" "$o"
"$sallyportd" -x > "$o" 2>&1
is "an unknown option" $? 2
"$sallyportd" -D -f "$SP_CONF" > "$o" 2>&1
is "a second instance refuses to start" $? 1
check "  and says why" "another sallyportd runs|Address already in use" "$o"

# --- the processes and what they are
for p in listener signer archiver; do
    if [ -n "$(child $p)" ]; then ok "$p has a process"; else not_ok "no process of the $p"; fi
done
if [ "$(id -u)" = 0 ]; then
    for p in listener signer archiver; do
        is "  $p is not root" "$(awk '/^Uid:/ {print ($2 != 0 && $3 != 0 && $4 != 0)}' "/proc/$(child $p)/status")" 1
    done
fi
for p in listener signer archiver; do is "  $p has no new privileges" "$(awk '/^NoNewPrivs:/ {print $2}' "/proc/$(child $p)/status")" 1; done
for p in signer archiver; do is "  $p is under a filter" "$(awk '/^Seccomp:/ {print $2}' "/proc/$(child $p)/status")" 2; done
is "the state directory is closed" "$(stat -c %a "$SP_STATE")" 711
is "  the keys in it are ours alone" "$(stat -c %a "$SP_STATE"/ca_ed25519_key "$SP_STATE"/log_ed25519_key "$SP_STATE"/ssh_host_ed25519_key | sort -u)" 600
is "  the control socket is for everybody" "$(stat -c %a "$SP_SOCKET")" 666
# The listener was forked before any secret was loaded: none of them is in its memory.
in_memory() { # in_memory PID HEX: how often these bytes occur
    perl -e '
        my ($pid, $hex) = @ARGV; my $n = 0; my $text = pack("H*", $hex); length($text) or exit;
        open(my $m, "<", "/proc/$pid/maps") or exit; open(my $f, "<", "/proc/$pid/mem") or exit;
        while (<$m>) { my ($a, $b) = /^([0-9a-f]+)-([0-9a-f]+) r/ or next; next if /vvar|vsyscall/; sysseek($f, hex($a), 0) or next;
            my $d; sysread($f, $d, hex($b) - hex($a)) or next; $n++ while $d =~ /\Q$text\E/g; }
        print $n;' "$1" "$2" 2> /dev/null
}
hex() { od -An -v -tx1 "$@" | tr -d ' \n'; }
seed() { # seed KEYFILE: the secret half of an Ed25519 key, in hexadecimal
    perl -MMIME::Base64 -e '
        local $/; open(my $f, "<", $ARGV[0]); my $k = <$f>; $k =~ s/^-.*$//mg; $k = decode_base64($k);
        open(my $p, "<", "$ARGV[0].pub"); my $pub = substr(decode_base64((split / /, <$p>)[1]), -32);
        print unpack("H*", substr($k, rindex($k, $pub) - 32, 32));' "$1"
}
if [ "$(in_memory "$(child signer)" "$(seed "$SP_STATE/ca_ed25519_key")")" -gt 0 ] 2> /dev/null; then
    ok "the authority's key is in the signer's memory"
    for p in "$(child listener)" "$(child archiver)" "$pid"; do
        is "  and not in that of $(tr '\0' ' ' < "/proc/$p/cmdline" | cut -c1-20)" "$(in_memory "$p" "$(seed "$SP_STATE/ca_ed25519_key")")" 0
    done
    is "the host key is in the listener's" "$([ "$(in_memory "$(child listener)" "$(seed "$SP_STATE/ssh_host_ed25519_key")")" -gt 0 ] && echo yes)" yes
    for p in signer archiver; do is "  and not in the $p's" "$(in_memory "$(child $p)" "$(seed "$SP_STATE/ssh_host_ed25519_key")")" 0; done
    for f in "$LAB/secrets/app_rw" "$LAB/secrets/app_ro"; do
        for p in listener signer archiver; do is "no credential in the $p's ($(basename "$f"))" "$(in_memory "$(child $p)" "$(hex "$f")")" 0; done
    done
else
    skip "reading another process's memory is not possible here"
fi

# --- reload
cp "$SP_CONF" "$LAB/good.yaml"
sed -i 's/quorum: 1/quorum: 2/' "$SP_CONF"
kill -HUP "$pid"
sleep 0.5
check "SIGHUP loads the configuration again" "reload .*epoch=2" "$LAB/gateway.log"
cp "$LAB/bad.yaml" "$SP_CONF"
kill -HUP "$pid"
sleep 0.5
check "  a bad one is refused whole" "reload-failed .*epoch=2" "$LAB/gateway.log"
cp "$LAB/good.yaml" "$SP_CONF"
sshb alice whoami > "$o" 2>&1 < /dev/null
is "  and the gateway goes on" $? 0

# --- drain
port=$(forward_tcp alice)
psql -X -At -h 127.0.0.1 -p "$port" -U "$SP_PG_USER" -d "$SP_PG_DB" -c "select pg_sleep(2), 'finished'" > "$LAB/drain" 2>&1 &
running=$!
sleep 0.7
kill -TERM "$pid"
sleep 0.5
if (exec 3<> "/dev/tcp/127.0.0.1/$SP_SSH_PORT") 2> /dev/null; then not_ok "new connections while draining"; else ok "no new connections while draining"; fi
wait $running
check "a running statement may finish" "finished" "$LAB/drain"
if gone "$pid" 35; then ok "the gateway ends by itself"; else not_ok "the gateway still drains"; fi
check "  in good order" "stopped .*status=0" "$LAB/gateway.log"
is "  and leaves no process" "$(pgrep -f "sallyportd: " | while read -r p; do grep -q "$LAB" "/proc/$p/cmdline" "/proc/$p/maps" 2> /dev/null && echo "$p"; done | wc -l)" 0

# --- ends of helpers
for p in signer listener; do
    lab_gateway_start "$LAB" "$SP_BIN"
    pid=$(cat "$LAB/gateway.pid")
    kill -KILL "$(child $p)"
    if gone "$pid" 10; then ok "without the $p the gateway stops"; else not_ok "the gateway goes on without the $p"; fi
    wait "$pid" 2> /dev/null
    is "  with a failure, for the service manager" $? 1
done
lab_gateway_start "$LAB" "$SP_BIN"
pid=$(cat "$LAB/gateway.pid")
kill -KILL "$(child archiver)"
sleep 0.3
sshb alice whoami > "$o" 2>&1 < /dev/null
is "without the archiver it goes on" $? 0
check "  and says so" "process-gone .*archiver" "$LAB/gateway.log"
port=$(forward_tcp alice)
psql -X -At -h 127.0.0.1 -p "$port" -U "$SP_PG_USER" -d "$SP_PG_DB" -c "select pg_sleep(30)" > "$o" 2>&1 &
running=$!
sleep 0.7
all=$(pgrep -P "$pid"; pgrep -P "$(child listener)")
kill -KILL "$pid"
if gone "$running" 5; then ok "sessions end with the monitor"; else not_ok "a session outlives the monitor"; fi
sleep 0.5
is "  and so do all processes" "$(for p in $all; do readlink "/proc/$p/exe"; done | wc -l)" 0

# --- notification
lab_gateway_start "$LAB" "$SP_BIN" > /dev/null 2>&1
lab_gateway_stop "$LAB"
perl -MIO::Socket::UNIX -MSocket -e '
    my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die; $| = 1; $SIG{ALRM} = sub { exit }; alarm 20;
    while (1) { recv($s, my $d, 4096, 0); $d =~ s/\n/ /g; print "$d\n"; exit if $d =~ /STOPPING/; }' "$LAB/notify" > "$LAB/notified" 2>&1 &
n=$!
sleep 0.3
NOTIFY_SOCKET=$LAB/notify lab_gateway_start "$LAB" "$SP_BIN"
kill -HUP "$(cat "$LAB/gateway.pid")"
sleep 0.5
lab_gateway_stop "$LAB"
wait $n 2> /dev/null
check "the service manager hears READY" "^READY=1" "$LAB/notified"
check "  RELOADING with the time" "^RELOADING=1 MONOTONIC_USEC=[0-9]+" "$LAB/notified"
check "  and STOPPING" "^STOPPING=1" "$LAB/notified"

# --- detached, with a log file
sed "s/127.0.0.1:$SP_SSH_PORT/127.0.0.1:$(lab_free_port)/" "$SP_CONF" > "$LAB/detached.yaml"
"$sallyportd" -f "$LAB/detached.yaml" > "$o" 2>&1
is "without -D it detaches" $? 0
sleep 1
pid=$(pgrep -f "sallyportd -f $LAB/detached.yaml")
check "  and logs to its state directory" "started" "$SP_STATE/sallyportd.log"
mv "$SP_STATE/sallyportd.log" "$SP_STATE/sallyportd.log.1"
kill -USR1 "$pid"
sleep 0.3
check "  SIGUSR1 opens the log again" "log-reopened" "$SP_STATE/sallyportd.log"
kill -INT "$pid"
if gone "$pid" 5; then ok "  SIGINT ends it soon"; else not_ok "  SIGINT does not end it"; fi

# --- without root
if [ "$(id -u)" = 0 ]; then
    mkdir "$LAB/user" && chown nobody "$LAB/user"
    sed -e "s/127.0.0.1:$SP_SSH_PORT/127.0.0.1:$(lab_free_port)/" -e "s,state: $SP_STATE,state: $LAB/user/state," -e "s,file:$LAB/secrets,file:$LAB/user," "$SP_CONF" > "$LAB/user.yaml"
    cp "$LAB"/secrets/* "$LAB/user/" && chown nobody "$LAB/user"/*
    setpriv --reuid=nobody --regid="$(id -gn nobody)" --clear-groups "$sallyportd" -D -f "$LAB/user.yaml" > "$o" 2>&1 &
    pid=$!
    sleep 1.5
    check "it runs without root" "started" "$o"
    check "  and warns" "not-root" "$o"
    kill -TERM "$pid"
    gone "$pid" 10 && ok "  and stops"
fi
lab_down
