# SPDX-License-Identifier: Apache-2.0
#
# The program sallyport-fetch, driven over its socket as the monitor does. 
# Usage: fetcher_test.py PROGRAM FOLDER ISSUER-OF-A-REAL-PROVIDER-OR-NOTHING [TEST ...]
import os
import socket
import ssl
import subprocess
import sys
import time
import traceback
import urllib.parse
import warnings

from badidp import Key, Provider, Server, Tls, closed_port, cut, hang, many_headers, oversize, redirect, trickle
from fetchrig import APPLY, BROWSER, CANCEL, CODE, DEVICE, FAIL, OK, TOKEN, Fetcher

program, folder = sys.argv[1], sys.argv[2]
log_path = os.path.join(folder, 'log')
uid = 65534 if os.getuid() == 0 else None
SECRET = b'a-client-secret-that-nobody-may-see'
sanitized = b'__asan_init' in open(program, 'rb').read()
warnings.simplefilter('ignore', DeprecationWarning)  # old TLS, on purpose
bad = 0


def ok(text, good, detail=''):
    global bad
    if good:
        print('ok - ' + text, flush=True)
    else:
        bad += 1
        print('not ok - %s: %r' % (text, detail), flush=True)


def says(text, answer, *words):
    """A failure whose words are these."""
    good = answer is not None and (answer['t'] == FAIL or answer.get('ok') is False) and all(w in answer['text'] for w in words)
    ok(text, good, answer)


def start(*args):
    open(log_path, 'a').close()
    os.chmod(log_path, 0o666)
    return Fetcher(program, log_path, args, uid)


def block(p, name=None, **more):
    b = {'name': name or p.name, 'issuer': p.issuer, 'secret': SECRET, 'ca': tls.pem()}
    b.update(more)
    return b


def wait_until(test, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if test():
            return True
        time.sleep(0.05)
    return test()


# --- what does not work says why ---

def test_refusals():
    """One login for each way in which a provider can go wrong, all at the same time: some of them take the full 10 s."""
    doc = '/.well-known/openid-configuration'
    cases = {}

    def case(name, *words, **more):
        p = Provider(more.pop('server', web), name, key, more.pop('host', 'localhost'))
        cases[name] = (p, words, more)
        return p

    case('other-issuer', 'calls itself', 'not the configured issuer').issuer = web_url('other-issuer/')
    cases['other-issuer'][0].doc = lambda: {'issuer': web_url('other-issuer'), 'jwks_uri': web_url('other-issuer/jwks')}
    case('not-there', 'HTTP 404').pages.pop(doc)
    case('not-json', 'discovery document').pages[doc] = lambda r: r.send(200, b'<html>')
    case('large', 'too large').pages[doc] = oversize(65 * 1024)
    case('large-chunked', 'too large').pages[doc] = oversize(1024 * 1024, True)
    case('headers', 'too large').pages[doc] = many_headers
    case('cut', 'did not give a whole answer').pages[doc] = cut
    case('hang', 'did not answer within 10 s').pages[doc] = hang()
    case('trickle', 'did not answer within 10 s').pages[doc] = trickle
    p = case('redirect-host', 'redirect')
    p.pages[doc] = redirect('https://127.0.0.1:%d/elsewhere%s' % (web.port, doc))
    p = case('redirect-scheme', 'redirect', allow_http=True)
    p.pages[doc] = redirect('http://localhost:%d/plain%s' % (plain.port, doc))
    p = case('redirect-loop', 'redirect')
    p.pages[doc] = redirect('/redirect-loop' + doc)
    p = case('redirect-post', 'redirect')
    p.pages['/device'] = redirect('/redirect-post/other', 307)
    p.pages['/other'] = p.device_page
    case('no-device', 'does not offer the device flow').doc = lambda: {'issuer': web_url('no-device'), 'jwks_uri': web_url('x')}
    case('http-endpoint', 'not https').doc = lambda: {'issuer': web_url('http-endpoint'), 'jwks_uri': 'http://localhost/x'}
    case('refuses', 'invalid_client').pages['/device'] = lambda r: r.json(401, {'error': 'invalid_client'})
    case('wrong-ca', 'TLS certificate cannot be trusted', ca=other_tls.pem())
    case('system-ca', 'TLS certificate cannot be trusted', ca=b'')
    case('wrong-name', 'TLS certificate cannot be trusted', server=named)
    case('expired', 'TLS certificate cannot be trusted', server=expired)
    case('old-tls', 'no TLS connection', server=old)
    case('http', 'not https', server=plain)
    case('no-port', 'no connection to https://localhost:').issuer = 'https://localhost:%d' % closed_port()
    silent = socket.create_server(('127.0.0.1', 0))
    case('no-handshake', 'did not answer within 5 s').issuer = 'https://localhost:%d' % silent.getsockname()[1]
    case('no-name', 'cannot be resolved').issuer = 'https://no-such-host.invalid/x'
    p = case('not-loopback', 'not https', allow_http=True)
    p.issuer = 'http://%s:%d/plain' % (socket.gethostname(), plain.port)

    f = start()
    ok('blocks are taken', f.configure(1, *[block(p, n, **more) for n, (p, _, more) in cases.items()])['t'] == OK)
    t = time.monotonic()
    calls = {n: f.send(DEVICE, login=n, block=n) for n in cases}
    for n in cases:
        a = f.answer(calls[n], 30)
        says('refused: ' + n, a, *cases[n][1])
        if a is not None and a.get('hint', '') == '' and n in ('hang', 'no-port', 'wrong-ca', 'redirect-host'):
            ok('  with a hint', False, a)
    ok('  within 10 s each, side by side', time.monotonic() - t < 25, time.monotonic() - t)
    ok('  no redirect was followed to another place', not cases['redirect-post'][0].count('/other'))
    says('an unknown block', f.call(DEVICE, login='x', block='nobody'), 'not configured')
    a = f.call(99)
    says('an unknown message', a, 'does not know')
    says('a message without what it needs', f.call(DEVICE), 'malformed')
    text = open(log_path).read()
    ok('the log has address and detail', 'url=https://localhost:%d/hang/.well-known' % web.port in text and 'idp-request-failed' in text)
    ok('the process ends with its socket', f.close() == 0)


def web_url(path):
    return 'https://localhost:%d/%s' % (web.port, path)


def own_address():
    """Where the machine's name leads: on an installed Debian 127.0.1.1, in a container the address of its interface."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return '127.0.0.1'


def test_names():
    """A name that is neither literal nor localhost goes through the resolver process."""
    host = socket.gethostname()
    p = Provider(by_name, 'named', key, host)
    f = start()
    f.configure(1, block(p))
    a = f.call(DEVICE, login='n', block='named')
    ok('a name of /etc/hosts is resolved', a is not None and a['t'] == OK, a)
    kids = f.children()
    ok('the resolver is a process of its own', len(kids) == 1, kids)
    os.kill(kids[0], 9)
    ok('without it the fetcher ends, to be started again', wait_until(lambda: f.p.poll() is not None) and f.p.returncode == 1, f.p.returncode)
    f.close()


def test_allowed_redirect():
    p = Provider(web, 'moved', key)
    doc = '/.well-known/openid-configuration'
    p.pages[doc] = redirect('/moved/new')
    p.pages['/new'] = p.discovery
    q = Provider(plain, 'plain', key)
    f = start()
    f.configure(1, block(p), block(q, allow_http=True))
    ok('a redirect on the same server is followed', f.call(DEVICE, login='a', block='moved')['t'] == OK)
    ok('http to this machine, when it is allowed', f.call(DEVICE, login='b', block='plain')['t'] == OK)
    f.close()


# --- the device flow ---

def test_device():
    p = Provider(web, 'device', key)
    f = start()
    f.configure(1, block(p))
    a = f.call(DEVICE, login='d1', block='device')
    ok('a code for the person', a['t'] == OK and a['user_code'] == 'CODE-0001' and a['uri'] == p.issuer + '/verify' and a['expires_s'] == 600, a)
    says('a login begins once', f.call(DEVICE, login='d1', block='device'), 'begun already')
    p.decide = lambda code: p.claims()
    r = f.result('d1')
    ok('the person is known', r is not None and r['ok'] and (r['block'], r['iss'], r['sub'], r['user'], r['groups']) ==
       ('device', p.issuer, 'sub-1', 'alice@example.com', ['dba', 'dev']) and len(r['token']) == 32, r)
    ok('  by HTTP Basic, not in the form', p.log[-2][2].get('client_secret') is None and
       any(x[1] == '/token' and x[2]['authorization'].startswith('Basic ') for x in p.log))
    p.decide = lambda code: 'access_denied'
    f.call(DEVICE, login='d2', block='device')
    says('a refusal at the provider', f.result('d2'), 'refused at the provider')
    p.decide = lambda code: 'expired_token'
    f.call(DEVICE, login='d3', block='device')
    says('a code that expired there', f.result('d3'), 'expired')
    p.decide = lambda code: 'authorization_pending'
    p.device = {'interval': 1, 'expires_in': 3}
    t = time.monotonic()
    f.call(DEVICE, login='d4', block='device')
    says('a code that expires here', f.result('d4'), 'expired')
    ok('  when it should', 2.5 < time.monotonic() - t < 8, time.monotonic() - t)
    p.device = {'interval': 1, 'expires_in': 600}
    f.call(DEVICE, login='d5', block='device')
    wait_until(lambda: p.count('/token', t) >= 1)
    f.send(CANCEL, login='d5')
    time.sleep(0.3)
    n = p.count('/token')
    time.sleep(2)
    ok('a cancelled login is not polled', p.count('/token') == n)
    for name, claims, words in [('aud', {'aud': 'other'}, ('aud',)), ('iss', {'iss': 'https://other'}, ('iss',)), ('exp', {'exp': 1}, ('expired',)),
                                ('mail', {'email_verified': False}, ('e-mail',))]:
        p.decide = lambda code, c=claims: p.claims(**c)
        f.call(DEVICE, login='c-' + name, block='device')
        r = f.result('c-' + name)
        ok('a token with a wrong %s is refused' % name, r is not None and r['ok'] is False, r)
    f.close()


def test_polling():
    """The provider's wishes: slow_down counts for good, illness doubles the wait."""
    slow, ill = Provider(web, 'slow', key), Provider(web, 'ill', key)
    answers = iter(['authorization_pending', 'slow_down', 'authorization_pending', 'authorization_pending'])
    slow.decide = lambda code: next(answers, 'access_denied')
    state = {'n': 0}

    def sick(r):
        state['n'] += 1
        if state['n'] <= 2:
            r.json(500, {'oops': 1})
        else:
            ill.token(r)
    ill.pages['/token'] = sick
    ill.decide = lambda code: 'access_denied'
    f = start()
    f.configure(1, block(slow), block(ill))
    f.call(DEVICE, login='slow', block='slow')
    f.call(DEVICE, login='ill', block='ill')
    says('a login survives a provider that is ill for a moment', f.result('ill', 30), 'refused')
    t = ill.times('/token')
    gaps = [b - a for a, b in zip(t, t[1:])]
    ok('  waits doubled: %s' % ' '.join('%.1f' % g for g in gaps), len(gaps) == 2 and gaps[0] >= 1.9 and gaps[1] >= 3.8 and gaps[1] < 12, gaps)
    f.result('slow', 60)
    t = slow.times('/token')
    gaps = [b - a for a, b in zip(t, t[1:])]
    ok('slow_down adds 5 s for good: %s' % ' '.join('%.1f' % g for g in gaps),
       len(gaps) >= 3 and 0.9 <= gaps[0] < 4 and all(5.8 <= g < 10 for g in gaps[1:]), gaps)
    f.close()


def test_generations():
    a, b = Provider(web, 'gen-a', key), Provider(web, 'gen-b', key)
    f = start()
    f.configure(1, block(a), block(b))
    for login, name in [('ga', 'gen-a'), ('gb', 'gen-b')]:
        f.call(DEVICE, login=login, block=name)
    f.configure(2, block(a), block(b, client_id='another'))
    r = f.result('gb', 5)
    says('a login of a block that changed ends', r, 'has just changed')
    ok('  it is asked to begin again', r is not None and 'begin the login again' in r['hint'], r)
    a.decide = lambda code: a.claims()
    r = f.result('ga', 10)
    ok('a login of a block that did not change goes on', r is not None and r['ok'], r)
    f.call(APPLY, gen=3)
    says('a block that is gone is unknown', f.call(DEVICE, login='gc', block='gen-a'), 'not configured')
    f.close()


def in_memory(pid, text):
    n = 0
    with open('/proc/%d/maps' % pid) as maps, open('/proc/%d/mem' % pid, 'rb', 0) as mem:
        for line in maps:
            where, perms = line.split()[:2]
            if not perms.startswith('rw'):
                continue
            lo, hi = (int(x, 16) for x in where.split('-'))
            if hi - lo > 1 << 30:  # a sanitizer's
                continue
            try:
                mem.seek(lo)
                n += mem.read(hi - lo).count(text)
            except OSError:
                pass
    return n


def test_secret():
    p = Provider(web, 'secret', key)
    f = start()
    first, second = b'the-first-secret-0001', b'the-second-secret-0002'
    f.configure(1, block(p, secret=first))
    try:
        there = in_memory(f.p.pid, first)
    except OSError:
        print('skip - the memory of another process cannot be read here')
        f.close()
        return
    ok('the secret is in the process, once', there == 1, there)
    f.configure(2, block(p, secret=second))
    ok('a replaced secret is wiped', in_memory(f.p.pid, first) == 0 and in_memory(f.p.pid, second) >= 1,
       (in_memory(f.p.pid, first), in_memory(f.p.pid, second)))
    ok('  the resolver has none', all(in_memory(k, second) == 0 for k in f.children()))
    f.close()


# --- the browser flow ---

def browse(f, p, login, **more):
    a = f.call(BROWSER, login=login, block=p.name, redirect_uri='https://gw.example/cb', state='the-state')
    q = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(a['url']).query)) if a['t'] == OK else {}
    p.codes['code-' + login] = (q.get('code_challenge'), p.claims(nonce=q.get('nonce'), **more))
    return a, q


def test_browser():
    p = Provider(web, 'browser', key)
    f = start()
    f.configure(1, block(p))
    a, q = browse(f, p, 'b1')
    ok('the address for the browser', a['t'] == OK and a['url'].startswith(p.issuer + '/auth?') and q['state'] == 'the-state' and
       q['response_type'] == 'code' and q['code_challenge_method'] == 'S256' and q['redirect_uri'] == 'https://gw.example/cb' and
       q['client_id'] == 'bastion' and len(q['nonce']) == 43, a)
    ok('the code is taken', f.call(CODE, login='b1', code='code-b1')['t'] == OK)
    r = f.result('b1')
    ok('  and gives the person', r is not None and r['ok'] and r['user'] == 'alice@example.com', r)
    says('a code is exchanged once', f.call(CODE, login='b1', code='code-b1'), 'does not wait')
    browse(f, p, 'b2')
    p.codes['code-b2'] = (p.codes['code-b2'][0], p.claims(nonce='another'))
    f.call(CODE, login='b2', code='code-b2')
    says('a token with another nonce', f.result('b2'), 'nonce')
    browse(f, p, 'b3')
    p.codes['code-b3'] = ('x', {})
    f.call(CODE, login='b3', code='code-b3')
    says('a code of somebody else (PKCE)', f.result('b3'), 'invalid_grant')
    says('a code for a device login', f.call(CODE, login='none', code='x'), 'does not wait')
    f.close()


# --- tokens of jobs ---

def test_tokens():
    p = Provider(web, 'jobs', key)
    aud = 'ssh://gw/SHA256:abc'
    kinds = {'client_id': '', 'user_claim': '/sub'}
    f = start('refetch-ms=3000')
    f.configure(1, block(p, 'people', client_id=aud), block(p, 'deploy', kind='service', claims=['/repository_id=1'], **kinds),
                block(p, 'other', kind='service', claims=['/repository_id=2'], **kinds),
                block(p, 'fixed', kind='agent', claims=['/repository_id=3'], audience='sallyport', person_claim='/actor', **kinds))

    def hand_in(**claims):
        alg, kid = claims.pop('alg', 'RS256'), claims.pop('kid', None)
        return f.call(TOKEN, token=key.token(p.claims(**dict({'aud': aud}, **claims)), kid, alg).encode(), audience=aud)
    a = hand_in(repository_id=1)
    ok('a job is known by its token', a['t'] == OK and a['block'] == 'deploy' and a['user'] == 'sub-1' and a['once'] is False, a)
    a = hand_in(repository_id=2)
    ok('  another block of the same issuer by its claims', a['t'] == OK and a['block'] == 'other', a)
    a = hand_in(repository_id=3, aud='sallyport', actor='alice')
    ok('  an agent with a fixed audience is to be remembered', a['t'] == OK and a['block'] == 'fixed' and a['once'] is True and a['person'] == 'alice', a)
    ok('  the same token has the same mark', hand_in(repository_id=1, jti='j')['token'] == hand_in(repository_id=1, jti='j')['token'])
    for what, claims in [('claims that no block wants', {'repository_id': 9}), ('another audience', {'aud': 'ssh://gw/SHA256:def', 'repository_id': 1}),
                         ('no signature', {'alg': 'none', 'repository_id': 1}), ('an end in the past', {'exp': 1, 'repository_id': 1})]:
        a = hand_in(**claims)
        ok('refused: ' + what, a['t'] == FAIL and a['text'] != '', a)
    says('refused: an unknown issuer', hand_in(iss='https://other.example'), 'no identity block takes tokens of')
    for junk in [b'x', b'a.b.c', b'.' * 100, os.urandom(500), b'e' * 20000]:
        a = f.call(TOKEN, token=junk, audience=aud)
        ok('refused: %r...' % junk[:8], a['t'] == FAIL and a['text'] != '', a)

    # keys: fetched once for all of that; unknown ones at most once in a while
    ok('the keys were fetched once', p.count('/jwks') == 1, p.count('/jwks'))
    for i in range(20):
        hand_in(kid='unknown-%d' % i, repository_id=1)
    ok('twenty unknown keys: one more fetch', p.count('/jwks') == 2, p.count('/jwks'))
    p.keys, p.key = [key2], key2
    a = f.call(TOKEN, token=key2.token(p.claims(aud=aud, repository_id=1)).encode(), audience=aud)
    ok('a new key within the limit is not known yet', a['t'] == FAIL and p.count('/jwks') == 2, a)
    time.sleep(3.2)
    a = f.call(TOKEN, token=key2.token(p.claims(aud=aud, repository_id=1)).encode(), audience=aud)
    ok('  after it, it is', a['t'] == OK and p.count('/jwks') == 3, a)
    a = hand_in(repository_id=1)
    ok('  and the old one is not', a['t'] == FAIL, a)
    time.sleep(3.2)
    p.pages['/jwks'] = lambda r: r.json(503, {})
    hand_in(kid='unknown', repository_id=1)
    a = f.call(TOKEN, token=key2.token(p.claims(aud=aud, repository_id=1)).encode(), audience=aud)
    ok('a failed fetch leaves the keys in use', a['t'] == OK, a)
    f.close()


def test_cache():
    p = Provider(web, 'cache', key)
    doc = '/.well-known/openid-configuration'
    p.headers = {'discovery': {'Cache-Control': 'public, max-age=1'}, 'jwks': {'Cache-Control': 'no-store'}}
    q = Provider(web, 'short', key)
    q.headers = p.headers
    f = start()
    f.configure(1, block(p))
    calls = [f.send(DEVICE, login='c%d' % i, block='cache') for i in range(20)]
    ok('twenty beginnings share one fetch', all(f.answer(c)['t'] == OK for c in calls) and p.count(doc) == 1, p.count(doc))
    time.sleep(2)
    f.call(DEVICE, login='c-late', block='cache')
    ok('  and a maximum age under five minutes is five minutes', p.count(doc) == 1)
    f.close()
    f = start('age-min-ms=500')
    f.configure(1, block(q))
    f.call(DEVICE, login='s1', block='short')
    f.send(CANCEL, login='s1')
    time.sleep(1.3)
    f.call(DEVICE, login='s2', block='short')
    ok('what is too old is fetched again', q.count(doc) >= 2, q.count(doc))
    q.pages[doc] = lambda r: r.json(503, {})
    time.sleep(1.3)
    ok('  the old one goes on when that fails', f.call(DEVICE, login='s3', block='short')['t'] == OK)
    f.close()


# --- many ---

def test_many():
    p = Provider(web, 'many', key)
    p.device = {'interval': 5, 'expires_in': 600}
    f = start()
    f.configure(1, block(p))
    f.call(DEVICE, login='first', block='many')  # TLS, keys and caches are there
    for i in range(24):  # as many requests at a time as there may be
        f.send(DEVICE, login='warm%d' % i, block='many')
    time.sleep(2)
    for i in range(24):
        f.send(CANCEL, login='warm%d' % i)
    before, web.most = f.rss_kib(), web.open
    calls = [f.send(DEVICE, login='m%d' % i, block='many') for i in range(200)]
    good = sum(1 for c in calls if (f.answer(c, 60) or {}).get('t') == OK)
    ok('200 logins begin', good == 200, good)
    since = time.monotonic()
    ok('  all are polled', wait_until(lambda: len({x[2].get('device_code') for x in p.log if x[1] == '/token'}) >= 200, 40))
    wait_until(lambda: p.count('/token', since) >= 400, 30)
    after, sockets = f.rss_kib(), f.sockets()
    ok('  memory: %d KiB before, %d KiB with them' % (before, after), after - before < 1024 or sanitized, (before, after))
    ok('  sockets: %d, connections at the server: %d' % (sockets, web.most), sockets <= 12 and web.most <= 8, (sockets, web.most))
    p.decide = lambda code: p.claims(sub='sub-' + code[12:])
    done = [f.result('m%d' % i, 60) for i in range(200)]
    ok('  all end well', all(r is not None and r['ok'] for r in done))
    ok('  each with its own code', len({r['sub'] for r in done if r}) == 200)
    # polls that are not answered do not keep people waiting
    p.pages['/token'] = hang(12)
    p.device = {'interval': 1, 'expires_in': 600}
    for i in range(30):
        f.call(DEVICE, login='h%d' % i, block='many')
    time.sleep(3)
    t = time.monotonic()
    a = f.call(DEVICE, login='h-late', block='many', seconds=30)
    ok('  a provider that leaves 30 polls without an answer: the next login begins at once', a['t'] == OK and time.monotonic() - t < 3,
       (time.monotonic() - t, a))
    f.close()


def test_junk():
    """Whatever comes over the socket, it does not crash."""
    f = start()
    p = Provider(web, 'junk', key)
    f.configure(1, block(p))
    rnd = __import__('random').Random(7)
    values = ['', 'x', 'junk', b'', b'\0', 1, -1, True, None, [], ['a', 1], {'a': 1}, 'y' * 5000, [['a']]]
    names = ['login', 'block', 'gen', 'name', 'kind', 'issuer', 'client_id', 'secret', 'scopes', 'algs', 'claims', 'ca', 'allow_http', 'redirect_uri',
             'state', 'code', 'token', 'audience', 'user_claim']
    for _ in range(400):
        f.send(rnd.choice([110, 111, 112, 113, 114, 115, 116]), **{n: rnd.choice(values) for n in rnd.sample(names, rnd.randint(0, 8))})
        if rnd.random() < 0.2:
            f.receive(0)
    while f.receive(0.3) is not None:
        pass
    f.kept.clear()
    f.configure(77777, block(p))
    a = f.call(DEVICE, login='after', block='junk')
    ok('400 senseless messages are survived', a is not None and a['t'] == OK, a)
    f.close()


# --- a real provider (npm oidc-provider) ---

def test_real():
    issuer = sys.argv[3]
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    ca = os.environ['REAL_CA']
    f = start()
    f.configure(1, {'name': 'real', 'issuer': issuer, 'secret': b'real-secret', 'ca': open(ca, 'rb').read()})

    def person(login, *args):
        a = f.call(DEVICE, login=login, block='real')
        if a['t'] != OK:
            return a
        subprocess.run([os.path.join(here, 'idp', 'approve.sh'), *args, '--cacert', ca, a['uri'], a['user_code'], 'alice'])
        return f.result(login)
    r = person('r1')
    ok('a real provider: a person', r is not None and r.get('ok') and r['user'] == 'alice@example.com' and r['groups'] == ['dba'], r)
    says('  who does not agree', person('r2', '--no'), 'refused')
    f.close()


os.chdir(folder)
os.makedirs('other', exist_ok=True)
tls, other_tls = Tls(folder), Tls(os.path.join(folder, 'other'))
names = 'DNS:localhost,IP:127.0.0.1'
web = Server(tls.file('web', names))
by_name = Server(tls.file('by-name', 'DNS:' + socket.gethostname()), own_address())
named = Server(tls.file('named', 'DNS:elsewhere.example'))
expired = Server(tls.file('expired', names, '-1'))
old = Server(tls.file('old', names), tls=lambda c: (c.set_ciphers('ALL:@SECLEVEL=0'), setattr(c, 'minimum_version', ssl.TLSVersion.TLSv1),
                                                   setattr(c, 'maximum_version', ssl.TLSVersion.TLSv1_1)))
plain = Server()
key, key2 = Key(folder, 'k1'), Key(folder, 'k2')

tests = [test_refusals, test_names, test_allowed_redirect, test_device, test_polling, test_generations, test_secret, test_browser, test_tokens, test_cache,
         test_many, test_junk, test_real]
for t in tests:
    name = t.__name__[5:]
    if (sys.argv[4:] and name not in sys.argv[4:]) or (t is test_real and not sys.argv[3]):
        continue
    try:
        t()
    except Exception as e:
        traceback.print_exc()
        ok(name, False, e)
text = open(log_path).read()
for what in [SECRET.decode(), 'real-secret', 'device-code-', 'code-b1', 'eyJ', 'Basic ']:
    ok('the log does not have %s' % what, what not in text)
sys.exit(bad > 0)
