# SPDX-License-Identifier: Apache-2.0
#
# What a PostgreSQL server says it ran (its JSON log under log_statement = all) against what a recording says was sent. The
# server is the witness: each statement of its log has its record, in order, with its text and parameters, sent and not held;
# what is recorded as done is in the log.
import json
import re
import struct
import time

import recording

STATEMENT = re.compile(r"(statement|execute fetch from|execute) ?([^:]*): (.*)", re.S)


class Ran:
    """One line of the server's log about a statement."""

    __slots__ = ("again", "name", "text", "detail", "at")

    def __init__(self, entry):
        how, self.name, self.text = STATEMENT.fullmatch(entry["message"]).groups()
        self.again, self.detail, self.at = how == "execute fetch from", entry.get("detail", ""), entry["timestamp"]

    def __repr__(self):
        return "%s%s" % (self.text[:200], " [%s]" % self.detail[:120] if self.detail else "")


class Log:
    """The growing log; lines(pid) gives what is new of one backend."""

    def __init__(self, path):
        self.file = open(path, "rb")
        self.file.seek(0, 2)
        self.rest = b""

    def until(self, pid, last, seconds=10):
        """Entries of a backend up to the statement that contains `last`."""
        found, mark, end = [], b'"pid":%d,' % pid, time.monotonic() + seconds
        while time.monotonic() < end:
            data = self.file.read()
            lines = (self.rest + data).split(b"\n")
            self.rest = lines.pop()
            for line in lines:
                if mark in line:
                    entry = json.loads(line)
                    if entry["error_severity"] == "LOG" and STATEMENT.fullmatch(entry.get("message", "")):
                        found.append(entry)
            if found and last in found[-1]["message"]:
                return found
            if not data:
                time.sleep(0.005)
        raise RuntimeError("the server's log does not say %r" % last)


def session_of(entries):
    return next(e["application_name"].split(":")[1] for e in entries if e.get("application_name", "").startswith("sallyport:"))


def logged_values(detail):
    """Parameters as the server wrote them: a list of texts, None for NULL."""
    if not detail.startswith("parameters: "):
        return []
    values = re.findall(r"\$\d+ = (?:(NULL)|'((?:[^']|'')*)')(?:, |$)", detail[12:])
    return [None if null else text.replace("''", "'") for null, text in values]


def recorded_values(record):
    """The same from a recording; binary values of four bytes are integers here."""
    return [str(struct.unpack("!i", v)[0]) if isinstance(v, bytes) and len(v) == 4 else v.decode("utf8", "replace") if isinstance(v, bytes) else v
            for v in recording.parameters(record)]


class Sent:
    """A statement record (or one of the gateway's own), and how it ended."""

    __slots__ = ("record", "text", "own", "tags", "state", "sent", "verdict", "used", "bound")

    def __init__(self, record):
        self.record, self.own, self.bound = record, record.type == recording.OWN, ()
        sql = record.data.get("sql", b"")
        self.text = sql.decode("utf8", "replace") if isinstance(sql, bytes) else sql
        self.sent, self.verdict = self.own or record.data.get("sent", False), record.data.get("verdict", "")
        self.tags, self.state, self.used = [], "", False


def sent_of(path):
    """Statements of a recording in order, with their ends; and the ids of requests that were approved."""
    by_seq, order, approved, binds = {}, [], set(), {}
    for r in recording.records(path):
        if r.type == recording.STATEMENT and r.data.get("proto") == "bind":
            binds.setdefault(r.data.get("sql"), []).append(recorded_values(r))  # a Bind that went ahead of its Execute has the parameters
        elif r.type == recording.OWN or r.type == recording.STATEMENT and r.data.get("proto") not in ("parse", "bind"):
            s = by_seq[r.seq] = Sent(r)
            s.bound = () if "n" in r.data else tuple(binds.get(r.data.get("sql"), ()))
            order.append(s)
        elif r.type == recording.RESULT:
            s = by_seq.get(int(r.data.get("stmt", 0)))
            if s:
                s.tags += [r.data["tag"]] if r.data.get("tag") else []
                s.state = r.data.get("sqlstate", s.state)
        elif r.type == recording.DECISION and r.data.get("state") == "approved":
            approved.add(int(r.data.get("stmt", 0)))
    return order, approved


def same(ran, sent):
    if not (ran.text == sent.text or ran.name and len(sent.text) > 9 and sent.text.strip() in ran.text):
        return False  # a name made by SQL's PREPARE has the text of the whole Query for the server
    values = logged_values(ran.detail)
    return sent.own or ran.again or values in sent.bound or not ran.detail.startswith("parameters: ") or values == recorded_values(sent.record)


def differences(entries, path):
    """What the two say differently: a list of sentences, empty when all is well."""
    wrong, at = [], 0
    sent, approved = sent_of(path)
    for entry in entries:
        ran = Ran(entry)
        if not ran.text:  # an empty Query, or the portal that a failed one left behind: nothing runs
            continue
        hit = next((i for i in range(at, len(sent)) if same(ran, sent[i])), None)
        if hit is None:
            if ran.again and any(same(ran, s) for s in sent):
                continue
            near = next((s for s in sent if s.text == ran.text), None)
            how = "was never recorded" if near is None else "was recorded with other parameters %r" % recorded_values(near.record) if not same(ran, near) else "was recorded elsewhere in the order"
            wrong.append("ran, but %s: %r" % (how, ran))
            continue
        s = sent[hit]
        s.used, at = True, hit + 1
        if not s.sent:
            wrong.append("ran, but is recorded as not sent (%s): %r" % (s.verdict, ran))
        elif s.verdict in ("hold", "deny") and s.record.seq not in approved:
            wrong.append("ran, though its verdict is %s: %r" % (s.verdict, ran))
    for s in sent:
        done = [t for t in s.tags if not t.startswith("(")]  # "(suspended)", "(not run: ...)"
        if done and not s.used and not s.own and s.text.strip(" ;\n"):
            wrong.append("is recorded as done (%s) and never ran: %r" % (", ".join(done), s.text[:200]))
    return wrong


def show(entries, path):
    """Both sides, for a person."""
    for entry in entries:
        print("    log  %r" % Ran(entry))
    for r in recording.records(path):
        print("    rec  %r" % r)
