#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A real sshd that trusts our certificate authority must refuse our certificates, because it does not know the critical
# option that binds them to the gateway; and must accept what the same code issues without that option, which shows
# that nothing else about them is wrong. Runs from the build directory, as root (sshd wants to be).
set -u
issue=${SP_BUILD:-.}/tests/support/issue-cert
n=0
failed=0

if [ "$(id -u)" != 0 ] || ! command -v /usr/sbin/sshd > /dev/null; then
    echo "1..0 # SKIP needs root and sshd"
    exit 0
fi
[ -x "$issue" ] || { echo "Bail out! $issue is not built"; exit 1; }

dir=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-oracle.XXXXXX") || exit 1
pid=
made_run=
cleanup() {
    [ -n "$pid" ] && kill "$pid" 2> /dev/null && wait "$pid" 2> /dev/null
    [ -n "$made_run" ] && rmdir /run/sshd 2> /dev/null
    rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

result() { # result STATUS DESCRIPTION
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        sed 's/^/# /' "$dir/log" "$dir/ssh.err" 2> /dev/null
        failed=1
    fi
}

for k in ca other host user; do
    ssh-keygen -q -t ed25519 -N '' -C "$k" -f "$dir/$k"
done

# A free port: the first of a few that sshd can listen on.
[ -d /run/sshd ] || { mkdir -p /run/sshd && made_run=1; }
i=0
while [ "$i" -lt 20 ]; do
    port=$((20000 + ($$ * 37 + i * 1009) % 20000))
    cat > "$dir/sshd_config" << CONFIG
ListenAddress 127.0.0.1
Port $port
HostKey $dir/host
PidFile none
TrustedUserCAKeys $dir/ca.pub
AuthorizedKeysFile none
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin prohibit-password
LogLevel VERBOSE
CONFIG
    /usr/sbin/sshd -D -e -f "$dir/sshd_config" 2> "$dir/log" &
    pid=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        grep -q "Server listening" "$dir/log" && break 2
        kill -0 "$pid" 2> /dev/null || break
        sleep 0.1
    done
    kill "$pid" 2> /dev/null
    wait "$pid" 2> /dev/null
    pid=
    i=$((i + 1))
done
[ -n "$pid" ] || { sed 's/^/# /' "$dir/log"; echo "Bail out! sshd does not start"; exit 1; }

# login CERTIFICATE: status of a login with the user's key and that certificate
login() {
    : > "$dir/log"
    ssh -F none -n -p "$port" -i "$dir/user" -o CertificateFile="$1" -o IdentitiesOnly=yes -o BatchMode=yes \
        -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=10 -o LogLevel=ERROR \
        root@127.0.0.1 'echo in' > "$dir/ssh.out" 2> "$dir/ssh.err"
}

# Is the oracle working at all? It refuses the bare key and accepts what ssh-keygen signs.
login "$dir/none"
[ $? != 0 ] && ! grep -q "Accepted publickey" "$dir/log"
result $? "sshd refuses the key without a certificate"

ssh-keygen -q -s "$dir/ca" -I oracle -n root -V -1m:+1h "$dir/user.pub" 2> /dev/null
login "$dir/user-cert.pub" && grep -q '^in$' "$dir/ssh.out"
result $? "sshd accepts a certificate made by ssh-keygen"
rm -f "$dir/user-cert.pub"

"$issue" -f -p -g dba -s 127.0.0.0/8 "$dir/ca" "$dir/user.pub" root gw-test 1 > "$dir/ours.pub"
ssh-keygen -L -f "$dir/ours.pub" > "$dir/shown" 2>&1 && grep -q 'gateway@sallyport' "$dir/shown"
result $? "ssh-keygen reads our certificate and shows its gateway option"

login "$dir/ours.pub"
[ $? != 0 ] && ! grep -q "Accepted publickey" "$dir/log"
result $? "sshd refuses our certificate"
grep -qi 'critical option.*gateway@sallyport' "$dir/log"
result $? "sshd names the gateway option as the reason"

"$issue" -x -f -p -g dba -s 127.0.0.0/8 "$dir/ca" "$dir/user.pub" root gw-test 2 > "$dir/without.pub"
login "$dir/without.pub" && grep -q '^in$' "$dir/ssh.out" && grep -q "Accepted publickey.*CERT" "$dir/log"
result $? "sshd accepts the same certificate issued without it"

# What else the certificate says holds there, too.
"$issue" -x -s 192.0.2.0/24 "$dir/ca" "$dir/user.pub" root gw-test 3 > "$dir/elsewhere.pub"
login "$dir/elsewhere.pub"
[ $? != 0 ] && ! grep -q "Accepted publickey" "$dir/log"
result $? "sshd enforces our source-address"

"$issue" -x "$dir/ca" "$dir/user.pub" alice gw-test 4 > "$dir/alice.pub"
login "$dir/alice.pub"
[ $? != 0 ] && ! grep -q "Accepted publickey" "$dir/log"
result $? "sshd enforces our principals"

"$issue" -x "$dir/other" "$dir/user.pub" root gw-test 5 > "$dir/untrusted.pub"
login "$dir/untrusted.pub"
[ $? != 0 ] && ! grep -q "Accepted publickey" "$dir/log"
result $? "sshd refuses another authority"

"$issue" -x -t 1 "$dir/ca" "$dir/user.pub" root gw-test 6 > "$dir/short.pub"
sleep 2
login "$dir/short.pub"
[ $? != 0 ] && ! grep -q "Accepted publickey" "$dir/log"
result $? "sshd refuses our certificate after its end"

echo "1..$n"
exit "$failed"
