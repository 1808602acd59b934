# SPDX-License-Identifier: Apache-2.0
#
# A small PostgreSQL v3 client that says exactly what a test wants said: messages are built one by one, collected and sent
# together or apart. It knows nothing of the gateway, judges nothing and hides nothing; the Python standard library only.
#
#   c = Conn(host, port, user, db)            TCP, or Conn("/dir/.s.PGSQL.5432", ...) for a unix socket
#   c = Conn.url(os.environ["SP_PG_DIRECT"])  the server itself, with SCRAM
#   c.simple("select 1").rows                 one Query up to ReadyForQuery
#   c.ext("select $1", ["x"])                 Parse, Bind, Describe, Execute, Sync
#   c.parse(...).bind(...).execute().sync()   builds only; c.flush_out() sends; c.until_ready() reads one answer
#   Reply: rows, tags, errors, notices, types (the message types in order), status ('I', 'T', 'E', or None when cut off)
import base64
import hashlib
import hmac
import os
import re
import socket
import struct
import time
import urllib.parse


class Closed(Exception):
    """The server ended the connection."""


def msg(kind, body=b""):
    return kind.encode() + struct.pack("!i", len(body) + 4) + body


def raw(text):
    return text if isinstance(text, bytes) else text.encode()


def fields(body):
    """Fields of an ErrorResponse or NoticeResponse by letter."""
    return {chr(f[0]): f[1:].decode("utf8", "replace") for f in body.split(b"\0") if f}


def row_of(body):
    """Cells of a DataRow: bytes, None for NULL."""
    (n,), at, cells = struct.unpack_from("!h", body), 2, []
    for _ in range(n):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        cells.append(None if size < 0 else body[at : at + size])
        at += max(size, 0)
    return cells


def columns_of(body):
    """Columns of a RowDescription: (name, table oid, attribute number, type oid, type size, type modifier, format)."""
    (n,), at, cols = struct.unpack_from("!h", body), 2, []
    for _ in range(n):
        end = body.index(b"\0", at)
        cols.append((body[at:end].decode("utf8", "replace"),) + struct.unpack_from("!IhIhih", body, end + 1))
        at = end + 19
    return cols


# --- messages, as bytes -------------------------------------------------------------------------------------------------


def query(sql):
    return msg("Q", raw(sql) + b"\0")


def parse(sql, name="", types=()):
    return msg("P", raw(name) + b"\0" + raw(sql) + b"\0" + struct.pack("!h%dI" % len(types), len(types), *types))


def bind(portal="", name="", values=(), formats=(), results=()):
    parts = [raw(portal), b"\0", raw(name), b"\0", struct.pack("!h%dh" % len(formats), len(formats), *formats), struct.pack("!h", len(values))]
    for v in values:
        parts.append(struct.pack("!i", -1) if v is None else struct.pack("!i", len(raw(v))) + raw(v))
    parts.append(struct.pack("!h%dh" % len(results), len(results), *results))
    return msg("B", b"".join(parts))


def describe(kind, name=""):
    return msg("D", kind.encode() + raw(name) + b"\0")


def execute(portal="", limit=0):
    return msg("E", raw(portal) + b"\0" + struct.pack("!i", limit))


def close(kind, name=""):
    return msg("C", kind.encode() + raw(name) + b"\0")


SYNC, FLUSH, TERMINATE = msg("S"), msg("H"), msg("X")


class Reply:
    """What came up to one ReadyForQuery (or whatever ended the reading)."""

    def __init__(self):
        self.messages, self.rows, self.tags, self.errors, self.notices = [], [], [], [], []
        self.columns, self.copied, self.parameters, self.status = None, b"", [], None

    def add(self, kind, body):
        self.messages.append((kind, body))
        if kind == "D":
            self.rows.append(row_of(body))
        elif kind == "E":
            self.errors.append(fields(body))
        elif kind == "N":
            self.notices.append(fields(body))
        elif kind == "C":
            self.tags.append(body[:-1].decode())
        elif kind == "T":
            self.columns = columns_of(body)
        elif kind == "d":
            self.copied += body
        elif kind == "S":
            self.parameters.append(tuple(body.decode().split("\0")[:2]))
        elif kind == "Z":
            self.status = body.decode()

    @property
    def types(self):
        return "".join(kind for kind, _ in self.messages)

    @property
    def text(self):
        """The rows as text, cells parted by |, rows by newlines."""
        return "\n".join("|".join("NULL" if c is None else c.decode("utf8", "backslashreplace") for c in r) for r in self.rows)

    @property
    def error(self):
        """SQLSTATE and message of the first error, or ''."""
        return "%s %s" % (self.errors[0].get("C"), self.errors[0].get("M")) if self.errors else ""

    @property
    def state(self):
        return self.errors[0].get("C", "") if self.errors else ""

    @property
    def request(self):
        """The id of the request for approval that this answer names, or None."""
        for f in self.notices + self.errors:
            found = re.search(r"request[ =](\w+)", " ".join(f.values()))
            if found:
                return found.group(1)
        return None

    def everything(self):
        """All bytes that a client got, to search for what must not be there."""
        return b"\n".join(body for _, body in self.messages)

    def __repr__(self):
        return "Reply(%s %s %r %r)" % (self.types, self.tags, self.error, self.text[:200])


class Conn:
    def __init__(self, host, port=5432, user="app_rw", db="orders", password="", parameters=None, timeout=20, start=True):
        self.address = (host, int(port))
        self.password, self.timeout = password, timeout
        self.sock, self.buf, self.out = self._connect(), bytearray(), []
        self.at, self.pid, self.key, self.user = 0, 0, 0, user
        self.started = None
        if start:
            self.startup({"user": user, "database": db, "application_name": "wire", **(parameters or {})})

    @classmethod
    def url(cls, url, **more):
        u = urllib.parse.urlparse(url)
        return cls(u.hostname, u.port or 5432, u.username, u.path[1:], password=u.password or "", **more)

    def _connect(self):
        host, port = self.address
        if not host.startswith("/"):
            s = socket.create_connection((host, port), self.timeout)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return s
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(self.timeout)
        s.connect(host)
        return s

    def startup(self, parameters):
        body = struct.pack("!i", 196608) + b"".join(raw(k) + b"\0" + raw(v) + b"\0" for k, v in parameters.items()) + b"\0"
        self.sock.sendall(struct.pack("!i", len(body) + 4) + body)
        self.started = Reply()
        while True:
            kind, body = self.read()
            if kind == "R":
                self._authenticate(body)
                continue
            if kind == "K":
                self.pid, self.key = struct.unpack("!ii", body)
            self.started.add(kind, body)
            if kind == "Z":
                return
            if kind == "E":
                raise Closed(self.started.error)

    def _authenticate(self, body):
        (what,) = struct.unpack_from("!i", body)
        if what == 3:
            self.sock.sendall(msg("p", raw(self.password) + b"\0"))
        elif what == 10:
            self._nonce = base64.b64encode(os.urandom(18)).decode()
            first = "n=,r=" + self._nonce
            self._first = first
            data = raw("n,," + first)
            self.sock.sendall(msg("p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(data)) + data))
        elif what == 11:
            self.sock.sendall(msg("p", self._scram(body[4:].decode())))

    def _scram(self, server):
        said = dict(part.split("=", 1) for part in server.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", raw(self.password), base64.b64decode(said["s"]), int(said["i"]))
        mac = lambda key, text: hmac.new(key, text, hashlib.sha256).digest()
        last = "c=biws,r=" + said["r"]
        client = mac(salted, b"Client Key")
        signature = mac(hashlib.sha256(client).digest(), raw(",".join((self._first, server, last))))
        proof = bytes(a ^ b for a, b in zip(client, signature))
        return raw(last + ",p=" + base64.b64encode(proof).decode())

    # --- sending: the builders collect, flush_out sends

    def put(self, *messages):
        self.out.extend(messages)
        return self

    def query(self, sql):
        return self.put(query(sql))

    def parse(self, sql, name="", types=()):
        return self.put(parse(sql, name, types))

    def bind(self, portal="", name="", values=(), formats=(), results=()):
        return self.put(bind(portal, name, values, formats, results))

    def describe(self, kind, name=""):
        return self.put(describe(kind, name))

    def execute(self, portal="", limit=0):
        return self.put(execute(portal, limit))

    def close_name(self, kind, name=""):
        return self.put(close(kind, name))

    def sync(self):
        return self.put(SYNC)

    def flush(self):
        return self.put(FLUSH)

    def flush_out(self):
        data, self.out = b"".join(self.out), []
        if data:
            self.sock.sendall(data)
        return self

    # --- receiving

    def _need(self, n):
        while len(self.buf) - self.at < n:
            if self.at > 1 << 16:
                del self.buf[: self.at]
                self.at = 0
            got = self.sock.recv(1 << 17)
            if not got:
                raise Closed("the server closed the connection")
            self.buf += got

    def read(self):
        """One message: its type and its body. TimeoutError, Closed."""
        self._need(5)
        (size,) = struct.unpack_from("!i", self.buf, self.at + 1)
        self._need(size + 1)
        kind, body = chr(self.buf[self.at]), bytes(self.buf[self.at + 5 : self.at + 1 + size])
        self.at += size + 1
        if self.at == len(self.buf):
            self.buf.clear()
            self.at = 0
        return kind, body

    def until(self, kinds="Z", reply=None, timeout=None):
        """Reads up to a message of one of the kinds; what ended the reading early stands in reply.messages as '!'."""
        reply = Reply() if reply is None else reply
        if timeout is not None:
            self.sock.settimeout(timeout)
        try:
            while True:
                kind, body = self.read()
                reply.add(kind, body)
                if kind in kinds:
                    return reply
        except (TimeoutError, Closed, ConnectionError) as e:
            reply.messages.append(("!", raw(repr(e))))
            return reply
        finally:
            if timeout is not None:
                self.sock.settimeout(self.timeout)

    def until_ready(self, timeout=None):
        self.flush_out()
        return self.until("Z", timeout=timeout)

    def until_request(self, timeout=10):
        """Reads up to the notice that names a request; its id, or None when something else ended the reading."""
        self.flush_out()
        reply, end = Reply(), time.monotonic() + timeout
        while time.monotonic() < end:
            self.until("NEZ", reply, timeout)
            if reply.request or reply.messages[-1][0] in "EZ!":
                break
        return reply.request

    # --- whole exchanges

    def simple(self, sql, timeout=None):
        return self.query(sql).until_ready(timeout)

    def ext(self, sql, values=(), types=(), formats=(), results=(), timeout=None):
        return self.parse(sql, "", types).bind("", "", values, formats, results).describe("P").execute().sync().until_ready(timeout)

    def batch(self, *messages, replies=1, timeout=None):
        """Sends all at once, reads that many ReadyForQuery; a list of replies."""
        self.put(*messages).flush_out()
        return [self.until("Z", timeout=timeout) for _ in range(replies)]

    def value(self, sql):
        """The first cell of a query as text; raises when it failed."""
        reply = self.simple(sql)
        if reply.errors:
            raise RuntimeError("%s: %s" % (sql, reply.error))
        return None if not reply.rows or reply.rows[0][0] is None else reply.rows[0][0].decode()

    def cancel(self):
        with self._connect() as s:
            s.sendall(struct.pack("!iiii", 16, 80877102, self.pid, self.key))
            s.settimeout(2)
            try:
                s.recv(1)
            except (TimeoutError, ConnectionError):
                pass

    def close(self):
        try:
            self.sock.sendall(TERMINATE)
        except OSError:
            pass
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
