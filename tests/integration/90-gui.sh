#!/bin/bash
# Tools that cannot send certificates (JSch, as in DBeaver): a plain key is let in where a role says so, while an unexpired certificate
# that was issued to that key, for that name, at that address is in the store. Otherwise it stays what it is: good for `cert` only.
. "$(dirname "$0")/../support/lab-test.sh"
. "$(dirname "$0")/../support/login-test.sh"
here=$(cd "$(dirname "$0")/../drivers" && pwd)
jar=$("$here/jsch.sh") && command -v javac > /dev/null || {
    skip "JSch or a Java compiler is not to be had"
    exit 0
}
roles=$(mktemp)
cat > "$roles" << 'EOF'
  gui: {groups: [gui], targets: [env=prod], logins: [app_ro], mask: full, session: {plain_key: true, ttl: 8h}}
EOF
LAB_ROLES=$roles
lab_up
rm -f "$roles"
o=$LAB/o
(cd "$LAB" && javac -d . -cp "$jar" "$here/Tunnel.java") || {
    not_ok "the driver compiles"
    exit 1
}
tunnel() { # USER KEY [SOURCE]
    (cd "$LAB" && timeout 60 java -cp ".:$jar:/usr/share/java/postgresql.jar" Tunnel "$SP_SSH_PORT" "$1" "$LAB/keys/$2" "$LAB/known_hosts" "$SP_PG_TARGET" app_ro "$SP_PG_DB" ${3:+"$3"}) > "$o" 2>&1
}
in_() { # TEXT ...: the tunnel works
    local text=$1
    shift
    tunnel "$@"
    check "$text" "^row 42$" "$o"
}
out() {
    local text=$1
    shift
    tunnel "$@"
    check "$text" "^tunnel: Auth fail" "$o"
}
login() { # KEY USER [ssh option ...]: a certificate by key, as every day
    local key=$1 user=$2
    shift 2
    raw_ssh "$@" -o IdentityFile="$LAB/keys/$key" -o CertificateFile=none -o LogLevel=ERROR "$user@127.0.0.1" cert < /dev/null > "$LAB/keys/$key-cert.pub" 2> "$o" || {
        not_ok "$user gets a certificate"
        cat "$o"
    }
}

# --- where no role says so
out "a plain key with a certificate in the store is not let in without a role that says so" alice alice
login alice alice
check "  and stays good for asking for one" "^ssh-ed25519-cert-v01@openssh.com " "$LAB/keys/alice-cert.pub"

# --- with the role
conf_set 'alice: \{groups: \[analysts\]' 'alice: {groups: [analysts, gui]'
key dora
key second
conf_set '^users:$' "users:\\n  dora: {groups: [gui], keys: [\"$(cat "$LAB/keys/dora.pub")\", \"$(cat "$LAB/keys/second.pub")\"]}"
out "before the first certificate" dora dora
login dora dora
in_ "after it the tunnel opens" dora dora
check "  and the serial is on record" " login .*user=dora .*serial=$(ssh-keygen -L -f "$LAB/keys/dora-cert.pub" | sed -n 's/ *Serial: //p') " "$LAB/gateway.log"
check "  as a way of its own" " login .*user=dora .*via=stored-certificate " "$LAB/gateway.log"
out "  not from another address" dora dora 127.0.0.2
out "  not with another key of the same person" dora second
key stranger
out "  not with a stranger's key" dora stranger
out "  not under another name" alice dora
out "  nor a name nobody has" nobody-here dora
in_ "  and still from the right one" dora dora
raw_ssh -o IdentityFile="$LAB/keys/dora" -o CertificateFile=none -o BatchMode=yes -o LogLevel=ERROR dora@127.0.0.1 whoami < /dev/null > "$o" 2>&1
check "  verbs, too" "^dora .*gui" "$o"
login second dora -b 127.0.0.2
in_ "the other key has a window of its own" dora second 127.0.0.2
out "  where it logged in, only" dora second

# --- a certificate without the group does not become one with it
login alice alice
in_ "alice with a certificate of today's groups" alice alice
conf_set 'alice: \{groups: \[analysts, gui\]' 'alice: {groups: [analysts]'
out "  not any more once the group is gone" alice alice

# --- revoked
serial=$(ssh-keygen -L -f "$LAB/keys/dora-cert.pub" | sed -n 's/ *Serial: //p')
sport=$(lab_free_port)
raw_ssh -o IdentityFile="$LAB/keys/dora" -o CertificateFile=none -o BatchMode=yes -o LogLevel=ERROR -N -L "$sport:$SP_PG_TARGET:5432" dora@127.0.0.1 < /dev/null > /dev/null 2>&1 &
live=$!
forwards="$forwards $live"
for i in $(seq 1 100); do (exec 3<> "/dev/tcp/127.0.0.1/$sport") 2> /dev/null && break; sleep 0.05; done
is "a tunnel that is open" "$(psql -X -At -h 127.0.0.1 -p "$sport" -U app_ro -d orders -c 'select 7' 2> "$o")" 7
"$SP_BIN/sallyport" revoke serial "$serial" > "$o" 2>&1 || cat "$o"
for i in $(seq 1 50); do kill -0 $live 2> /dev/null || break; sleep 0.1; done
if kill -0 $live 2> /dev/null; then not_ok "  ends when its certificate is revoked"; else ok "  ends when its certificate is revoked"; fi
out "  and does not open again" dora dora
login dora dora
in_ "  until there is a new certificate" dora dora

# --- expired
conf_set 'ttl: 8h' 'ttl: 1m'
key brief
conf_set '^users:$' "users:\\n  brief: {groups: [gui], keys: [\"$(cat "$LAB/keys/brief.pub")\"]}"
login brief brief
in_ "a certificate of one minute" brief brief
until=$(ssh-keygen -L -f "$LAB/keys/brief-cert.pub" | sed -n 's/.* to \([0-9T:-]*\)$/\1/p')
wait_s=$(($(date -d "$until" +%s) - $(date +%s) + 1))
if [ "$wait_s" -gt 0 ] && [ "$wait_s" -le 70 ]; then sleep "$wait_s"; else not_ok "  expires in $wait_s s"; fi
out "  opens nothing when it has expired" brief brief
lab_down
