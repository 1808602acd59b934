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
lab_down
