// SPDX-License-Identifier: Apache-2.0
//
// Stands before the provider of tests/idp/oidc-provider and misbehaves on purpose: everything is passed on as it is, but for what
// the mode says. It is the issuer that the gateway knows; tokens are changed and signed again with the provider's own keys.
//
//   node misbehave.mjs --keys FILE [--tls KEY,CERT] [--log FILE]      prints "issuer URL"; ends with SIGTERM
//
// POST /test/upstream URL      the real provider
// POST /test/mode JSON         replaces the mode; {} = behave
//   claims     {NAME: value}: replaces claims of id tokens; null takes one out; "now+N" and "now-N" become a time
//   header     {NAME: value}: of their header
//   alg        "none", "HS256" (with the RSA public key as the secret), "RS256", "PS256", "ES256"
//   twice      NAME: this claim stands twice
//   raw        text that stands as a further member of the claims, as bytes in Latin-1
//   pad        bytes of a further claim
//   discovery  {NAME: value}: replaces members of the discovery document
//   path       {PATH: {redirect: URL | truncate: BYTES | huge: BYTES | hang: true | drip: MS | body: TEXT, status: N}}
// GET /test/count?PATH         how many requests to PATH there were since the mode was set
import * as crypto from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';

const arg = (name) => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? undefined : process.argv[at + 1];
};
const keys = () => JSON.parse(readFileSync(arg('keys'), 'utf8')).keys;
const log = (line) => arg('log') && appendFileSync(arg('log'), `${line}\n`);
let upstream, mode = {};
let counts = {};

async function bodyOf(stream) {
    const parts = [];
    for await (const part of stream) parts.push(part);
    return Buffer.concat(parts);
}

// --- tokens
const encode = (data) => Buffer.from(data).toString('base64url');

function sign(alg, text) {
    const jwk = keys().find((k) => k.kty === (alg.startsWith('ES') ? 'EC' : 'RSA'));
    const key = crypto.createPrivateKey({ format: 'jwk', key: jwk });
    if (alg === 'none') return '';
    if (alg === 'HS256') {
        const secret = crypto.createPublicKey(key).export({ type: 'spki', format: 'pem' });
        return crypto.createHmac('sha256', secret).update(text).digest('base64url');
    }
    const how = { PS256: { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }, ES256: { dsaEncoding: 'ieee-p1363' } }[alg] ?? {};
    return crypto.sign('sha256', Buffer.from(text), { key, ...how }).toString('base64url');
}

function value(v) {
    const m = typeof v === 'string' && /^now([+-]\d+)$/.exec(v);
    return m ? Math.floor(Date.now() / 1000) + Number(m[1]) : v;
}

function replace(object, changes) {
    for (const [name, v] of Object.entries(changes ?? {})) {
        if (v === null) delete object[name];
        else object[name] = value(v);
    }
    return object;
}

const changesTokens = () => ['claims', 'header', 'alg', 'twice', 'raw', 'pad'].some((k) => k in mode);

function changeToken(token) {
    const [head, body] = token.split('.').slice(0, 2).map((part) => JSON.parse(Buffer.from(part, 'base64url')));
    replace(body, mode.claims);
    if (mode.pad) body.pad = 'x'.repeat(mode.pad);
    let text = Buffer.from(JSON.stringify(body));
    if (mode.twice) text = Buffer.from(JSON.stringify(body).replace(/}$/, `,"${mode.twice}":${JSON.stringify(body[mode.twice])}}`));
    if (mode.raw) text = Buffer.concat([text.subarray(0, -1), Buffer.from(`,${mode.raw}}`, 'latin1')]);
    if (mode.alg) head.alg = mode.alg;
    const input = `${encode(JSON.stringify(replace(head, mode.header)))}.${encode(text)}`;
    return `${input}.${sign(mode.alg ?? head.alg, input)}`;
}

function changeBody(path, body) {
    if (path === '/token' && changesTokens() && body.includes('"id_token"')) {
        const answer = JSON.parse(body);
        return Buffer.from(JSON.stringify({ ...answer, id_token: changeToken(answer.id_token) }));
    }
    if (path === '/.well-known/openid-configuration' && mode.discovery) return Buffer.from(JSON.stringify(replace(JSON.parse(body), mode.discovery)));
    return body;
}

// --- answers that are wrong as such; false: none
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

async function misbehave(res, how) {
    if (how.redirect) {
        res.writeHead(302, { location: how.redirect });
        res.end();
    } else if (how.hang) {
        return;
    } else if (how.drip) {
        res.writeHead(200, { 'content-type': 'application/json' });
        while (!res.destroyed) {
            res.write(' ');
            await pause(how.drip);
        }
    } else if (how.huge) {
        const part = Buffer.alloc(65536, ' ');
        res.writeHead(200, { 'content-type': 'application/json' });
        for (let sent = 0; sent < how.huge && !res.destroyed; sent += part.length)
            if (!res.write(part)) await Promise.race([new Promise((r) => res.once('drain', r)), new Promise((r) => res.once('close', r))]);
        log(`huge ended after ${res.socket?.bytesWritten ?? 'close'}`);
        res.end();
    } else if (how.body !== undefined) {
        res.writeHead(how.status ?? 200, { 'content-type': 'application/json' });
        res.end(Buffer.from(how.body, 'latin1'));
    }
}

function pass(req, body) {
    const to = new URL(req.url, upstream);
    return new Promise((resolve, reject) => {
        const out = (to.protocol === 'https:' ? https : http).request(
            to, { method: req.method, headers: { ...req.headers, connection: 'close' }, rejectUnauthorized: false },
            async (answer) => resolve({ status: answer.statusCode, headers: answer.headers, body: await bodyOf(answer) }));
        out.on('error', reject);
        out.end(body);
    });
}

async function control(req, res, url) {
    const text = (await bodyOf(req)).toString();
    if (url.pathname === '/test/upstream') upstream = text;
    if (url.pathname === '/test/mode') {
        mode = JSON.parse(text);
        counts = {};
    }
    res.end(url.pathname === '/test/count' ? `${counts[url.search.slice(1)] ?? 0}\n` : 'ok\n');
}

async function serve(req, res) {
    const url = new URL(req.url, 'http://localhost');
    if (url.pathname.startsWith('/test/')) return control(req, res, url);
    const path = url.pathname, how = mode.path?.[path];
    counts[path] = (counts[path] ?? 0) + 1;
    log(`${Date.now()} ${req.headers.host} ${req.method} ${path}`);
    const body = await bodyOf(req);
    if (how && !how.truncate) return misbehave(res, how);
    const answer = await pass(req, body);
    const sent = changeBody(path, answer.body);
    const { 'transfer-encoding': _, connection: __, ...headers } = answer.headers;
    res.writeHead(answer.status, { ...headers, 'content-length': sent.length });
    if (!how?.truncate) return res.end(sent);
    res.write(sent.subarray(0, how.truncate));
    await pause(50);
    res.destroy();
}

const handle = (req, res) => serve(req, res).catch((e) => {
    log(`failed: ${e.stack}`);
    res.destroy();
});
const tls = arg('tls')?.split(',').map((f) => readFileSync(f));
const server = tls ? https.createServer({ key: tls[0], cert: tls[1] }, handle) : http.createServer(handle);
server.listen(0, '127.0.0.1', () => console.log(`issuer ${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
