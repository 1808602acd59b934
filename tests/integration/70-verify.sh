#!/bin/bash
# Tamper evidence: any one byte of a recording changed, any record, segment or session removed → exit 6.
. "$(dirname "$0")/../support/lab-test.sh"
lab_up
forward alice
psql_as alice -c 'select 1' -c "select 'two'" -c 'select 3' > /dev/null 2>&1
sshb alice sql orders-prod -c 'select 4' < /dev/null > /dev/null 2>&1
kill $forward_pid
sleep 1
lab_gateway_stop "$LAB"
chattr -R -a "$SP_STATE" 2> /dev/null
cp -a "$SP_STATE" "$LAB/good"
verify() { "$SP_BIN/sallyport" verify --all --dir "$1" --key "$LAB/good/log_ed25519_key.pub" > "$LAB/o" 2>&1; }
verify "$SP_STATE"
is "verify is green" $? 0
cat "$LAB/o" | sed 's/^/# /' | tail -1

flip() { # FILE OFFSET
    /usr/bin/python3 - "$1" "$2" <<'P'
import sys
f = open(sys.argv[1], 'r+b')
f.seek(int(sys.argv[2]))
b = f.read(1)
f.seek(int(sys.argv[2]))
f.write(bytes([b[0] ^ (1 << (int(sys.argv[2]) % 8))]))
P
}
bad=0 tried=0
for f in $(cd "$LAB/good" && find recordings log -type f | sort); do
    size=$(stat -c %s "$LAB/good/$f")
    step=$((size / 12 + 1))
    for off in $(seq 0 "$step" $((size - 1))) $((size - 1)); do
        flip "$SP_STATE/$f" "$off"
        verify "$SP_STATE"
        [ $? -eq 6 ] || {
            bad=$((bad + 1))
            echo "# byte $off of $f was not found"
        }
        cp -a "$LAB/good/$f" "$SP_STATE/$f"
        tried=$((tried + 1))
    done
done
is "each of $tried single-byte changes is found (missed)" "$bad" 0
# Truncation, removal of files and sessions.
first=$(ls "$LAB/good/recordings" | head -1)
for how in "truncate -s -1 F" "truncate -s 10 F" "rm -f F"; do
    for f in $(cd "$LAB/good" && find "recordings/$first" log -type f); do
        $(echo "${how/F/$SP_STATE/$f}")
        verify "$SP_STATE"
        is "$how on ${f##*/}" $? 6
        cp -a "$LAB/good/$f" "$SP_STATE/$f"
    done
done
rm -rf "$SP_STATE/recordings/$first"
verify "$SP_STATE"
is "a removed session" $? 6
cp -a "$LAB/good/recordings/$first" "$SP_STATE/recordings/$first"
mkdir "$SP_STATE/recordings/01AAAAAAAAAAAAAAAAAAAAAAAA" && cp -a "$LAB/good/recordings/$first"/* "$SP_STATE/recordings/01AAAAAAAAAAAAAAAAAAAAAAAA/"
verify "$SP_STATE"
is "an invented session" "$([ $? -ne 0 ] && echo found)" found
rm -rf "$SP_STATE/recordings/01AAAAAAAAAAAAAAAAAAAAAAAA"
verify "$SP_STATE"
is "and green again when put right" $? 0
if [ -e "$LAB_TOP/share/sallyport-verify.py" ]; then
    /usr/bin/python3 "$LAB_TOP/share/sallyport-verify.py" "$SP_STATE/recordings" "$SP_STATE/log" --key "$LAB/good/log_ed25519_key.pub" > "$LAB/o" 2>&1
    is "the independent verifier agrees" $? 0
    flip "$SP_STATE/recordings/$first/meta" 20
    /usr/bin/python3 "$LAB_TOP/share/sallyport-verify.py" "$SP_STATE/recordings" "$SP_STATE/log" --key "$LAB/good/log_ed25519_key.pub" > "$LAB/o" 2>&1
    is "also when a byte is changed" $? 6
fi

# The key and the checkpoint from outside: whole and of this gateway, or the verification fails.
key=$LAB/good/log_ed25519_key.pub ck=$LAB/good/log/checkpoint
checked() { # KEY CHECKPOINT → exit code
    "$SP_BIN/sallyport" verify --all --dir "$LAB/good" --key "$1" --checkpoint "$2" > "$LAB/o" 2>&1
    echo $?
}
cuts() { # FILE → how many of its proper prefixes pass as KEY or CHECKPOINT ("key" or "checkpoint")
    local n passed=0
    for n in $(seq 0 $(($(stat -c %s "$1") - 1))); do
        head -c "$n" "$1" > "$LAB/cut"
        if [ "$2" = key ]; then checked "$LAB/cut" "$ck"; else checked "$key" "$LAB/cut"; fi > "$LAB/rc"
        [ "$(cat "$LAB/rc")" = 6 ] && grep -q "^sallyport: verify: " "$LAB/o" || passed=$((passed + 1))
    done
    echo $passed
}
is "with the checkpoint from outside" "$(checked "$key" "$ck")" 0
is "every cut of the checkpoint is refused (passed)" "$(cuts "$ck" checkpoint)" 0
is "every cut of the key is refused (passed)" "$(cuts "$key" key)" 0
: > "$LAB/empty"
is "an empty checkpoint" "$(checked "$key" "$LAB/empty")" 6
check "  is called that" "cannot be used: it is empty" "$LAB/o"
is "an empty key" "$(checked "$LAB/empty" "$ck")" 6
(cat "$ck" && echo more) > "$LAB/more"
is "a checkpoint with something behind it" "$(checked "$key" "$LAB/more")" 6
(cat "$key" && cat "$key") > "$LAB/more"
is "a key with something behind it" "$(checked "$LAB/more" "$ck")" 6
is "a directory as checkpoint" "$(checked "$key" "$LAB")" 1
is "a directory as key" "$(checked "$LAB" "$ck")" 1
is "no such checkpoint" "$(checked "$key" "$LAB/none")" 1
is "no such key" "$(checked "$LAB/none" "$ck")" 1
ssh-keygen -q -t ed25519 -N '' -C other -f "$LAB/other"
is "another key" "$(checked "$LAB/other.pub" "$ck")" 6
sed '1s/.*/other.example.com/' "$ck" > "$LAB/foreign"
is "a checkpoint of another gateway" "$(checked "$key" "$LAB/foreign")" 6
cp -a "$LAB/good" "$LAB/keyless"
head -c 40 "$key" > "$LAB/keyless/log_ed25519_key.pub"
"$SP_BIN/sallyport" verify --all --dir "$LAB/keyless" > "$LAB/o" 2>&1
is "a damaged key in the state directory" $? 6
rm "$LAB/keyless/log_ed25519_key.pub"
"$SP_BIN/sallyport" verify --all --dir "$LAB/keyless" > "$LAB/o" 2>&1
is "no key at all" $? 1
# The independent verifier: the same files, in one process because it starts slowly.
/usr/bin/python3 - "$LAB_TOP/share/sallyport-verify.py" "$key" "$ck" "$LAB" > "$LAB/o" 2>&1 << 'P'
import contextlib, importlib.util, io, os, sys
spec = importlib.util.spec_from_file_location("v", sys.argv[1])
v = importlib.util.module_from_spec(spec)
spec.loader.exec_module(v)
key, ck, lab = sys.argv[2:5]
def run(k, c):
    sys.argv = ["v", "--key", k, "--checkpoint", c, lab + "/good/recordings", lab + "/good/log"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return v.main()
def put(data):
    with open(lab + "/pycut", "wb") as f:
        f.write(data)
    return lab + "/pycut"
kb, cb = open(key, "rb").read(), open(ck, "rb").read()
wrong = [("good", run(key, ck))] if run(key, ck) != 0 else []
wrong += [("key", n) for n in range(len(kb)) if run(put(kb[:n]), ck) != 6]
wrong += [("checkpoint", n) for n in range(len(cb)) if run(key, put(cb[:n])) != 6]
wrong += [(what, rc) for what, rc, want in (
    ("more key", run(put(kb + kb), ck), 6), ("more checkpoint", run(key, put(cb + b"more\n")), 6),
    ("other key", run(lab + "/other.pub", ck), 6), ("foreign", run(key, lab + "/foreign"), 6),
    ("binary key", run(put(b"\xff\xfe\n"), ck), 6), ("bad base64", run(put(b"ssh-ed25519 !!!!\n"), ck), 6),
    ("directory", run(lab, ck), 1), ("directory", run(key, lab), 1), ("none", run(key, lab + "/none"), 1)) if rc != want]
print(wrong)
P
is "the independent verifier refuses the same files" "$(cat "$LAB/o")" "[]"
lab_down
