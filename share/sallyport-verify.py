#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Independent verifier of recordings: needs nothing but Python's standard library and shares no code with the gateway.

    sallyport-verify.py --key KEY [--checkpoint FILE] RECORDINGS LOG

KEY is the log's key or a file that holds it: name+hash+base64, an SSH public key line or 64 hex digits; FILE is a
checkpoint that was kept outside.
It checks the checkpoint's Ed25519 signature, the root over all log entries, that the outside checkpoint is a prefix of the log,
gap-free session counters, every session's meta, chain, logged heads and end, and the SHA-256 of sealed files. The
content of sealed (zstd) segments is covered by that SHA-256; a sealed segment's chain is not unpacked here.
Exit code: 0 all verifies, 6 it does not, 1 something could not be read, 2 usage. Formats: doc/formats/.
"""
import argparse
import base64
import hashlib
import os
import re
import struct
import sys

SID = re.compile(r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")
SEGMENT = re.compile(r"^(\d{6})\.rec(\.zst)?$")


# ---- Ed25519 verification (RFC 8032 5.1) ----

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def point_add(a, b):
    x = (a[1] - a[0]) * (b[1] - b[0]) % P
    y = (a[1] + a[0]) * (b[1] + b[0]) % P
    z = 2 * a[3] * b[3] * D % P
    w = 2 * a[2] * b[2] % P
    e, f, g, h = y - x, w - z, w + z, y + x
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def point_mul(n, p):
    q = (0, 1, 1, 0)
    while n > 0:
        if n & 1:
            q = point_add(q, p)
        p = point_add(p, p)
        n >>= 1
    return q


def point_equal(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point_decompress(s):
    y = int.from_bytes(s, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else (0, y, 1, 0)
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P != 0:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P != 0:
        return None
    if (x & 1) != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point_decompress(bytes.fromhex("58" + "66" * 31))


def ed25519_verify(pub, msg, sig):
    a = point_decompress(pub)
    r = point_decompress(sig[:32])
    s = int.from_bytes(sig[32:], "little")
    if len(pub) != 32 or len(sig) != 64 or a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(sig[:32] + pub + msg).digest(), "little") % L
    return point_equal(point_mul(s, BASE), point_add(r, point_mul(k, a)))


# ---- msgpack, the part that recordings use ----

class Short(Exception):
    """The object goes on behind the end of the bytes."""


class Bad(Exception):
    """What is there is wrong; the text says how."""


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, n):
        if n > len(self.data) - self.at:
            raise Short
        self.at += n
        return self.data[self.at - n:self.at]

    def num(self, fmt):
        return struct.unpack(">" + fmt, self.take(struct.calcsize(fmt)))[0]

    def value(self, depth=0):
        if depth > 8:
            raise Bad("nested too deeply")
        t = self.num("B")
        if t < 0x80:
            return t
        if t >= 0xe0:
            return t - 256
        if t < 0x90:
            return self.map(t & 15, depth)
        if t < 0xa0:
            return self.array(t & 15, depth)
        if t < 0xc0:
            return self.text(t & 31)
        if t in SIMPLE:
            return SIMPLE[t]
        if t in NUMBERS:
            return self.num(NUMBERS[t])
        if t in (0xc4, 0xc5, 0xc6):
            return bytes(self.take(self.num("BHI"[t - 0xc4])))
        if t in (0xd9, 0xda, 0xdb):
            return self.text(self.num("BHI"[t - 0xd9]))
        if t in (0xdc, 0xdd):
            return self.array(self.num("HI"[t - 0xdc]), depth)
        if t in (0xde, 0xdf):
            return self.map(self.num("HI"[t - 0xde]), depth)
        raise Bad("not msgpack that a recording uses")

    def text(self, n):
        return bytes(self.take(n)).decode("utf-8", "surrogateescape")

    def array(self, n, depth):
        return [self.value(depth + 1) for _ in range(self.bounded(n))]

    def map(self, n, depth):
        pairs = [(self.value(depth + 1), self.value(depth + 1)) for _ in range(self.bounded(n))]
        if not all(isinstance(k, str) for k, _ in pairs) or len({k for k, _ in pairs}) != len(pairs):
            raise Bad("keys of a map")
        return dict(pairs)

    def bounded(self, n):
        if n > 65536:
            raise Bad("too many elements")
        if n > len(self.data) - self.at:
            raise Short
        return n


SIMPLE = {0xc0: None, 0xc2: False, 0xc3: True}
NUMBERS = {0xcc: "B", 0xcd: "H", 0xce: "I", 0xcf: "Q", 0xd0: "b", 0xd1: "h", 0xd2: "i", 0xd3: "q"}


def whole(data, what):
    """Exactly one map."""
    r = Reader(data)
    try:
        v = r.value()
    except Short:
        raise Bad(what + " is cut") from None
    if r.at != len(data) or not isinstance(v, dict):
        raise Bad(what + " is damaged")
    return v


def read_file(path):
    with open(path, "rb") as f:
        return f.read()


def sha256(data):
    return hashlib.sha256(data).digest()


# ---- checkpoints (C2SP signed notes) ----

def decode64(text, n, what):
    """Exactly n bytes, in the one way of writing them."""
    try:
        blob = base64.b64decode(text, validate=True)
    except ValueError:
        raise Bad(what) from None
    if len(blob) != n or base64.b64encode(blob) != text:
        raise Bad(what)
    return blob


def read_key(arg):
    """The key as text: what arg says, or the one line of the file that it names. A file ends with its newline, so that one
    that was cut short never passes for a whole one."""
    if not os.path.exists(arg):
        return arg
    data = read_file(arg)
    if not data:
        raise Bad("no usable key in %s: it is empty" % arg)
    if not data.endswith(b"\n"):
        raise Bad("no usable key in %s: it is cut short: it does not end with its newline" % arg)
    line = data[:-2] if data.endswith(b"\r\n") else data[:-1]
    if re.search(rb"[\0-\x1f\x7f]", line):
        raise Bad("no usable key in %s: it holds more than the one line of a key" % arg)
    return line.decode("utf-8", "surrogateescape")


def parse_key(text, log):
    """A verifier key (name+hash+base64); or an SSH public key line or 64 hex digits: then the log's own name is taken."""
    pub = None
    if text.startswith("ssh-ed25519 "):
        words = text.split()
        blob = decode64(words[1].encode("utf-8", "replace") if len(words) > 1 else b"", 51, "the key is not Ed25519")
        if blob[:19] != b"\0\0\0\x0bssh-ed25519\0\0\0\x20":
            raise Bad("the key is not Ed25519")
        pub = blob[19:]
    elif re.match(r"^[0-9a-fA-F]{64}$", text):
        pub = bytes.fromhex(text)
    if pub is not None:
        name = read_file(os.path.join(log, "checkpoint")).split(b"\n")[0]
        return name.decode("utf-8", "surrogateescape"), sha256(name + b"\n\x01" + pub)[:4], pub
    m = re.match(r"^([!-*,-~]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$", text)
    if not m:
        raise Bad("the key is not an SSH public key, name+hash+base64 or 64 hex digits")
    blob = decode64(m.group(3).encode(), 33, "the key is not Ed25519")
    if blob[0] != 1:
        raise Bad("the key is not Ed25519")
    ident = sha256(m.group(1).encode() + b"\n" + blob)[:4]
    if ident.hex() != m.group(2):
        raise Bad("the key does not match the hash that stands beside it")
    return m.group(1), ident, blob[1:]


def open_checkpoint(note, key):
    """Size and root of a checkpoint that carries a valid signature of key."""
    name, ident, pub = key
    cut = note.rfind(b"\n\n")
    body, sigs = note[:cut + 1], note[cut + 2:]
    lines = body.split(b"\n")
    if not note:
        raise Bad("it is empty")
    if cut < 0 or not sigs.endswith(b"\n") or len(lines) < 4:
        raise Bad("it is cut short or damaged")
    if lines[0] != name.encode("utf-8", "surrogateescape"):
        raise Bad("not a checkpoint of " + name)
    if not re.match(rb"^(0|[1-9][0-9]{0,18})$", lines[1]):
        raise Bad("size of a checkpoint")
    root = decode64(lines[2], 32, "root of a checkpoint")
    good = False
    for line in sigs.split(b"\n")[:-1]:
        m = re.match(rb"^\xe2\x80\x94 ([!-*,-~]+) ([A-Za-z0-9+/=]+)$", line)
        if not m:
            raise Bad("signature line of a checkpoint")
        try:
            blob = base64.b64decode(m.group(2), validate=True)
        except ValueError:
            raise Bad("signature line of a checkpoint") from None
        if m.group(1) != name.encode("utf-8", "surrogateescape") or blob[:4] != ident or len(blob) != 68:
            continue
        if base64.b64encode(blob) != m.group(2) or not ed25519_verify(pub, body, blob[4:]):
            raise Bad("signature of a checkpoint")
        good = True
    if not good:
        raise Bad("not signed by the given key")
    return int(lines[1]), root


# ---- the log ----

class Tree:
    """RFC 6962 root of a growing list."""

    def __init__(self):
        self.size, self.stack = 0, []

    def add(self, leaf):
        h, s = sha256(b"\0" + leaf), self.size
        while s & 1:
            h = sha256(b"\1" + self.stack.pop() + h)
            s >>= 1
        self.stack.append(h)
        self.size += 1

    def root(self):
        if not self.stack:
            return sha256(b"")
        h = self.stack[-1]
        for left in reversed(self.stack[:-1]):
            h = sha256(b"\1" + left + h)
        return h


class Session:
    def __init__(self, counter, meta_hash):
        self.counter, self.meta_hash = counter, meta_hash
        self.heads, self.seals, self.end, self.deleted = [], {}, None, False


class Verifier:
    def __init__(self, recordings, log, key, outside):
        self.recordings, self.log, self.key, self.outside = recordings, log, key, outside
        self.tree, self.sessions, self.roots = Tree(), {}, {}
        self.next_counter = 1
        self.problems = self.statements = self.crashed = self.packed = 0

    def tamper(self, text):
        self.problems += 1
        print(text)

    def note(self, text):
        print("note: " + text, file=sys.stderr)

    # -- leaves --

    def count(self, first, last):
        if first != self.next_counter:
            self.tamper("session number %d does not follow %d in the log" % (first, self.next_counter - 1))
        self.next_counter = max(self.next_counter, last + 1)

    def leaf(self, index, x):
        kind, sid = x.get("type"), x.get("sid", "")
        head = (x.get("seq", 0), x.get("bytes", 0), x.get("hash"))
        if kind == "start":
            if sid in self.sessions or not SID.match(sid):
                raise Bad("started twice or without an id")
            self.count(x.get("counter", 0), x.get("counter", 0))
            self.sessions[sid] = Session(x.get("counter", 0), x["hash"])
            return
        if kind == "gap":
            if x.get("counter"):
                self.count(x["counter"], max(x["counter"], x.get("last", 0)))
            return
        if kind not in ("progress", "end", "seal", "delete"):
            return
        if sid not in self.sessions:
            raise Bad("about a session that never started")
        s = self.sessions[sid]
        if kind == "progress":
            s.heads.append(head)
        elif kind == "end":
            if s.end:
                raise Bad("ended twice")
            s.end = head + (x.get("segment", 0), x.get("reason", ""))
        elif kind == "seal":
            s.seals[x["segment"]] = x
        else:
            s.deleted = True

    def read_log(self):
        wanted = {size for size, _ in self.checkpoints()}
        data = read_file(os.path.join(self.log, "entries"))
        at = 0
        self.roots[0] = self.tree.root()
        while len(data) - at >= 2:
            n = struct.unpack(">H", data[at:at + 2])[0]
            if n == 0 or n > len(data) - at - 2:
                break
            entry = data[at + 2:at + 2 + n]
            at += 2 + n
            try:
                self.leaf(self.tree.size, whole(entry, "entry"))
            except (Bad, Short, KeyError, TypeError) as e:
                self.tamper("log entry %d: %s" % (self.tree.size, e))
            self.tree.add(entry)
            if self.tree.size in wanted:
                self.roots[self.tree.size] = self.tree.root()
        rest = data[at:]
        if rest and rest.strip(b"\0") and rest[:2] == b"\0\0":
            self.tamper("the log is damaged behind entry %d" % self.tree.size)
        for (size, root), name in zip(self.checkpoints(), ("its checkpoint", "the checkpoint from outside")):
            if size > self.tree.size:
                self.tamper("the log has %d entries, %s says %d (cut or rolled back)" % (self.tree.size, name, size))
            elif self.roots[size] != root:
                self.tamper("the log does not match %s (edited or rewritten)" % name)

    def checkpoints(self):
        return [c for c in (self.own, self.outside) if c]

    def read_checkpoint(self):
        self.own = None
        try:
            self.own = open_checkpoint(read_file(os.path.join(self.log, "checkpoint")), self.key)
        except FileNotFoundError:
            self.tamper("the log's checkpoint is missing")
        except Bad as e:
            self.tamper("the log's checkpoint is not valid: %s" % e)

    # -- sessions --

    def records(self, data, state, name):
        """Walk raw records; state = [seq, bytes, hash]. Returns the number of bytes behind the last whole record."""
        at = 0
        while at < len(data):
            r = Reader(data, at)
            damaged = "%s: record %d is damaged" % (name, state[0] + 1)
            if data[at] != 0x95:
                if data[at:].strip(b"\0"):
                    raise Bad(damaged)
                return len(data) - at  # zeros: what a power cut leaves of a write
            try:
                v = r.value()
            except Short:
                return len(data) - at
            except Bad:
                raise Bad(damaged) from None
            raw = data[at:r.at]
            if raw[-34:-32] != b"\xc4\x20" or v[4] != raw[-32:] or not isinstance(v[3], dict):
                raise Bad(damaged)
            if v[0] != state[0] + 1 or sha256(state[2] + raw[1:-34]) != v[4]:
                raise Bad("%s: record %d does not match the chain" % (name, state[0] + 1))
            state[0], state[1], state[2] = v[0], state[1] + len(raw), v[4]
            self.statements += v[2] == 2
            self.heads[v[0]] = (v[0], state[1], v[4])
            at = r.at
        return 0

    def check_seals(self, s, path, files):
        for number, x in s.seals.items():
            name = "%06d.rec.zst" % number
            if name not in files:
                raise Bad("segment %d: the sealed file is missing" % number)
            data = read_file(os.path.join(path, name))
            if len(data) != x["bytes"] or sha256(data) != x["hash"]:
                raise Bad("segment %d: the sealed file is not the one that was logged" % number)

    def pass_sealed(self, sid, n, x, state):
        """Over a sealed segment by what its leaf says: its bytes were checked, its records need not be unpacked."""
        self.packed += 1
        if x is None:
            self.note("%s segment %d is sealed and that is not in the log: not checked" % (sid, n))
            return False
        if x.get("seq"):
            state[0], state[1], state[2] = x["seq"], state[1] + x["raw"], x["head"]
            self.heads[state[0]] = tuple(state)
        return True

    def check_end(self, s, state, torn, segments):
        if s.heads and s.heads[-1][0] > state[0]:
            raise Bad("cut after record %d; the log has seen %d" % (state[0], s.heads[-1][0]))
        if s.end is None:
            self.crashed += 1
            return
        self.crashed += s.end[4].startswith("crash")
        if tuple(state) != s.end[:3]:
            raise Bad("ends at record %d, not as logged at %d (cut, added or rewritten)" % (state[0], s.end[0]))
        if torn:
            raise Bad("%d bytes were added after the end" % torn)
        if s.end[3] and s.end[3] != segments:
            raise Bad("has %d segments; the log has %d" % (segments, s.end[3]))

    def check_session(self, sid, s):
        path = os.path.join(self.recordings, sid)
        if s.deleted:
            return
        if not os.path.isdir(path):
            raise Bad("the recording is gone, and no tombstone says why")
        files = set(os.listdir(path))
        if "meta" not in files:
            raise Bad("meta is missing")
        meta = read_file(os.path.join(path, "meta"))
        if sha256(meta) != s.meta_hash:
            raise Bad("meta is not the one that was logged")
        m = whole(meta, "meta")
        if m.get("sid") != sid or m.get("counter") != s.counter:
            raise Bad("meta names another session")
        self.check_seals(s, path, files)
        numbers = sorted({int(SEGMENT.match(f).group(1)) for f in files if SEGMENT.match(f)})
        if numbers != list(range(1, len(numbers) + 1)):
            raise Bad("a segment is missing")
        state, torn, self.heads = [0, 0, s.meta_hash], 0, {0: (0, 0, s.meta_hash)}
        known = True
        for n in numbers:
            raw = "%06d.rec" % n
            if torn:
                raise Bad("segment %d ends inside a record" % (n - 1))
            if raw in files and known:
                torn = self.records(read_file(os.path.join(path, raw)), state, "segment %d" % n)
            elif raw not in files:
                known = self.pass_sealed(sid, n, s.seals.get(n), state) and known
            else:
                self.note("%s segment %d: not checked, it follows a sealed one that the log does not know" % (sid, n))
        for h in s.heads:
            if h[0] in self.heads and self.heads[h[0]] != h:
                raise Bad("record %d is not the one that was logged" % h[0])
        if known:
            self.check_end(s, state, torn, len(numbers))
        elif s.end and s.end[3] and s.end[3] != len(numbers):
            raise Bad("has %d segments; the log has %d" % (len(numbers), s.end[3]))

    def check_extra(self, sid):
        path = os.path.join(self.recordings, sid)
        if any(SEGMENT.match(f) and os.path.getsize(os.path.join(path, f)) for f in os.listdir(path)):
            self.tamper("%s the recording is not in the log (added)" % sid)

    def run(self):
        present = sorted(f for f in os.listdir(self.recordings) if SID.match(f))
        self.read_checkpoint()
        self.read_log()
        for sid, s in self.sessions.items():
            try:
                self.check_session(sid, s)
            except (Bad, Short, KeyError, TypeError, IndexError) as e:
                self.tamper("%s %s" % (sid, e or type(e).__name__))
        for sid in present:
            if sid not in self.sessions:
                self.check_extra(sid)
        root = base64.b64encode(self.tree.root()).decode()
        print("%s %d sessions, %d statements in raw segments, %d sealed segments, log size %d, root %s; %d problems, "
              "%d not closed or crashed" % ("FAILED:" if self.problems else "verified", len(self.sessions),
                                            self.statements, self.packed, self.tree.size, root, self.problems,
                                            self.crashed))
        return 6 if self.problems else 0


def open_outside(path, key):
    try:
        return open_checkpoint(read_file(path), key)
    except Bad as e:
        raise Bad("the checkpoint from outside cannot be used: %s" % e) from None


def main():
    a = argparse.ArgumentParser(description="Verify recordings against the proof log.")
    a.add_argument("--key", required=True, help="verifier key or SSH public key of the log, or a file that holds it")
    a.add_argument("--checkpoint", help="a checkpoint that was kept outside")
    a.add_argument("recordings")
    a.add_argument("log")
    o = a.parse_args()
    try:
        key = parse_key(read_key(o.key), o.log)
        outside = open_outside(o.checkpoint, key) if o.checkpoint is not None else None
        return Verifier(o.recordings, o.log, key, outside).run()
    except Bad as e:
        print("sallyport-verify: %s" % e, file=sys.stderr)
        return 6
    except OSError as e:
        print("sallyport-verify: %s" % e, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
