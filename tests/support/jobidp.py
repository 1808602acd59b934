# SPDX-License-Identifier: Apache-2.0
#
# An issuer of job tokens like those of CI systems: discovery and keys over HTTPS, JWTs signed with one of them.
#
#   jobidp.py DIR        DIR/issuer, DIR/ca.pem once it listens; until it is ended
#   POST ISSUER/mint     form: claims = JSON object (a value of null leaves a claim out), key = "" | other | none (unsigned)
import json
import os
import sys
import time
import uuid

sys.dont_write_bytecode = True
from badidp import Key, Provider, Server, Tls  # noqa: E402


def main():
    folder = sys.argv[1]
    tls = Tls(folder)
    server = Server(tls.file('server.pem', 'IP:127.0.0.1,DNS:localhost'))
    provider = Provider(server, 'actions', Key(folder, 'k1'), host='127.0.0.1')
    other = Key(folder, 'k2')  # not among the keys that it shows

    def mint(r):
        now = int(time.time())
        claims = {'iss': provider.issuer, 'jti': str(uuid.uuid4()), 'iat': now, 'nbf': now, 'exp': now + 300,
                  'sub': 'repo:acme/orders:ref:refs/heads/main', 'repository': 'acme/orders', 'ref': 'refs/heads/main', 'actor': 'somebody'}
        claims.update(json.loads(r.form['claims']))
        claims = {k: v for k, v in claims.items() if v is not None}
        how = r.form.get('key', '')
        token = provider.key.token(claims, alg='none') if how == 'none' else other.token(claims, kid='k1') if how == 'other' else provider.key.token(claims)
        r.send(200, token.encode())

    provider.pages['/mint'] = mint
    with open(os.path.join(folder, 'issuer.new'), 'w') as f:
        f.write(provider.issuer)
    os.rename(os.path.join(folder, 'issuer.new'), os.path.join(folder, 'issuer'))
    while True:
        time.sleep(3600)


main()
