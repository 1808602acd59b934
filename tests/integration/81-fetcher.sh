#!/bin/bash
# sallyport-fetch, the process that speaks to identity providers: failures that a person understands, redirects, sizes, times, TLS,
# polling, keys, many logins at once, a real provider. Then its place in the gateway: started when a provider is configured,
# again when it ends, without secrets in its arguments, in its sandbox.
. "$(dirname "$0")/../support/lab-test.sh"
. "$(dirname "$0")/../support/login-test.sh"
. "$(dirname "$0")/../idp/oidc.sh"
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d /tmp/sallyport-fetch.XXXXXX)
chmod 755 "$dir"
cleanup() {
    oidc_stop "$dir/idp" > /dev/null 2>&1
    [ -z "${LAB:-}" ] || lab_down_quiet
    [ -n "${LAB_KEEP:-}" ] || rm -rf "$dir"
}
trap cleanup EXIT

# --- the program alone
install -m 755 "$SP_BUILD/sallyport-fetch" "$dir/"
"$dir/sallyport-fetch" > "$dir/o" 2>&1
is "by hand it does not start" $? 2
check "  and says so" "part of sallyportd" "$dir/o"
issuer=
if command -v npm > /dev/null 2>&1; then
    mkdir "$dir/idp"
    oidc_tls "$dir/idp"
    oidc_start "$dir/idp" '[{"id": "bastion", "secret": "real-secret"}]' && issuer=$OIDC_ISSUER
    oidc_user "$dir/idp" alice '{"groups": ["dba"]}'
    [ -n "$issuer" ] || not_ok "oidc-provider starts"
else
    skip "there is no npm for the real provider"
fi
# The machine's own name leads to 127.0.0.1 for these processes, whatever its /etc/hosts says of it.
printf '127.0.0.1 localhost %s\n' "$(uname -n)" > "$dir/hosts"
chmod 644 "$dir/hosts"
with_hosts() { "$@"; }
if [ -z "${NO_UNSHARE:-}" ] && unshare -m mount --bind "$dir/hosts" /etc/hosts 2> /dev/null; then
    with_hosts() { unshare -m sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh "$dir/hosts" "$@"; }
fi
# side by side, because most of the time they wait
part() { # part FOLDER TEST...
    mkdir "$dir/$1"
    PYTHONPATH=$here/../support PYTHONDONTWRITEBYTECODE=1 REAL_CA=$dir/idp/ca.pem with_hosts python3 "$here/../support/fetcher_test.py" "$dir/sallyport-fetch" "$dir/$1" \
        "$issuer" "${@:2}" > "$dir/$1.out" 2> "$dir/$1.err"
    echo $? > "$dir/$1.rc"
}
part a refusals names allowed_redirect generations secret browser &
a=$!
part b polling device tokens &
b=$!
part c cache many junk real &
c=$!
wait $a $b $c
for p in a b c; do
    cat "$dir/$p.out"
    [ "$(cat "$dir/$p.rc")" = 0 ] || {
        failures=$((failures + 1))
        sed 's/^/# /' "$dir/$p.err"
    }
done

# --- its place in the gateway
lab_up
trap cleanup EXIT
pid=$(cat "$LAB/gateway.pid")
fetcher() { pgrep -P "$pid" -f "^sallyportd: $1"; }
appears() { # appears [NOT-THIS-PID]
    local i p
    for i in $(seq 1 200); do
        p=$(fetcher fetcher)
        [ -n "$p" ] && [ "$p" != "${1:-}" ] && grep -q "fetcher-start process=fetcher pid=$p " "$LAB/gateway.log" && return 0
        sleep 0.05
    done
    return 1
}
vanishes() { # vanishes PID
    local i
    for i in $(seq 1 200); do
        kill -0 "$1" 2> /dev/null || return 0
        sleep 0.05
    done
    return 1
}
is "without a provider there is no fetcher" "$(fetcher fetcher)" ""
is "sallyportd has none of the HTTP and token libraries" "$(ldd "$SP_BUILD/sallyportd" | grep -cE 'curl|cjose|microhttpd')" 0
cp "$SP_CONF" "$LAB/plain.yaml"
printf secret-in-the-file > "$LAB/secrets/idp" && chmod 600 "$LAB/secrets/idp"
sed "s,^  local: {type: local},&\n  corp: {type: oidc\, issuer: \"https://localhost:9\"\, client_id: bastion\, secret: \"file:$LAB/secrets/idp\"\, names: [\"*@example.com\"]}," "$LAB/plain.yaml" > "$SP_CONF"
"$SP_BIN/sallyport" reload > "$LAB/o" 2>&1 || cat "$LAB/o"
if appears; then ok "a reload with a provider starts it"; else not_ok "no fetcher after the reload"; fi
f=$(fetcher fetcher)
r=$(pgrep -P "$f")
is "  with the resolver as its only child" "$(tr '\0' ' ' < "/proc/$r/cmdline" | sed 's/ *$//')" "sallyportd: resolver"
for i in $(seq 1 100); do
    grep -q "idp-blocks .*epoch=2 blocks=1" "$LAB/gateway.log" && break
    sleep 0.05
done
check "  and gives it its blocks" "idp-blocks .*epoch=2 blocks=1" "$LAB/gateway.log"
if [ "$(id -u)" = 0 ]; then
    is "it is not root" "$(awk '/^(Uid|Gid):/ {for (i = 2; i < 6; i++) n += $i == 0} END {print n + 0}' "/proc/$f/status")" 0
    is "  and has no groups of root" "$(awk '/^Groups:/ {print NF}' "/proc/$f/status")" 1
fi
is "it is under a filter" "$(awk '/^Seccomp:/ {print $2}' "/proc/$f/status")" 2
is "  the resolver, too" "$(awk '/^Seccomp:/ {print $2}' "/proc/$r/status")" 2
for p in "$f" "$r"; do is "  no new privileges ($p)" "$(awk '/^NoNewPrivs:/ {print $2}' "/proc/$p/status")" 1; done
is "its arguments say nothing" "$(tr '\0' ' ' < "/proc/$f/cmdline" | sed 's/ *$//')" "sallyportd: fetcher"
is "its environment is clean" "$(tr '\0' '\n' < "/proc/$f/environ" | grep -v ASAN_OPTIONS | sort | tr '\n' ' ')" "HOME=/nonexistent LC_ALL=C.UTF-8 PATH=/usr/bin:/bin "
is "it stands nowhere" "$(readlink "/proc/$f/cwd")" /
# The log of a lab is a file outside of the state directory; nothing else that has a name may be open.
is "nothing of the state directory is open in it" "$(for x in "/proc/$f/fd"/*; do readlink "$x"; done | grep -c "$SP_STATE")" 0
is "  and no file at all but the log" "$(for x in "/proc/$f/fd"/*; do readlink "$x"; done | grep '^/' | grep -vE "^/dev/(null|pts|tty)|$LAB/gateway.log" | wc -l)" 0
is "the client secret is in it" "$(perl -e '
    my $p = shift; my $n = 0; open(my $m, "<", "/proc/$p/maps") or die; open(my $h, "<", "/proc/$p/mem") or die;
    while (<$m>) { my ($a, $b) = /^([0-9a-f]+)-([0-9a-f]+) rw/ or next; sysseek($h, hex($a), 0) or next; my $d; sysread($h, $d, hex($b) - hex($a)) or next;
    $n++ while $d =~ /secret-in-the-file/g; } print $n > 0 ? "yes" : "no"' "$f" 2> /dev/null)" yes
check_not "  and not in the log" "secret-in-the-file" "$LAB/gateway.log"

# --- it may end
kill -SEGV "$f"
if appears "$f"; then ok "killed, it is started again"; else not_ok "the fetcher does not come back"; fi
check "  the log says that it was gone" "process-gone .*name=fetcher status=139" "$LAB/gateway.log"
vanishes "$r" && ok "  its resolver went with it"
sshb alice whoami > "$LAB/o" 2>&1 < /dev/null
is "  and the gateway went on" $? 0
second=$(fetcher fetcher)
t0=$(date +%s%N)
kill -KILL "$second"
if appears "$second"; then
    ms=$((($(date +%s%N) - t0) / 1000000))
    if [ $ms -ge 1800 ]; then ok "the second time it waits longer ($ms ms)"; else not_ok "the second time it waits $ms ms"; fi
else not_ok "the fetcher does not come back twice"; fi
third=$(fetcher fetcher)
cp "$LAB/plain.yaml" "$SP_CONF"
"$SP_BIN/sallyport" reload > "$LAB/o" 2>&1 || cat "$LAB/o"
if vanishes "$third"; then ok "a reload without a provider ends it"; else not_ok "the fetcher stays"; fi
gone=$(grep -c "process-gone" "$LAB/gateway.log")
sleep 1.5
is "  for good" "$(fetcher fetcher)$(($(grep -c process-gone "$LAB/gateway.log") - gone))" 0

# --- a login under way when it ends
if [ -n "$issuer" ]; then
    printf real-secret > "$LAB/secrets/idp"
    sed "s,^  local: {type: local},&\n  corp: {type: oidc\, issuer: \"$issuer\"\, client_id: bastion\, secret: \"file:$LAB/secrets/idp\"\, ca: $dir/idp/ca.pem\, names: [\"*@example.com\"]}," "$LAB/plain.yaml" > "$SP_CONF"
    before=$(grep -c "fetcher-start" "$LAB/gateway.log")
    "$SP_BIN/sallyport" reload > "$LAB/o" 2>&1 || cat "$LAB/o"
    appears
    for i in $(seq 1 100); do
        [ "$(grep -c "fetcher-start" "$LAB/gateway.log")" -gt "$before" ] && break
        sleep 0.1
    done
    key erin
    login_begin l erin erin@example.com cert
    code=$(login_code l)
    if [ "$code" != no-code ]; then ok "a login begins"; else not_ok "no login: $(cat "$LAB/l.err")"; fi
    fourth=$(fetcher fetcher)
    kill -KILL "$fourth"
    is "  it ends with the fetcher" "$(login_end l 10)" 255
    check "  and the person is told" "identity provider" "$LAB/l.err"
    appears "$fourth" || not_ok "the fetcher does not come back"
    login_begin l erin erin@example.com cert
    code=$(login_code l)
    oidc_user "$dir/idp" erin '{"groups": ["analysts"]}'
    oidc_approve "$dir/idp" erin "$code" > "$LAB/o" 2>&1 || cat "$LAB/o"
    is "the next login works" "$(login_end l)" 0
    check "  and gives a certificate" "^ssh-ed25519-cert-v01@openssh.com " "$LAB/l.out"
    # a reload that does not touch the provider does not disturb a login
    key erin2
    login_begin l erin2 erin@example.com cert
    code=$(login_code l)
    sed -i 's/quorum: 1/quorum: 2/' "$SP_CONF"
    "$SP_BIN/sallyport" reload > "$LAB/o" 2>&1 || cat "$LAB/o"
    oidc_approve "$dir/idp" erin "$code" > "$LAB/o" 2>&1 || cat "$LAB/o"
    is "a reload in the middle of a login does not end it" "$(login_end l)" 0
    oidc_stop "$dir/idp"
fi

# --- the program is missing: nothing else suffers
if [ "$SP_BIN" != "$SP_BUILD" ] || cp -r "$SP_BUILD/sallyportd" "$SP_BUILD/sallyport" "$dir/" 2> /dev/null; then
    lab_gateway_stop "$LAB"
    mkdir -p "$dir/without" && chmod 755 "$dir/without" && install -m 755 "$SP_BUILD/sallyportd" "$SP_BUILD/sallyport" "$dir/without/"
    sed "s,^  local: {type: local},&\n  corp: {type: oidc\, issuer: \"https://localhost:9\"\, client_id: bastion\, names: [\"*@example.com\"]}," "$LAB/plain.yaml" > "$SP_CONF"
    lab_gateway_start "$LAB" "$dir/without"
    pid=$(cat "$LAB/gateway.pid")
    sshb carol whoami > "$LAB/o" 2>&1 < /dev/null
    is "without the program the gateway starts and works" $? 0
    check "  and says what is missing" "process-not-started .*name=fetcher .*sallyport-fetch" "$LAB/gateway.log"
fi
lab_down
