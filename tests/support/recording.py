# SPDX-License-Identifier: Apache-2.0
#
# Reads recordings as doc/formats/recording.md describes them, without the program that wrote them: msgpack and the chain,
# nothing of the product. Sealed segments need the program zstd. Python standard library only.
#
#   for r in records(dir): r.seq, r.type, r.data (a dict), r.us (monotonic), r.wall (seconds since 1970)
#   parameters(r) -> [None | str | bytes, ...] of a statement record
import os
import struct
import subprocess

START, STATEMENT, DECISION, RESULT, ERROR, NOTICE, COPY, OWN, OUTPUT, INPUT, RESIZE, ANCHOR, GAP, END, CANCEL, PROTOCOL = range(1, 17)


class Record:
    __slots__ = ("seq", "us", "type", "data", "wall")

    def __init__(self, seq, us, kind, data, wall):
        self.seq, self.us, self.type, self.data, self.wall = seq, us, kind, data, wall

    def __repr__(self):
        return "%d %s %r" % (self.seq, self.type, self.data)


class Cut(Exception):
    """The bytes end in the middle of a value."""


SIZED = {0xC4: ("!B", bytes), 0xC5: ("!H", bytes), 0xC6: ("!I", bytes), 0xD9: ("!B", str), 0xDA: ("!H", str), 0xDB: ("!I", str)}
NUMBERS = {0xCC: "!B", 0xCD: "!H", 0xCE: "!I", 0xCF: "!Q", 0xD0: "!b", 0xD1: "!h", 0xD2: "!i", 0xD3: "!q", 0xCA: "!f", 0xCB: "!d"}
LISTS = {0xDC: ("!H", 1), 0xDD: ("!I", 1), 0xDE: ("!H", 2), 0xDF: ("!I", 2)}


def text_of(data, kind):
    return bytes(data) if kind is bytes else bytes(data).decode("utf8", "surrogateescape")


def unpack(b, at):
    """One msgpack value at an offset: (value, offset behind it)."""
    if at >= len(b):
        raise Cut
    c = b[at]
    at += 1
    if c < 0x80:
        return c, at
    if c >= 0xE0:
        return c - 256, at
    if c in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[c], at
    if 0xA0 <= c < 0xC0:
        return sized(b, at, c & 31, str)
    if c < 0xA0:
        return listed(b, at, c & 15, 1 if c >= 0x90 else 2)
    form, kind = SIZED.get(c) or (NUMBERS.get(c) or LISTS[c][0], None)
    size = struct.calcsize(form)
    if at + size > len(b):
        raise Cut
    (n,) = struct.unpack_from(form, b, at)
    at += size
    if kind:
        return sized(b, at, n, kind)
    return (n, at) if c in NUMBERS else listed(b, at, n, LISTS[c][1])


def sized(b, at, n, kind):
    if at + n > len(b):
        raise Cut
    return text_of(b[at : at + n], kind), at + n


def listed(b, at, n, each):
    items = []
    for _ in range(n * each):
        v, at = unpack(b, at)
        items.append(v)
    return (items if each == 1 else dict(zip(items[::2], items[1::2]))), at


def segments(path):
    """The uncompressed bytes of each segment, in order."""
    names = sorted({n[:6] for n in os.listdir(path) if n[6:] in (".rec", ".rec.zst")})
    for n in names:
        raw = os.path.join(path, n + ".rec")
        try:
            with open(raw, "rb") as f:
                yield f.read()
        except FileNotFoundError:
            yield subprocess.run(["zstd", "-dcq", raw + ".zst"], stdout=subprocess.PIPE, check=True).stdout


def records(path):
    offset = None
    for data in segments(path):
        at = 0
        while at < len(data):
            try:
                (seq, us, kind, payload, _), at = unpack(data, at)
            except Cut:
                return
            if kind == ANCHOR:
                offset = int(payload["wall_us"]) - us
            yield Record(seq, us, kind, payload, (us + (offset or 0)) / 1e6)


def parameters(record):
    b, at, values = record.data.get("params", b""), 0, []
    for _ in range(int(record.data.get("n", 0))):
        v, at = unpack(b, at)
        values.append(v)
    return values
