#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An ssh-agent that lies: it stands in front of a real one and spoils the answers to signature requests.

Usage: badagent.py SOCKET REAL-SOCKET MODE
  honest     passes everything on
  bit        flips a bit of the signature
  key        signs with another key of the real agent
  message    signs something else
  sha1       takes the flags away: RSA with SHA-1
  sha256     other flags: rsa-sha2-256
  garbage    answers with noise
  huge       announces 4 GiB
  empty      announces nothing
  short      ends inside the answer
  close      ends instead of an answer
  failure    refuses
  twice      answers twice
  hang       never answers
  hang-list  never says which keys it has
"""
import os
import socket
import struct
import sys
import threading
import time

LIST, SIGN = 11, 13


def string(b):
    return struct.pack('>I', len(b)) + b


def take(b, at):
    n, = struct.unpack_from('>I', b, at)
    return b[at + 4:at + 4 + n], at + 4 + n


def exactly(s, n):
    out = b''
    while len(out) < n:
        got = s.recv(n - len(out))
        if not got:
            raise EOFError
        out += got
    return out


def message(s):
    return exactly(s, struct.unpack('>I', exactly(s, 4))[0])


def ask(real, msg):
    real.sendall(string(msg))
    return message(real)


def other_key(real, key):
    msg = ask(real, bytes([LIST]))
    at = 5
    for _ in range(struct.unpack_from('>I', msg, 1)[0]):
        blob, at = take(msg, at)
        _, at = take(msg, at)
        if blob != key:
            return blob
    raise EOFError


def request(real, mode, msg):
    """The request as the real agent gets it."""
    key, at = take(msg, 1)
    data, _ = take(msg, at)
    flags, = struct.unpack('>I', msg[-4:])
    if mode == 'key':
        key = other_key(real, key)
    elif mode == 'message':
        data = data[:-1]
    elif mode in ('sha1', 'sha256'):
        flags = 0 if mode == 'sha1' else 2
    return bytes([SIGN]) + string(key) + string(data) + struct.pack('>I', flags)


def answer(s, mode, msg):
    if mode == 'bit':
        msg = msg[:-9] + bytes([msg[-9] ^ 1]) + msg[-8:]
    whole = {
        'garbage': string(os.urandom(200)),
        'huge': b'\xff\xff\xff\xff' + msg,
        'empty': b'\0\0\0\0',
        'short': string(msg)[:20],
        'close': b'',
        'failure': string(b'\x05'),
        'twice': string(msg) * 2,
    }.get(mode, string(msg))
    s.sendall(whole)
    if mode in ('short', 'close'):
        raise EOFError


def serve(s, path, mode):
    real = socket.socket(socket.AF_UNIX)
    real.connect(path)
    try:
        while True:
            msg = message(s)
            if mode == 'hang' and msg[0] == SIGN or mode == 'hang-list' and msg[0] == LIST:
                time.sleep(3600)
            if msg[0] == SIGN:
                answer(s, mode, ask(real, request(real, mode, msg)))
            else:
                s.sendall(string(ask(real, msg)))
    except (EOFError, OSError):
        pass
    finally:
        s.close()
        real.close()


def main():
    path, real, mode = sys.argv[1:]
    os.umask(0o077)
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)
    while True:
        s, _ = listener.accept()
        threading.Thread(target=serve, args=(s, real, mode), daemon=True).start()


main()
