#!/bin/bash
# Many sessions on one SSH connection: none leaves a descriptor behind, and when they end at once, also while they are
# still connecting, every recording is sealed and nobody is blamed.
. "$(dirname "$0")/../support/lab-test.sh"
lab_up
forward alice
sock=$LAB/sock-alice/.s.PGSQL.5432
[ -S "$sock" ] || sock=$(find "$LAB" -name '.s.PGSQL.*' | head -1)

# open N MODE: N sessions at once; "turn" ends each before the next begins, "hold" keeps them until it is killed,
# "rush" does not wait for the welcome
cat > "$LAB/open.py" << 'P'
import socket, struct, sys, time
path, n, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def start():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.settimeout(30)
    p = b"user\0app_rw\0database\0orders\0\0"
    s.sendall(struct.pack("!II", len(p) + 8, 196608) + p)
    return s
def welcome(s):
    b = b""
    while not b.endswith(b"Z\0\0\0\5I"):
        d = s.recv(65536)
        if not d:
            return 0
        b += d
    return 1
def end(s):
    s.sendall(b"X\0\0\0\4")
    while s.recv(65536):
        pass
    s.close()
up = 0
if mode == "turn":
    for _ in range(n):
        s = start()
        up += welcome(s)
        end(s)
else:
    open_ = [start() for _ in range(n)]
    up = sum(welcome(s) for s in open_) if mode == "hold" else n
print(up, flush=True)
if mode != "turn":
    time.sleep(60 if mode == "hold" else 0)
P
opened() { /usr/bin/python3 "$LAB/open.py" "$sock" "$@"; }

# The process of alice's connection: a grandchild of the gateway.
session_pid() {
    local listener p
    for listener in $(pgrep -P "$(cat "$SP_GATEWAY_PID_FILE")"); do
        for p in $(pgrep -P "$listener"); do
            tr '\0' ' ' < "/proc/$p/cmdline" | grep -q ': session' && echo "$p"
        done
    done | head -1
}
fds() { ls "/proc/$(session_pid)/fd" | wc -l; }

is "ten sessions, one after the other" "$(opened 10 turn)" 10
before=$(fds)
is "fifty more" "$(opened 50 turn)" 50
is "leave no descriptor behind" "$(fds)" "$before"

opened 40 hold > "$LAB/up" &
held=$!
for _ in $(seq 100); do
    [ -s "$LAB/up" ] && break
    sleep 0.1
done
is "forty at once" "$(cat "$LAB/up")" 40
kill -9 $held
wait $held 2> /dev/null
is "forty that are gone before they are welcome" "$(opened 40 rush)" 40
opened 20 rush > /dev/null
kill $forward_pid # in the middle of it
raw() { find "$SP_RECORDINGS" -name '*.rec' | wc -l; }
for _ in $(seq 200); do
    [ "$(raw)" = 0 ] && [ "$(grep -c ' session-start ' "$LAB/gateway.log")" = "$(grep -c ' session-end ' "$LAB/gateway.log")" ] && break
    sleep 0.1
done
is "every recording is sealed" "$(raw)" 0
check_not "and nothing is said not to be" "segment-not-sealed" "$LAB/gateway.log"
check_not "nor is a process blamed for having gone" "peer-violation" "$LAB/gateway.log"
lab_gateway_stop "$LAB"
"$SP_BIN/sallyport" verify --all --dir "$SP_STATE" --key "$SP_STATE/log_ed25519_key.pub" > "$LAB/o" 2>&1
is "verify is green" $? 0
lab_down
