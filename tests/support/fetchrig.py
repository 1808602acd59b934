# SPDX-License-Identifier: Apache-2.0
#
# Drives sallyport-fetch over its socket, as the monitor does: just enough MessagePack, the process, its messages.
import os
import select
import signal
import socket
import struct
import subprocess
import time

OK, FAIL = 1, 2
BLOCK, APPLY, DEVICE, BROWSER, CODE, CANCEL, TOKEN, RESULT = 110, 111, 112, 113, 114, 115, 116, 120


def pack(v):
    if v is None:
        return b'\xc0'
    if v is True or v is False:
        return b'\xc3' if v else b'\xc2'
    if isinstance(v, int):
        return struct.pack('>Bq', 0xd3, v) if v < 0 else struct.pack('>BQ', 0xcf, v)
    if isinstance(v, bytes):
        return struct.pack('>BI', 0xc6, len(v)) + v
    if isinstance(v, str):
        b = v.encode('utf-8', 'surrogateescape')
        return struct.pack('>BI', 0xdb, len(b)) + b
    if isinstance(v, (list, tuple)):
        return struct.pack('>BI', 0xdd, len(v)) + b''.join(pack(x) for x in v)
    return struct.pack('>BI', 0xdf, len(v)) + b''.join(pack(k) + pack(x) for k, x in v.items())


class Reader:
    def __init__(self, b):
        self.b, self.at = b, 0

    def take(self, n):
        self.at += n
        return self.b[self.at - n:self.at]

    def num(self, fmt):
        return struct.unpack('>' + fmt, self.take(struct.calcsize(fmt)))[0]

    def value(self):
        t = self.num('B')
        if t < 0x80:
            return t
        if t >= 0xe0:
            return t - 256
        if t & 0xf0 == 0x80:
            return self.pairs(t & 15)
        if t & 0xf0 == 0x90:
            return [self.value() for _ in range(t & 15)]
        if t & 0xe0 == 0xa0:
            return self.take(t & 31).decode('utf-8', 'surrogateescape')
        simple = {0xc0: None, 0xc2: False, 0xc3: True}
        if t in simple:
            return simple[t]
        ints = {0xcc: 'B', 0xcd: 'H', 0xce: 'I', 0xcf: 'Q', 0xd0: 'b', 0xd1: 'h', 0xd2: 'i', 0xd3: 'q'}
        if t in ints:
            return self.num(ints[t])
        sizes = {0xc4: 'B', 0xc5: 'H', 0xc6: 'I', 0xd9: 'B', 0xda: 'H', 0xdb: 'I', 0xdc: 'H', 0xdd: 'I', 0xde: 'H', 0xdf: 'I'}
        n = self.num(sizes[t])
        if t <= 0xc6:
            return self.take(n)
        if t <= 0xdb:
            return self.take(n).decode('utf-8', 'surrogateescape')
        return [self.value() for _ in range(n)] if t <= 0xdd else self.pairs(n)

    def pairs(self, n):
        out = {}
        for _ in range(n):
            k = self.value()
            out[k] = self.value()
        return out


class Fetcher:
    """One process; messages that are not the answer being waited for are kept."""

    def __init__(self, program, log, args=(), uid=None):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        logfd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

        def child():
            a, b = os.dup(theirs.fileno()), os.dup(logfd)
            while a <= 4 or b <= 4:  # clear of the places that they get
                a, b = os.dup(a), os.dup(b)
            os.dup2(a, 3)
            os.dup2(b, 4)
            os.closerange(5, 256)
            if uid is not None:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)

        env = {'PATH': '/usr/bin:/bin', 'HOME': '/nonexistent', 'LC_ALL': 'C.UTF-8'}
        if 'ASAN_OPTIONS' in os.environ:
            env['ASAN_OPTIONS'] = os.environ['ASAN_OPTIONS']
        self.p = subprocess.Popen([program, '--helper=0:0:1:0'] + list(args), preexec_fn=child, close_fds=False, env=env,
                                  stdin=subprocess.DEVNULL)
        theirs.close()
        os.close(logfd)
        self.last = 0
        self.kept = []

    def send(self, t, **keys):
        self.last += 1
        m = {'t': t, 'i': self.last}
        m.update(keys)
        self.sock.send(pack(m))
        return self.last

    def receive(self, seconds):
        r, _, _ = select.select([self.sock], [], [], max(0, seconds))
        if not r:
            return None
        d = self.sock.recv(200000)
        return Reader(d).value() if d else {'t': 0, 'i': -1}

    def wait(self, test, seconds=15):
        """The first message for which test is true, or None."""
        until = time.monotonic() + seconds
        for m in self.kept:
            if test(m):
                self.kept.remove(m)
                return m
        while True:
            m = self.receive(until - time.monotonic())
            if m is None or m['t'] == 0:
                return None
            if test(m):
                return m
            self.kept.append(m)

    def answer(self, call, seconds=15):
        return self.wait(lambda m: m['i'] == call, seconds)

    def call(self, t, seconds=15, **keys):
        return self.answer(self.send(t, **keys), seconds)

    def result(self, login, seconds=30):
        return self.wait(lambda m: m['i'] == 0 and m['t'] == RESULT and m.get('login') == login, seconds)

    def configure(self, gen, *blocks):
        base = {'kind': 'person', 'client_id': 'bastion', 'secret': b'', 'scopes': ['openid', 'email'], 'user_claim': '/email',
                'groups_claim': '/groups', 'person_claim': '', 'algs': [], 'claims': [], 'audience': '', 'ca': b'', 'allow_http': False}
        for b in blocks:
            x = dict(base)
            x.update(b)
            a = self.call(BLOCK, gen=gen, **x)
            if a is None or a['t'] != OK:
                return a
        return self.call(APPLY, gen=gen)

    def status(self, pid=None):
        return dict(line.split(':', 1) for line in open('/proc/%d/status' % (pid or self.p.pid)).read().splitlines() if ':' in line)

    def rss_kib(self):
        return int(self.status()['VmRSS'].split()[0])

    def sockets(self):
        n = 0
        for fd in os.listdir('/proc/%d/fd' % self.p.pid):
            try:
                n += os.readlink('/proc/%d/fd/%s' % (self.p.pid, fd)).startswith('socket:')
            except OSError:
                pass
        return n

    def children(self):
        out = subprocess.run(['pgrep', '-P', str(self.p.pid)], capture_output=True, text=True).stdout.split()
        return [int(x) for x in out]

    def close(self, seconds=5):
        """Its exit status, None when it had to be killed."""
        self.sock.close()
        try:
            return self.p.wait(seconds)
        except subprocess.TimeoutExpired:
            self.p.send_signal(signal.SIGKILL)
            self.p.wait()
            return None
