# SPDX-License-Identifier: Apache-2.0
#
# A proof needs its key and its checkpoint: `verify` with an empty, truncated, foreign or meaningless one says so and never
# "verified".
import os
import shutil
import subprocess
import tempfile
import threading

from pglab import Skip, case

LOCK, READY = threading.Lock(), {}


def copied(t):
    """A copy of the state with a key and a checkpoint from outside, and a second log's."""
    with LOCK:
        if not READY:
            with t.gate() as p:
                p.simple("select 1")
            d = tempfile.mkdtemp(dir=os.environ["SP_LAB"])
            state = os.environ["SP_STATE"]
            for _ in range(5):
                shutil.rmtree(d + "/state", ignore_errors=True)
                subprocess.run(["cp", "-a", state, d + "/state"], stderr=subprocess.DEVNULL)
                if run(d, state + "/log_ed25519_key.pub", None)[0] == 0:
                    break
            READY["dir"], READY["key"] = d, state + "/log_ed25519_key.pub"
            name = next((os.path.join(r, f) for r, _, files in os.walk(d + "/state/log") for f in files if f == "checkpoint"), None)
            READY["checkpoint"] = name
        return READY["dir"], READY["key"], READY["checkpoint"]


def run(d, key, checkpoint):
    words = [os.environ["SP_BIN"] + "/sallyport", "verify", "--all", "--dir", d + "/state"]
    words += ["--key", key] if key else []
    words += ["--checkpoint", checkpoint] if checkpoint else []
    p = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return p.returncode, p.stdout


def made(data):
    f = tempfile.NamedTemporaryFile(dir=READY["dir"], delete=False)
    f.write(data)
    f.close()
    return f.name


def bytes_of(path):
    with open(path, "rb") as f:
        return f.read()


def refused(t, which, change):
    d, key, checkpoint = copied(t)
    if not checkpoint:
        raise Skip("this log has no checkpoint file")
    made_key = made(change(bytes_of(key))) if which == "key" else key
    made_checkpoint = made(change(bytes_of(checkpoint))) if which == "checkpoint" else checkpoint
    code, said = run(d, made_key, made_checkpoint)
    t.true("exit status", code not in (0, 7), (code, said))
    t.true("says nothing of verified", not said.startswith("verified") and "\nverified" not in said, said)


def foreign(data):
    """A good file of another log: of another key, or of another name."""
    if not data.startswith(b"ssh-"):
        return data.replace(b"lab", b"lob")
    d = tempfile.mkdtemp(dir=READY["dir"])
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", d + "/k"], stdin=subprocess.DEVNULL, check=True)
    return bytes_of(d + "/k.pub")


def swapped(data):
    middle = len(data) // 2
    return data[:middle] + bytes((data[middle] ^ 1,)) + data[middle + 1 :]


CHANGES = {
    "an empty": lambda b: b"", "a newline as": lambda b: b"\n", "zeros as": lambda b: b"\0" * len(b), "a halved": lambda b: b[: len(b) // 2], "a one line shorter": lambda b: b"\n".join(b.split(b"\n")[:-2]) + b"\n",
    "a one byte shorter": lambda b: b[:60] + b[61:], "another log's": foreign, "one changed bit in a": swapped, "spaces as": lambda b: b" " * 10, "words as": lambda b: b"verified\n",
    "the first line of a": lambda b: b.split(b"\n")[0] + b"\n" if b.count(b"\n") > 1 else b[:9], "one with a NUL as": lambda b: b[:5] + b"\0" + b[6:],
    "a commented": lambda b: b"# " + b,
}
for which in ("checkpoint", "key"):
    for what, change in CHANGES.items():
        case("proof", "%s %s" % (what, which))(lambda t, w=which, c=change: refused(t, w, c))


@case("proof", "a missing file is no proof")
def _(t):
    d, key, checkpoint = copied(t)
    for k, c in ((d + "/nowhere", checkpoint), (key, d + "/nowhere"), (key, "/dev/null"), ("/dev/null", checkpoint), (d, checkpoint), (key, d)):
        code, said = run(d, k, c)
        t.true("exit status with %s %s" % (k, c), code not in (0, 7), (code, said))


@case("proof", "the true key and checkpoint prove it")
def _(t):
    d, key, checkpoint = copied(t)
    code, said = run(d, key, checkpoint)
    t.true("verified", code == 0 and "verified" in said, (code, said))
