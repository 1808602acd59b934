#!/bin/bash
# The ssh_config that `config` prints, in a home directory of its own and with the real ssh: the first connection logs in and fetches the
# certificate, the next ones are silent, and a new one comes before the old one ends, whatever is in the file. And the script for
# those who have no ssh_config.
. "$(dirname "$0")/../support/lab-test.sh"
. "$(dirname "$0")/../support/login-test.sh"
. "$(dirname "$0")/../idp/oidc.sh"
idp=
trap '[ -z "$idp" ] || { oidc_stop "$idp"; rm -rf "$idp"; }; lab_down_quiet' EXIT
if OIDC_MODULES=$("$OIDC_TOP/install.sh" 2> /dev/null) && command -v node > /dev/null; then
    idp=$(mktemp -d /tmp/sallyport-idp.XXXXXX)
    chmod 755 "$idp"
    oidc_tls "$idp"
    oidc_user "$idp" erin '{"groups": ["analysts"]}'
    if oidc_start "$idp" '[{"id": "rs", "alg": "RS256"}]'; then
        echo "  corp: {type: oidc, issuer: \"$OIDC_ISSUER\", client_id: rs, ca: $idp/ca.pem, timeout: 1m, names: [\"*@example.com\"]}" > "$idp/identity.yaml"
        LAB_IDENTITY=$idp/identity.yaml
    else
        not_ok "oidc-provider starts"
    fi
fi
lab_up
trap '[ -z "$idp" ] || { oidc_stop "$idp"; rm -rf "$idp"; }; lab_down_quiet' EXIT
o=$LAB/o
home=$LAB/home
cert=$home/.ssh/id_ed25519-cert.pub
mkdir -p "$home/.ssh"
chmod 700 "$home" "$home/.ssh"
cp "$LAB/keys/alice" "$home/.ssh/id_ed25519"
cp "$LAB/keys/alice.pub" "$home/.ssh/id_ed25519.pub"

# ssh takes the home directory from the user database, whatever HOME says: ours is mounted over it, for the one command only.
real_home=$(getent passwd "$(id -u)" | cut -d: -f6)
unset SSH_AUTH_SOCK
elsewhere() { :; } # where ~ of ssh is not the home directory of this test
if [ -z "${NO_UNSHARE:-}" ] && unshare -m mount --bind "$home" "$real_home" 2> /dev/null; then
    in_home() { unshare -m sh -c 'mount --bind "$1" "$2" && HOME=$2 && export HOME && shift 2 && cd && exec "$@"' sh "$home" "$real_home" "$@"; }
else # no right to mount: the next best
    mkdir "$home/bin"
    cat > "$home/bin/ssh" << END
#!/bin/sh
exec $(command -v ssh) -F "$home/.ssh/config" -o UserKnownHostsFile="$home/.ssh/known_hosts" -o IdentityAgent=none "\$@"
END
    chmod 755 "$home/bin/ssh"
    in_home() { (cd "$home" && HOME=$home PATH=$home/bin:$PATH exec "$@"); }
    elsewhere() { sed -i "s,~/,$home/,g" "$home/.ssh/config"; }
fi
# One connection: exit status in $rc, LAB/o and LAB/e.
connect() { # [HOST]
    in_home timeout 60 ssh "${1:-lab}" whoami < /dev/null > "$o" 2> "$LAB/e"
    rc=$?
}
issued() { grep -c ' certificate-issued ' "$LAB/gateway.log"; }
left() { find "$home/.ssh" -name '*-cert.pub.*' | wc -l; }
id_of() { md5sum < "$1"; }

# --- day one, as README says
raw_ssh -i "$LAB/keys/alice" alice@127.0.0.1 cert < /dev/null > "$cert" 2> "$LAB/e"
is "day one: a certificate by the key" $? 0
printf 'Host other\n    HostName other.invalid\n' > "$home/.ssh/config"
raw_ssh -i "$LAB/keys/alice" -o CertificateFile="$cert" alice@127.0.0.1 config --host 127.0.0.1 < /dev/null > "$LAB/printed" 2> "$LAB/e"
is "  and the ssh_config by the certificate" $? 0
cat "$LAB/printed" >> "$home/.ssh/config"
elsewhere
rm "$cert"
sed -n 's/^#   \(\[127\.0\.0\.1\]:[0-9]* ssh-ed25519 .*\)/\1/p' "$LAB/printed" > "$home/.ssh/known_hosts"
is "it names the host key for known_hosts" "$(cut -d' ' -f1-3 "$home/.ssh/known_hosts")" "$(cut -d' ' -f1-3 "$LAB/known_hosts")"
check "a client that knows it is told not to warn about key exchange" '^ +WarnWeakCrypto no-pq-kex$' "$LAB/printed"
check "  and one that does not is told to pass over it" '^ +IgnoreUnknown WarnWeakCrypto' "$LAB/printed"
in_home ssh -G other > "$o" 2>&1
is "other hosts are as before" "$? $(sed -n 's/^hostname //p' "$o")" "0 other.invalid"

# --- the first connection, and the next
connect
is "the first connection logs in" $rc 0
check "  says so on stderr" '^certificate [0-9]+ for alice until' "$LAB/e"
check "  and is who the certificate says" '^alice .* certificate until' "$o"
is "  the certificate is in the file" "$(ssh-keygen -Lf "$cert" | grep -c 'Type: ssh-ed25519-cert-v01@openssh.com user certificate')" 1
n=$(issued)
connect
is "the second connection works" $rc 0
is "  is silent" "$(cat "$LAB/e")" ""
is "  and fetches nothing" "$(issued)" "$n"
in_home ssh -v lab-login whoami < /dev/null > "$o" 2>&1
check_not "the login's own alias never sends the certificate" 'Offering public key.*CERT' "$o"

# --- whatever is in the file
# renews TEXT: the next connection fetches a certificate and works
renews() {
    local before
    before=$(issued)
    connect
    is "$1: renewed" "$rc $(($(issued) - before)) $(ssh-keygen -Lf "$cert" 2> /dev/null | grep -c "$(key_fp alice)") $(left)" "0 1 1 0"
}
stays() {
    local before
    before=$(id_of "$cert")
    connect
    is "$1: it stays" "$rc $(id_of "$cert") $(cat "$LAB/e")" "0 $before "
}
: > "$cert" && renews "empty"
head -c 400 /dev/urandom > "$cert" && renews "garbage"
c=$(head -c 300 "$cert") && echo "$c" > "$cert" && renews "cut"
cp "$LAB/keys/bob-cert.pub" "$cert" && renews "of another key"
cp "$home/.ssh/id_ed25519.pub" "$cert" && renews "no certificate at all"
touch -d '460 minutes ago' "$cert" && stays "20 minutes of 8 hours left"
touch -d '466 minutes ago' "$cert" && renews "14 minutes left"
mint() { # VALIDITY: one of the lab's authority for alice's key
    cp "$LAB/keys/alice.pub" "$LAB/mint.pub"
    ssh-keygen -q -s "$SP_STATE/ca_ed25519_key" -I "user=alice login=x" -n alice -z 77 -V "$1" "$LAB/mint.pub" 2> /dev/null && mv "$LAB/mint-cert.pub" "${2:-$cert}"
}
mint -9h:-1m && renews "young as a file, expired by its own word"

# --- the life that this user gets
conf_set '(analyst: .*), mask: full' '\1, mask: full, session: {ttl: 40m}'
raw_ssh -i "$LAB/keys/alice" -o CertificateFile="$cert" alice@127.0.0.1 config --host 127.0.0.1 < /dev/null > "$o" 2> "$LAB/e"
check "a role's shorter life: renewed at three quarters of it" 'find [$]c -mmin -30[)]' "$o"
conf_set ', session: \{ttl: 40m\}' ''

# --- failures
touch -d '466 minutes ago' "$cert"
sed -i.bak 's/^Host lab-login$/&\n    ProxyCommand false/' "$home/.ssh/config"
before=$(id_of "$cert")
connect
is "a renewal that fails leaves the old one, and ssh goes on with it" "$rc $(id_of "$cert") $(left)" "0 $before 0"
check "  why is on stderr" 'onnection closed' "$LAB/e"
sed -i 's/^    ProxyCommand false$/    HostName 127.0.0.1/' "$home/.ssh/config"
mv "$home/.ssh/config.bak" "$home/.ssh/config"
touch -d '466 minutes ago' "$cert"
for i in 1 2 3 4 5 6; do (in_home timeout 60 ssh lab whoami < /dev/null > "$LAB/o.$i" 2>&1; echo $? > "$LAB/rc.$i") & pids="${pids:-} $!"; done
# shellcheck disable=SC2086
wait $pids
is "six at once: all of them work" "$(cat "$LAB"/rc.[1-6] | tr '\n' ' ')" "0 0 0 0 0 0 "
stays "  and leave one whole certificate"
is "  and nothing else" "$(left)" 0
rm "$cert"
sed -i.bak 's/^Match originalhost lab exec/Match originalhost lab* exec/' "$home/.ssh/config"
n=$(issued)
connect
is "it cannot meet itself, even where somebody made it match everything" "$rc $(($(issued) - n))" "0 1"
mv "$home/.ssh/config.bak" "$home/.ssh/config"
for s in dash bash zsh fish tcsh csh mksh; do
    command -v $s > /dev/null || continue
    rm -f "$cert"
    SHELL=$(command -v $s) connect
    a=$rc
    SHELL=$(command -v $s) connect
    is "for somebody whose shell is $s" "$a $rc $(cat "$LAB/e")" "0 0 "
done
cat > "$LAB/time.py" << 'END'
import resource, subprocess, sys
def cost(cmd):
    t = []
    for _ in range(15):
        was = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        t.append(now.ru_utime + now.ru_stime - was.ru_utime - was.ru_stime)
    return min(t) * 1000
# processor time: how long it takes depends on what else the machine does
extra = cost(['ssh', '-G', 'lab']) - cost(['ssh', '-G', 'elsewhere'])
keygen = cost(['ssh-keygen', '-Lf', sys.argv[1]])
print('%.1f ms, ssh-keygen -L %.1f' % (extra, keygen))
sys.exit(extra > 20 * max(1, keygen / 5))
END
took=$(in_home python3 "$LAB/time.py" .ssh/id_ed25519-cert.pub)
is "a fresh certificate costs a connection little ($took)" $? 0

# --- the script
as alice alice config --script --host 127.0.0.1 > "$LAB/renew" 2> "$LAB/e"
is "the script is printed" "$? $(cat "$LAB/e")" "0 "
is "  and has eight lines" "$(wc -l < "$LAB/renew")" 8
mv "$cert" "$LAB/was"
for s in dash bash busybox; do
    command -v $s > /dev/null || continue
    [ $s != busybox ] || s="busybox sh"
    run() { in_home $s "$LAB/renew" "$@" < /dev/null > "$o" 2> "$LAB/e"; }
    rm -f "$cert"
    n=$(issued)
    run
    is "$s: no certificate: fetched" "$? $(($(issued) - n)) $(cat "$o")" "0 1 "
    run
    is "$s: a fresh one: silence" "$? $(($(issued) - n)) $(cat "$o" "$LAB/e")" "0 1 "
    for v in "empty|:" "garbage|head -c 400 /dev/urandom" "another key's|cat $LAB/keys/bob-cert.pub"; do
        n=$(issued)
        ${v#*|} > "$cert"
        run
        is "$s: ${v%%|*}: fetched" "$? $(($(issued) - n))" "0 1"
    done
    # by what the certificate says, not by the file's age
    for v in -7h:+16m=0 -7h:+14m=1 -40m:+18m=0 -49m:+11m=1 -1m:+3m=0 -3m:+50s=1 -2h:-1h=1; do
        n=$(issued)
        mint "${v%=*}"
        run
        is "$s: valid ${v%=*}: fetched ${v#*=}" "$? $(($(issued) - n))" "0 ${v#*=}"
    done
done
mint -7h:+10m
before=$(id_of "$cert")
sed "s/-p $SP_SSH_PORT /-p 1 /" "$LAB/renew" > "$LAB/renew-nowhere"
in_home sh "$LAB/renew-nowhere" < /dev/null > "$o" 2> "$LAB/e"
is "a renewal that fails: its status says so, the old one stays" "$? $(id_of "$cert") $(left)" "1 $before 0"
mkdir "$home/else where"
cp "$LAB/keys/alice" "$home/else where/my key"
cp "$LAB/keys/alice.pub" "$home/else where/my key.pub"
in_home sh "$LAB/renew" "else where/my key" < /dev/null > "$o" 2> "$LAB/e"
is "a key elsewhere: its certificate is beside it" "$? $(ssh-keygen -Lf "$home/else where/my key-cert.pub" | grep -c "$(key_fp alice)")" "0 1"
in_home sh "$LAB/renew" "else where/my key" "else where/cert" < /dev/null > "$o" 2> "$LAB/e"
is "  or where it is wanted" "$? $(ssh-keygen -Lf "$home/else where/cert" | grep -c "$(key_fp alice)")" "0 1"
as alice alice config --host 127.0.0.1 --key '~/.ssh/work' --cert '~/.ssh/lab-cert.pub' > "$o" 2> "$LAB/e"
check "the ssh_config with names of one's own" '^ +IdentityFile ~/.ssh/work$' "$o"
check "  for the certificate as well" '^ +CertificateFile ~/.ssh/lab-cert.pub$' "$o"
for bad in "--key ~/a'b" '--key $HOME/x' '--cert a;b' '--host a"b' '--host -oProxyCommand=x' '--port 0' '--port x'; do
    # shellcheck disable=SC2086
    as alice alice config $bad > "$o" 2>&1
    is "config $bad is refused" $? 2
done

# --- a login at an identity provider inside
if [ -n "$idp" ]; then
    mv "$LAB/was" "$cert"
    key erin
    cp "$LAB/keys/erin" "$home/.ssh/id_ed25519"
    cp "$LAB/keys/erin.pub" "$home/.ssh/id_ed25519.pub"
    sed -i 's/^    User alice$/    User erin@example.com/' "$home/.ssh/config"
    (in_home timeout 60 ssh lab whoami < /dev/null > "$LAB/l.out" 2> "$LAB/l.err"; echo $? > "$LAB/l.rc") &
    code=$(login_code l)
    if [ "$code" != no-code ]; then ok "the connection shows where to log in, on stderr"; else not_ok "no login on stderr"; fi
    oidc_approve "$idp" erin "$code" > "$o" 2>&1 || cat "$o"
    is "  goes on after the login" "$(login_end l)" 0
    check "  with the certificate that it got" '^erin@example.com .* certificate until' "$LAB/l.out"
    is "  which is in the file" "$(ssh-keygen -Lf "$cert" | grep -c "$(key_fp erin)")" 1
    check "  another key under the old name: fetched at once" '^certificate [0-9]+ for erin@example.com until|^To log in' "$LAB/l.err"
    connect
    is "the next one is silent and needs no login" "$rc $(cat "$LAB/e")" "0 "
else
    skip "the packages of tests/idp/oidc-provider are not to be had: no login inside"
fi
lab_down
