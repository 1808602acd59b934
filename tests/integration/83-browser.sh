#!/bin/bash
# The browser login with a real browser at a real provider: what the pages show, want and refuse; a flood; garbage; a certificate
# that changes; the gateway's host keys.
. "$(dirname "$0")/../support/lab-test.sh"
. "$(dirname "$0")/../support/login-test.sh"
. "$(dirname "$0")/../idp/oidc.sh"
OIDC_MODULES=$("$OIDC_TOP/install.sh") && command -v node > /dev/null && [ -x "${SP_CHROMIUM:-/usr/bin/chromium}" ] || {
    skip "Chromium, Node.js or the packages of tests/idp are not to be had"
    exit 0
}
idp=$(mktemp -d /tmp/sallyport-idp.XXXXXX)
chmod 755 "$idp"
trap 'oidc_stop "$idp"; lab_down_quiet; rm -rf "$idp"' EXIT
oidc_tls "$idp"
oidc_user "$idp" erin '{"groups": ["analysts"]}'
port=$(lab_free_port)
site=https://127.0.0.1:$port
oidc_start "$idp" '[{"id": "web", "redirect_uris": ["'"$site"'/cb"]}]' || {
    not_ok "oidc-provider starts"
    exit 1
}
# the same pair, readable for the gateway alone
install -m 600 "$idp/tls.key" "$idp/web.key"
cp "$idp/tls.crt" "$idp/web.crt"
echo "  corp: {type: oidc, issuer: \"$OIDC_ISSUER\", client_id: web, ca: $idp/ca.pem, login_flow: browser, timeout: 2m, names: [\"*@example.com\"]}" > "$idp/identity.yaml"
echo "web: {url: \"$site\", listen: [\"127.0.0.1:$port\"], tls_cert: $idp/web.crt, tls_key: $idp/web.key}" > "$idp/extra.yaml"
LAB_USERS=carol LAB_IDENTITY=$idp/identity.yaml LAB_EXTRA=$idp/extra.yaml
lab_up
trap 'oidc_stop "$idp"; lab_down_quiet; rm -rf "$idp"' EXIT
o=$LAB/o
get() { curl -sS -m 10 --cacert "$idp/ca.pem" "$@"; }
web_pid() { pgrep -P "$(cat "$LAB/gateway.pid")" -f 'sallyportd: web'; }

# begin TAG [USER]: an ssh that waits; its page in $page, its digits in $digits
begin() {
    key "$1"
    login_begin "$1" "$1" "${2-erin}" cert
    page=
    for _ in $(seq 1 100); do
        page=$(sed -n 's/^To log in, open *\([^ ]*\).*/\1/p' "$LAB/$1.err" | tr -d '\r')
        digits=$(sed -n 's/^and type the code *\([0-9 ]*[0-9]\) .*/\1/p' "$LAB/$1.err" | tr -d ' \r')
        [ -z "$page" ] || [ -z "$digits" ] || return 0
        sleep 0.1
    done
    not_ok "ssh shows where to log in"
    sed 's/^/#   /' "$LAB/$1.err"
    return 1
}
# browser SCENARIO TAG [ASKED]: what happens in the browser; its own lines come out
browser() {
    SP_IDP_MODULES=$OIDC_MODULES timeout 120 node "$LAB_TOP/tests/support/browser.mjs" "$1" "{\"page\": \"$page\", \"digits\": \"$digits\",
        \"fingerprint\": \"$(key_fp "$2")\", \"source\": \"127.0.0.1\", \"gateway\": \"lab\", \"asked\": \"${3:-erin}\", \"user\": \"erin\",
        \"mail\": \"erin@example.com\", \"issuer\": \"$OIDC_ISSUER\", \"keep\": \"$LAB/keep.json\"}" > "$LAB/browser.out" 2> "$LAB/browser.err" ||
        sed 's/^/#   /' "$LAB/browser.err"
    cat "$LAB/browser.out"
    failures=$((failures + $(grep -c '^not ok' "$LAB/browser.out")))
    grep -q '^ok' "$LAB/browser.out" || not_ok "$1: the browser did something"
}
refused() { # TAG TEXT PATTERN
    is "$2" "$(login_end "$1")" 255
    check "  and says so" "$3" "$LAB/$1.err"
    is "  no certificate came" "$(cat "$LAB/$1.out")" ""
}

# --- the way through
begin way && browser login way
is "ssh goes on" "$(login_end way)" 0
check "  with a certificate" "^ssh-ed25519-cert-v01@openssh.com " "$LAB/way.out"
cp "$LAB/way.out" "$LAB/keys/way-cert.pub"
as way erin@example.com whoami > "$o" 2>&1
check "  of the person in the browser" "^erin@example.com .*analysts" "$o"
check "wrong digits are in the log" "login-wrong-code .*source=127.0.0.1" "$LAB/gateway.log"

# --- and what ends it
begin stop && browser cancel stop
refused stop "cancel in the browser ends ssh" "cancelled in the browser"
begin notme && browser notme notme
refused notme "\"This was not me\" ends ssh" "cancelled in the browser"
begin three && browser three three
refused three "three wrong tries end ssh" "wrong three times"
begin deny && browser deny deny
refused deny "a refusal of the provider ends ssh" "provider refused"

begin mixup && browser mixup mixup
refused mixup "an answer of another provider ends ssh" "another identity provider"

# --- somebody else
begin other && browser other other
is "two browsers, one login" "$(login_end other)" 0
begin evil 'a%3Cb\$x' && browser hostile evil 'a%3Cb\\$x'
login_stop evil
login_end evil > /dev/null
for _ in $(seq 1 50); do
    status=$(get -o /dev/null -w '%{http_code}' "$page")
    [ "$status" = 200 ] || break
    sleep 0.1
done
is "a login is gone with its ssh" "$status" 404

# --- many, slow, broken
was=$(web_pid)
python3 - "$port" "$idp/ca.pem" > "$o" 2>&1 << 'EOF'
import http.client, os, socket, ssl, sys, time
port = int(sys.argv[1])
idle = []
for i in range(200):
    s = socket.create_connection(('127.0.0.1', port))
    if i % 2:
        s.send(b'\x16\x03\x01\x02\x00\x01')
    idle.append(s)
c = ssl.create_default_context(cafile=sys.argv[2])
t = time.monotonic()
h = http.client.HTTPSConnection('127.0.0.1', port, context=c, timeout=5, source_address=('127.0.0.2', 0))
h.request('GET', '/healthz')
print('status', h.getresponse().status)
print('soon', time.monotonic() - t < 1)
noise = 0
for i in range(200):
    n = socket.create_connection(('127.0.0.1', port), source_address=('127.0.0.3', 0))
    n.settimeout(0.1)
    try:
        n.send(os.urandom(300) if i % 2 else b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        n.recv(100)
    except OSError:
        noise += 1
    n.close()
time.sleep(11)
left = 0
for s in idle:
    s.settimeout(0.1)
    try:
        while s.recv(1000): # an alert perhaps
            pass
    except TimeoutError:
        left += 1
    except OSError:
        pass
print('left', left)
EOF
check "with 200 idle connections another address gets its page" "^status 200" "$o"
check "  within a second" "^soon True" "$o"
check "  and the idle ones are gone after a while" "^left 0" "$o"
is "garbage does not end the process" "$(web_pid)" "$was"
is "the page is there" "$(get "$site/healthz")" ok

# --- TLS
hello() { echo | openssl s_client -connect "127.0.0.1:$port" -CAfile "$idp/ca.pem" -brief "$@" 2>&1; }
hello -tls1_3 > "$o"
check "TLS 1.3" "^Protocol version: TLSv1.3" "$o"
hello -tls1_2 > "$o"
check "TLS 1.2 with forward secrecy" "^Ciphersuite: ECDHE-.*(GCM|CHACHA20)" "$o"
hello -tls1_1 -cipher DEFAULT@SECLEVEL=0 > "$o"
check_not "not TLS 1.1" "^Protocol version" "$o"
hello -tls1_2 -cipher AES256-SHA:AES128-GCM-SHA256:ECDHE-RSA-AES256-SHA384@SECLEVEL=0 > "$o"
check_not "nothing without it, nothing with CBC" "^Protocol version" "$o"

# --- processes
is "it is not root" "$(ps -o uid= -p "$was" | tr -d ' ')" "$([ "$(id -u)" -eq 0 ] && id -u nobody || id -u)"
check "it is enclosed" "^Seccomp:.*2" "/proc/$was/status"
begin half && browser half half
kill -KILL "$was"
refused half "a login whose page is lost ends" "login page was started again"
for _ in $(seq 1 100); do
    [ "$(get "$site/healthz" 2> /dev/null)" = ok ] && [ "$(web_pid)" != "$was" ] && break
    sleep 0.1
done
is "it is started again" "$(get "$site/healthz")" ok
check "  and the log has it" "process-gone .*name=web" "$LAB/gateway.log"
# A new certificate with the next reload, while somebody asks.
openssl req -newkey rsa:2048 -nodes -keyout "$idp/new.key" -out "$idp/new.csr" -subj /CN=renewed > /dev/null 2>&1
openssl x509 -req -in "$idp/new.csr" -CA "$idp/ca.pem" -CAkey "$idp/ca.key" -CAcreateserial -days 2 -extfile "$idp/tls.ext" -out "$idp/new.crt" 2> /dev/null
cp "$idp/new.key" "$idp/web.key" && cp "$idp/new.crt" "$idp/web.crt"
(for _ in $(seq 1 30); do get "$site/healthz" || echo lost; done) > "$o" 2>&1 &
asking=$!
"$SP_BIN/sallyport" reload > /dev/null 2>&1
wait "$asking"
is "no request is lost meanwhile" "$(grep -vc '^ok$' "$o")" 0
subject() { echo | openssl s_client -connect "127.0.0.1:$port" 2> /dev/null | openssl x509 -noout -subject 2> /dev/null; }
for _ in $(seq 1 50); do
    case $(subject) in *renewed) break ;; esac
    sleep 0.1
done
is "a reload takes the new certificate" "$(subject)" "subject=CN = renewed"
echo junk > "$idp/web.crt"
"$SP_BIN/sallyport" reload > /dev/null 2>&1
check "what is no certificate is refused" "web-certificate .*no certificate in PEM form" "$LAB/gateway.log"
cp "$idp/tls.crt" "$idp/web.crt"
"$SP_BIN/sallyport" reload > /dev/null 2>&1
check "one of another key, too" "web-certificate .*not the one of the first certificate" "$LAB/gateway.log"
is "  and the pages go on with the one before" "$(subject)" "subject=CN = renewed"
chmod 644 "$idp/web.key"
"$SP_BIN/sallyport" reload > /dev/null 2>&1
check "a key that others may read is refused" "web-certificate .*readable by others" "$LAB/gateway.log"

# --- host keys
cp "$idp/new.crt" "$idp/web.crt"
chmod 600 "$idp/web.key"
"$SP_BIN/sallyport" reload > /dev/null 2>&1
for _ in $(seq 1 100); do
    get "$site/.well-known/ssh-known-hosts" > "$LAB/hosts" 2> /dev/null && [ -s "$LAB/hosts" ] && break
    sleep 0.1
done
is "known hosts from the page: ssh knows the gateway" \
    "$(ssh-keygen -F "[127.0.0.1]:$SP_SSH_PORT" -f "$LAB/hosts" | awk '!/^#/ {print $2, $3}')" \
    "$(cut -d' ' -f1,2 "$LAB/state/ssh_host_ed25519_key.pub")"
sshb carol hostkeys < /dev/null > "$o" 2>&1
is "  and the verb prints the same" "$(cat "$o")" "$(cat "$LAB/hosts")"
is "SSHFP records are those of ssh-keygen" "$("$SP_BIN/sallyport" hostkeys --sshfp)" \
    "$(ssh-keygen -r lab -f "$LAB/state/ssh_host_ed25519_key.pub" | awk '$5 == 2')"
mv "$LAB/state/ssh_host_ed25519_key.pub" "$LAB/aside"
"$SP_BIN/sallyport" hostkeys > "$o" 2>&1
is "without the public half there is a message" $? 1
check "  that says how to make it" "^hint: ssh-keygen -y -f .*/ssh_host_ed25519_key > " "$o"
is "  and the page has nothing" "$(get -o /dev/null -w '%{http_code}' "$site/.well-known/ssh-known-hosts")" 502
mv "$LAB/aside" "$LAB/state/ssh_host_ed25519_key.pub"
lab_down
