#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares jwt-check with PyJWT. Usage: jwt_oracle.py JWT-CHECK"""
import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISS, AUD = 'https://idp.example', 'client-1'
NOW = int(time.time())
ALGS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512']
count = failed = 0


def result(good, text, more=''):
    global count, failed
    count += 1
    failed += not good
    print('%s %d - %s' % ('ok' if good else 'not ok', count, text))
    if not good and more:
        print('# ' + str(more)[:600])


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def jwk(key, kid):
    n = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        return {'kty': 'RSA', 'kid': kid, 'n': b64(n.n.to_bytes((n.n.bit_length() + 7) // 8, 'big')), 'e': b64(n.e.to_bytes(3, 'big'))}
    size = (key.curve.key_size + 7) // 8
    return {'kty': 'EC', 'kid': kid, 'crv': 'P-%d' % key.curve.key_size, 'x': b64(n.x.to_bytes(size, 'big')), 'y': b64(n.y.to_bytes(size, 'big'))}


KEYS = {'r': rsa.generate_private_key(65537, 2048), 'e256': ec.generate_private_key(ec.SECP256R1()),
        'e384': ec.generate_private_key(ec.SECP384R1()), 'e512': ec.generate_private_key(ec.SECP521R1())}
CLAIMS = {'iss': ISS, 'sub': 'u-1', 'aud': AUD, 'exp': NOW + 300, 'iat': NOW - 5, 'nbf': NOW - 5, 'groups': ['dba', 'Domain Users']}


def kid_of(alg):
    return 'e' + alg[2:] if alg.startswith('E') else 'r'


def make(alg, claims=None, kid=None, key=None):
    return jwt.encode(claims or CLAIMS, key or KEYS[kid_of(alg)], algorithm=alg, headers={'kid': kid or kid_of(alg)})


def oracle(token):
    """Would a careful user of PyJWT take it?"""
    try:
        header = jwt.get_unverified_header(token)
        key = KEYS[header['kid']].public_key()
        claims = jwt.decode(token, key, algorithms=ALGS, audience=AUD, issuer=ISS, leeway=60, options={'require': ['exp', 'iat', 'sub']})
        return isinstance(claims['sub'], str) and claims['sub'] != ''
    except Exception:
        return False


def ask(check, keys, tokens):
    got = subprocess.run([check, keys, ISS, AUD, str(NOW)], input='\n'.join(tokens) + '\n', capture_output=True, text=True)
    lines = got.stdout.splitlines()
    if got.returncode != 0 or len(lines) != len(tokens):
        result(False, 'jwt-check answers each token', got.stderr)
        sys.exit(1)
    return lines


ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'


def damage(rng, token):
    how = rng.randrange(6)
    at = rng.randrange(len(token))
    parts = token.split('.')
    if how == 0:
        return token[:at] + rng.choice(ALPHABET.replace(token[at], '')) + token[at + 1:]
    if how == 1:
        return token[:at] + token[at + 1:]
    if how == 2:
        return token[:at] + rng.choice(ALPHABET + '.=+/ ') + token[at:]
    if how == 3:  # a bit of the signature
        sig = bytearray(base64.urlsafe_b64decode(parts[2] + '=='))
        sig[rng.randrange(len(sig))] ^= 1 << rng.randrange(8)
        return '.'.join(parts[:2] + [b64(bytes(sig))])
    if how == 4:  # another header over the same signature
        head = {'alg': rng.choice(ALGS + ['none', 'HS256']), 'kid': rng.choice(list(KEYS)), 'x': 1}
        return '.'.join([b64(json.dumps(head).encode())] + parts[1:])
    return '.'.join([parts[0], b64(json.dumps(dict(CLAIMS, sub='root')).encode()), parts[2]])


def claims_matrix():
    rows = {'iss': ['https://evil', 1, None, ISS + '/'], 'aud': ['x', [], [AUD], [AUD, 'x'], 1, None], 'sub': ['', 1, None, 'a\nb'],
            'exp': [NOW - 120, NOW - 30, 'x', None, 1e300, -1], 'iat': [NOW + 600, NOW + 30, None, 'x'], 'nbf': [NOW + 600, NOW + 30, 'x'],
            'groups': [1, 'dba', ['a,b']]}
    for name, values in rows.items():
        for v in values:
            claims = {k: w for k, w in CLAIMS.items() if k != name}
            if v is not None:
                claims[name] = v
            yield name, v, '.'.join(signed(claims))


def signed(claims):
    head = b64(json.dumps({'alg': 'ES256', 'kid': 'e256'}).encode())
    body = b64(json.dumps(claims).encode())
    algorithm = jwt.algorithms.get_default_algorithms()['ES256']
    return [head, body, b64(algorithm.sign((head + '.' + body).encode(), KEYS['e256']))]


def main():
    check = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        keys = os.path.join(folder, 'keys.json')
        with open(keys, 'w') as f:
            json.dump({'keys': [jwk(k, kid) for kid, k in KEYS.items()]}, f)
        for alg, line in zip(ALGS, ask(check, keys, [make(a) for a in ALGS])):
            result(line == 'ok u-1 u-1 dba,Domain Users', 'a %s token of PyJWT is accepted' % alg, line)
        wrong = [make(a, key=rsa.generate_private_key(65537, 2048)) for a in ALGS[:6]]
        lines = ask(check, keys, wrong)
        result(all(line.endswith('signature is wrong') for line in lines), 'tokens of another RSA key are refused', lines)
        rng = random.Random(7)
        tokens = [damage(rng, make(ALGS[i % 9])) for i in range(3000)]
        lines = ask(check, keys, tokens)
        bad = [t for t, line in zip(tokens, lines) if line.startswith('ok') and not oracle(t)]
        result(not bad, 'none of 3000 damaged tokens is accepted that PyJWT refuses', bad[:1])
        result(all(line.startswith('no') for line, t in zip(lines, tokens)), 'none of them is accepted at all',
               [t for t, line in zip(tokens, lines) if line.startswith('ok')][:1])
        matrix = list(claims_matrix())
        lines = ask(check, keys, [t for _, _, t in matrix])
        bad = [(n, v) for (n, v, t), line in zip(matrix, lines) if line.startswith('ok') and not oracle(t)]
        result(not bad, 'no claim is accepted that PyJWT refuses', bad)
        accepted = sorted('%s=%s' % (n, json.dumps(v)) for (n, v, _), line in zip(matrix, lines) if line.startswith('ok'))
        want = sorted(['aud=["%s"]' % AUD, 'exp=%d' % (NOW - 30), 'iat=%d' % (NOW + 30), 'nbf=%d' % (NOW + 30), 'groups="dba"'])
        result(accepted == want, 'what is right in other ways is accepted', (accepted, want))
    print('1..%d' % count)
    return 1 if failed else 0


sys.exit(main())
