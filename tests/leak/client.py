"""A small PostgreSQL client for the non-interference test: sends scripts to several servers at once and keeps every message.

A script is a list of steps, each a list: ["Q", sql], ["P", name, sql], ["B", portal, name, values, result formats],
["D", "S" or "P", name], ["E", portal, rows], ["C", "S" or "P", name], ["H"], ["S"].
"""
import os
import re
import select
import socket
import struct
import subprocess
import time

SIDES = ('a', 'b', 'c')


def msg(kind, body=b''):
    return kind + struct.pack('!i', len(body) + 4) + body


def z(text):
    return text.encode('utf-8') + b'\0'


def encode_bind(portal, name, values, formats):
    b = z(portal) + z(name) + struct.pack('!hh', 0, len(values))
    for v in values:
        if v is None:
            b += struct.pack('!i', -1)
        else:
            v = v.encode('utf-8')
            b += struct.pack('!i', len(v)) + v
    return b + struct.pack('!h', len(formats)) + b''.join(struct.pack('!h', f) for f in formats)


def encode(step):
    k = step[0]
    if k == 'Q':
        return msg(b'Q', z(step[1]))
    if k == 'P':
        return msg(b'P', z(step[1]) + z(step[2]) + b'\0\0')
    if k == 'B':
        return msg(b'B', encode_bind(step[1], step[2], step[3], step[4]))
    if k in 'DC':
        return msg(k.encode(), step[1].encode() + z(step[2]))
    if k == 'E':
        return msg(b'E', z(step[1]) + struct.pack('!i', step[2]))
    return msg(k.encode())


def ready_count(script):
    return sum(s[0] in 'QS' for s in script)


def error_fields(body):
    return {chr(f[0]): f[1:].decode('utf-8', 'replace') for f in body.split(b'\0') if f}


# ---- what is not the database's answer: names and numbers of the gateway, times ----

NORMAL = [(re.compile(p), r) for p, r in (
    (rb'request=\w*', b'request='), (rb'session=\w*', b'session='), (rb'policy=\d+', b'policy='), (rb'\brequest \w{8,16}\b', b'request'),
    (rb'\bapprove \w{8,16}\b', b'approve'), (rb'\bleak-[abc]\b', b'leak'))]
TIMES = [(re.compile(p), r) for p, r in (
    (rb'time=[0-9.]+(\.\.[0-9.]+)?', b'time'), (rb'(Planning|Execution) Time: [0-9.]+ ms', rb'\1'), (rb'"(Planning|Execution|Actual [A-Za-z]+) Time": [0-9.]+', rb'\1'))]
HELD = ('SP001', 'SP002', 'SP003', 'SP004')


def normal(kind, body):
    if kind in b'EN':
        f = error_fields(body)
        if f.get('C') in HELD or 'undecided requests' in f.get('M', ''):
            return (kind, b'HELD')
        if f.get('M', '').startswith('held: '):
            return None
        for p, r in NORMAL:
            body = p.sub(r, body)
    elif kind == b'A':
        body = body[4:]
    elif kind == b'D' and (b'ime' in body):
        for p, r in TIMES:
            body = p.sub(r, body)
    return (kind, body)


class Answer:
    """The messages of one script from one side."""
    __slots__ = ('raw', 'lost')

    def __init__(self):
        self.raw = []
        self.lost = False

    def normal(self):
        return [m for m in (normal(k, b) for k, b in self.raw) if m is not None]

    def codes(self):
        return [error_fields(b).get('C', '') for k, b in self.raw if k == b'E']

    def held(self):
        return any(m == (b'E', b'HELD') for m in self.normal())

    def rows(self):
        return sum(k in (b'D', b'd') for k, _ in self.raw)

    def show(self, most=6):
        out, rows = [], 0
        for k, b in self.normal():
            if k == b'D':
                rows += 1
                if rows <= most:
                    out.append('row ' + ' | '.join(row_values(b))[:200])
            elif k in (b'E', b'N') and b != b'HELD':
                f = error_fields(b)
                out.append('%s %s %s%s' % (k.decode(), f.get('C', ''), f.get('M', '')[:160], ' D:' + f['D'][:80] if 'D' in f else ''))
            elif k == b'E':
                out.append('held')
            elif k == b'C':
                out.append('tag ' + b[:-1].decode('utf-8', 'replace'))
            elif k not in (b'Z', b'1', b'2', b'3', b'n', b't', b'T'):
                out.append('%s %r' % (k.decode(), b[:100]))
        if self.lost:
            out.append('connection lost')
        return out


def row_values(body):
    n = struct.unpack('!h', body[:2])[0]
    at, out = 2, []
    for _ in range(n):
        size = struct.unpack('!i', body[at:at + 4])[0]
        at += 4
        if size < 0:
            out.append('NULL')
        else:
            out.append(body[at:at + size].decode('utf-8', 'backslashreplace'))
            at += size
    return out


class Lost(Exception):
    pass


class Conn:
    def __init__(self, where, database, params=None, user='app_rw'):
        if isinstance(where, str):
            self.s = socket.socket(socket.AF_UNIX)
            self.s.settimeout(20)
            self.s.connect(where)
        else:
            self.s = socket.create_connection(('127.0.0.1', where), timeout=20)
        p = {'user': user, 'database': database, 'application_name': 'leak'}
        p.update(params or {})
        b = struct.pack('!i', 196608) + b''.join(z(k) + z(v) for k, v in p.items()) + b'\0'
        self.s.sendall(struct.pack('!i', len(b) + 4) + b)
        self.buf = bytearray()
        self.out = b''
        self.want = []  # (Answer, ready messages to come)
        self.start = Answer()
        self.want.append([self.start, 1])
        while self.want:
            self.read()
        self.s.setblocking(False)

    def read(self):
        try:
            d = self.s.recv(262144)
        except BlockingIOError:
            return
        except OSError as e:
            raise Lost(str(e))
        if not d:
            raise Lost('closed: %s' % (self.want[0][0].show() if self.want else ''))
        self.buf += d
        at, n = 0, len(self.buf)
        while n - at >= 5:
            size = int.from_bytes(self.buf[at + 1:at + 5], 'big')
            if n - at < size + 1:
                break
            kind = bytes(self.buf[at:at + 1])
            if self.want:
                head = self.want[0]
                head[0].raw.append((kind, bytes(self.buf[at + 5:at + 1 + size])))
                if kind == b'Z':
                    head[1] -= 1
                    if head[1] == 0:
                        self.want.pop(0)
            at += size + 1
        del self.buf[:at]

    def push(self, scripts):
        """Queues scripts; returns their answers, which fill as run() goes on."""
        got = []
        for s in scripts:
            a = Answer()
            got.append(a)
            self.want.append([a, ready_count(s)])
            self.out += b''.join(encode(x) for x in s)
        return got

    def write(self):
        try:
            n = self.s.send(self.out[:65536])
            self.out = self.out[n:]
        except BlockingIOError:
            pass
        except OSError as e:
            raise Lost(str(e))

    def close(self):
        self.s.close()


def drive(conns, seconds=60):
    """Moves bytes until every connection has its answers. Raises Lost."""
    end = time.monotonic() + seconds
    while True:
        busy = [c for c in conns if c.want or c.out]
        if not busy:
            return
        r, w, _ = select.select([c.s for c in busy], [c.s for c in busy if c.out], [], 5)
        for c in busy:
            if c.s in w:
                c.write()
            if c.s in r:
                c.read()
        if time.monotonic() > end:
            raise Lost('no answer in %d s' % seconds)


class Rig:
    """Forwards through the gateway to each side for one worker."""

    def __init__(self, lab, name, sides=SIDES):
        self.lab = lab
        self.sides = sides
        self.dir = os.path.join(os.path.dirname(lab['ssh_config']), 'fwd-' + name)
        os.makedirs(self.dir, exist_ok=True)
        args = ['ssh', '-F', lab['ssh_config'], '-N', '-o', 'ExitOnForwardFailure=yes']
        for s in sides:
            path = os.path.join(self.dir, s)
            if os.path.exists(path):
                os.unlink(path)
            args += ['-L', '%s:leak-%s:5432' % (path, s)]
        self.args = args + [lab['host']]
        self.ssh = None
        self.connects = 0
        self.open_ssh()

    def open_ssh(self):
        self.close()
        for s in self.sides:
            path = os.path.join(self.dir, s)
            if os.path.exists(path):
                os.unlink(path)
        self.ssh = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.connects = 0
        for _ in range(200):
            if all(os.path.exists(os.path.join(self.dir, s)) for s in self.sides):
                return
            if self.ssh.poll() is not None:
                break
            time.sleep(0.05)
        raise Lost('no forward')

    def connect(self, side, database, params=None):
        self.connects += 1
        if self.connects > 300:
            self.open_ssh()
        for again in range(3):
            try:
                return Conn(os.path.join(self.dir, side), database, params)
            except (Lost, OSError):
                if again == 2:
                    raise Lost('cannot connect to %s' % side)
                time.sleep(0.3)
                if self.ssh.poll() is not None:
                    self.open_ssh()

    def close(self):
        if self.ssh is not None and self.ssh.poll() is None:
            self.ssh.terminate()
            self.ssh.wait()


def run_once(rig, sides, database, script, params=None):
    """A script alone in fresh sessions; returns an Answer of each side."""
    conns, answers = [], []
    for s in sides:
        c = rig.connect(s, database, params)
        conns.append(c)
        answers.append(c.push([script])[0])
    try:
        drive(conns)
    except Lost:
        for c, a in zip(conns, answers):
            a.lost = bool(c.want)
    for c in conns:
        c.close()
    return answers
