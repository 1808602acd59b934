# SPDX-License-Identifier: Apache-2.0
#
# Servers that misbehave as told, for tests of the fetcher: one HTTPS server (and one without TLS) with any number of
# "providers" below their own path. What is played here is HTTP going wrong and clocks running; the flows themselves are tested
# against real providers, too (tests/idp).
import base64
import hashlib
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse


def run(*argv, **kw):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kw)


class Tls:
    """A CA and certificates of it: file(NAME) = PEM with key and certificate."""

    def __init__(self, folder):
        self.dir = folder
        self.ca = os.path.join(folder, 'ca.pem')
        run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', self.ca + '.key', '-out', self.ca, '-days', '2', '-subj',
            '/CN=test CA', '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign')

    def pem(self):
        return open(self.ca, 'rb').read()

    def file(self, name, alt, days='2'):
        path = os.path.join(self.dir, name)
        run('openssl', 'req', '-newkey', 'rsa:2048', '-nodes', '-keyout', path + '.key', '-out', path + '.csr', '-subj', '/CN=' + name)
        with open(path + '.ext', 'w') as f:
            f.write('subjectAltName=%s\nextendedKeyUsage=serverAuth\n' % alt)
        run('openssl', 'x509', '-req', '-in', path + '.csr', '-CA', self.ca, '-CAkey', self.ca + '.key', '-CAcreateserial', '-days', days,
            '-extfile', path + '.ext', '-out', path + '.crt')
        with open(path, 'w') as f:
            f.write(open(path + '.key').read() + open(path + '.crt').read())
        return path


def b64(b):
    return base64.urlsafe_b64encode(b).rstrip(b'=').decode()


class Key:
    """An RSA key, its JWK, tokens signed with it (by the openssl command)."""

    def __init__(self, folder, kid):
        self.kid, self.file = kid, os.path.join(folder, 'jwt-' + kid)
        run('openssl', 'genrsa', '-out', self.file, '2048')
        out = subprocess.run(['openssl', 'rsa', '-in', self.file, '-noout', '-modulus'], capture_output=True, text=True).stdout
        n = bytes.fromhex(out.strip().split('=')[1])
        self.jwk = {'kty': 'RSA', 'kid': kid, 'use': 'sig', 'alg': 'RS256', 'n': b64(n), 'e': 'AQAB'}

    def token(self, claims, kid=None, alg='RS256'):
        text = b64(json.dumps({'alg': alg, 'kid': kid or self.kid}).encode()) + '.' + b64(json.dumps(claims).encode())
        if alg == 'none':
            return text + '.'
        sig = subprocess.run(['openssl', 'dgst', '-sha256', '-sign', self.file], input=text.encode(), capture_output=True).stdout
        return text + '.' + b64(sig)


class Provider:
    """Well-behaved until an entry of `pages` (path below the issuer -> function(request)) is replaced."""

    def __init__(self, server, name, key, host='localhost'):
        self.server, self.name, self.keys, self.client = server, name, [key], 'bastion'
        self.issuer = '%s://%s:%d/%s' % (server.scheme, host, server.port, name)
        self.log = []  # (monotonic time, path, form)
        self.decide = lambda code: 'authorization_pending'  # or a dict of claims, or another error
        self.device = {'interval': 1, 'expires_in': 600}
        self.key = key
        self.n = 0
        self.headers = {}
        self.codes = {}  # authorization code -> (challenge, claims)
        self.pages = {'/.well-known/openid-configuration': self.discovery, '/jwks': self.jwks, '/device': self.device_page, '/token': self.token}
        server.providers[name] = self

    def count(self, path, since=0.0):
        return len([1 for t, p, _ in self.log if p == path and t >= since])

    def times(self, path):
        return [t for t, p, _ in self.log if p == path]

    def doc(self):
        i = self.issuer
        return {'issuer': i, 'jwks_uri': i + '/jwks', 'token_endpoint': i + '/token', 'device_authorization_endpoint': i + '/device',
                'authorization_endpoint': i + '/auth'}

    def discovery(self, r):
        r.json(200, self.doc(), self.headers.get('discovery', {}))

    def jwks(self, r):
        r.json(200, {'keys': [k.jwk for k in self.keys]}, self.headers.get('jwks', {}))

    def device_page(self, r):
        self.n += 1
        a = {'device_code': 'device-code-%d' % self.n, 'user_code': 'CODE-%04d' % self.n, 'verification_uri': self.issuer + '/verify'}
        a.update(self.device)
        r.json(200, a)

    def claims(self, **more):
        now = int(time.time())
        c = {'iss': self.issuer, 'aud': self.client, 'sub': 'sub-1', 'iat': now, 'exp': now + 600, 'email': 'alice@example.com',
             'email_verified': True, 'groups': ['dba', 'dev']}
        c.update(more)
        return c

    def token(self, r):
        if 'code' in r.form:
            challenge, claims = self.codes.pop(r.form['code'], (None, None))
            verifier = r.form.get('code_verifier', '')
            good = challenge == b64(hashlib.sha256(verifier.encode()).digest())
            what = claims if good else 'invalid_grant'
        else:
            what = self.decide(r.form.get('device_code', ''))
        if isinstance(what, dict):
            r.json(200, {'access_token': 'x', 'token_type': 'Bearer', 'id_token': self.key.token(what)})
        else:
            r.json(400, {'error': what})


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    timeout = 60

    def send(self, status, body, headers=None):
        self.send_response(status)
        for k, v in (headers or {}).items():
            self.send_header(k, v)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def json(self, status, value, headers=None):
        h = {'Content-Type': 'application/json'}
        h.update(headers or {})
        self.send(status, json.dumps(value).encode(), h)

    def handle_any(self):
        name, _, rest = self.path.split('?')[0].lstrip('/').partition('/')
        n = int(self.headers.get('Content-Length') or 0)
        self.form = dict(urllib.parse.parse_qsl(self.rfile.read(n).decode())) if n else {}
        self.form['authorization'] = self.headers.get('Authorization', '')
        p = self.server.providers.get(name)
        if p is None:
            self.json(404, {})
            return
        p.log.append((time.monotonic(), '/' + rest, self.form))
        page = p.pages.get('/' + rest)
        if page is None:
            self.json(404, {})
        else:
            page(self)

    do_GET = do_POST = handle_any

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, pem=None, address='127.0.0.1', tls=None):
        super().__init__((address, 0), Handler)
        self.providers = {}
        self.port = self.server_address[1]
        self.scheme = 'https' if pem else 'http'
        self.open = 0
        self.most = 0
        self.lock = threading.Lock()
        self.context = None
        if pem:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            if tls:
                tls(self.context)
            self.context.load_cert_chain(pem)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def process_request_thread(self, request, client_address):
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        try:
            if self.context:
                request.settimeout(30)
                request = self.context.wrap_socket(request, server_side=True)
            super().process_request_thread(request, client_address)
        except (OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.open -= 1

    def handle_error(self, request, client_address):
        pass


def closed_port():
    s = socket.socket()
    s.bind(('127.0.0.1', 0))
    port = s.getsockname()[1]
    s.close()
    return port


# --- pages that go wrong ---

def hang(seconds=25):
    def page(r):
        time.sleep(seconds)
        r.close_connection = True
    return page


def trickle(r):
    r.send_response(200)
    r.send_header('Content-Length', '30000')
    r.end_headers()
    for _ in range(300):
        r.wfile.write(b' ' * 20)
        r.wfile.flush()
        time.sleep(0.1)


def oversize(n, chunked=False):
    def page(r):
        r.send_response(200)
        r.send_header(*(('Transfer-Encoding', 'chunked') if chunked else ('Content-Length', str(n))))
        r.end_headers()
        r.close_connection = True
        for _ in range(0, n, 1024):
            r.wfile.write(b'400\r\n' + b' ' * 1024 + b'\r\n' if chunked else b' ' * 1024)
    return page


def redirect(to, status=302):
    return lambda r: r.send(status, b'', {'Location': to})


def cut(r):
    r.send_response(200)
    r.send_header('Content-Length', '1000')
    r.end_headers()
    r.wfile.write(b'{')
    r.close_connection = True


def many_headers(r):
    r.send_response(200)
    for i in range(90):
        r.send_header('X-Filler-%d' % i, 'x' * 900)
    r.send_header('Content-Length', '2')
    r.end_headers()
    r.wfile.write(b'{}')
