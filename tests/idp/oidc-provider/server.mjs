// SPDX-License-Identifier: Apache-2.0
//
// An OpenID Connect provider for the tests: the real npm oidc-provider with plain pages of our own.
//
//   node server.mjs --port 0 --config FILE-OR-JSON      prints "issuer URL" when it listens; ends with SIGTERM
//
// Configuration (JSON):
//   users        file, read again at every login: {"alice": {"groups": [..], "sub"?, "email"?, "email_verified"?, "claims"?: {..}}}
//   keys         file of the signing keys, made when it is not there (delete it and start again: new keys)
//   tls          {"key": FILE, "cert": FILE}: https; without it http
//   host         name or address in the issuer (default 127.0.0.1; it always listens on 127.0.0.1)
//   issuer       another issuer: of what stands before it (tests/idp/misbehave.mjs); then "listens URL" is printed, too
//   clients      [{"id", "secret"?, "alg"? (RS256, PS256, ES256), "redirect_uris"?, "grants"?, "claims"? of its own tokens,
//                "token_life"?, "typ"? header of its access tokens}]; without a secret: a public client
//   interval     seconds between polls that it announces and insists on (default 1)
//   device_life, id_token_life   seconds (600, 3600)
//   claim_names  further claims that users may have
//   log          file: one line per request, "MILLISECONDS METHOD PATH STATUS"
// Flows: device, authorization code with PKCE, client credentials with `resource` = any URI (a JWT with that audience).
// POST /test/faults {"slow_down": N, "status": {"/jwks": 503}, "delay": {"/token": MS}} misbehaves until told otherwise.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as crypto from 'node:crypto';
import * as http from 'node:http';
import * as https from 'node:https';
import * as path from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// The packages lie in a cache outside the source tree (tests/idp/install.sh).
const modules = process.env.SP_IDP_MODULES ?? path.dirname(new URL(import.meta.url).pathname);
const require = createRequire(path.join(modules, 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { default: Provider } = await load('oidc-provider');

const arg = (name, otherwise) => {
    const at = process.argv.indexOf(`--${name}`);
    return at < 0 ? otherwise : process.argv[at + 1];
};
const given = arg('config', '{}');
const config = JSON.parse(given.startsWith('{') ? given : readFileSync(given, 'utf8'));
const host = config.host ?? '127.0.0.1';
const interval = config.interval ?? 1;
const client = (id) => (config.clients ?? []).find((c) => c.id === id) ?? {};

const users = () => (config.users ? JSON.parse(readFileSync(config.users, 'utf8')) : {});
const subOf = (name, user) => user.sub ?? `id-${name}`;

function account(sub) {
    const found = Object.entries(users()).find(([name, user]) => subOf(name, user) === sub);
    if (!found) return undefined;
    const [name, user] = found;
    return {
        accountId: sub,
        claims: () => ({
            sub, name, preferred_username: name, groups: user.groups, email: user.email ?? `${name}@example.com`,
            email_verified: user.email_verified ?? true, ...user.claims,
        }),
    };
}

function makeKeys() {
    const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
    const ec = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
    return { keys: [{ ...rsa, use: 'sig' }, { ...ec, use: 'sig' }] };
}
function keys() {
    if (config.keys && existsSync(config.keys)) return JSON.parse(readFileSync(config.keys, 'utf8'));
    const made = makeKeys();
    if (config.keys) writeFileSync(config.keys, JSON.stringify(made), { mode: 0o600 });
    return made;
}

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
function clientMetadata(c) {
    const grants = c.grants ?? [DEVICE, 'authorization_code'];
    const code = grants.includes('authorization_code');
    return {
        client_id: c.id,
        client_secret: c.secret,
        token_endpoint_auth_method: c.secret ? 'client_secret_basic' : 'none',
        grant_types: grants,
        response_types: code ? ['code'] : [],
        redirect_uris: code ? (c.redirect_uris ?? ['https://127.0.0.1/cb']) : [],
        ...(grants.includes('client_credentials') ? {} : { id_token_signed_response_alg: c.alg ?? 'RS256' }),
    };
}

const page = (ctx, title, body) => {
    ctx.type = 'html';
    ctx.body = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head><body><h1>${title}</h1>${body}</body></html>`;
};
const deviceFlow = {
    enabled: true,
    async userCodeInputSource(ctx, form, out, err) {
        page(ctx, err ? `Not taken: ${err.name}` : 'Your code', `${form}<button type="submit" form="op.deviceInputForm">Continue</button>`);
    },
    async userCodeConfirmSource(ctx, form, c, info, code) {
        page(ctx, 'Is this your device?', `<p id="code">${code}</p>${form}<button type="submit" form="op.deviceConfirmForm">Yes</button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes">No</button>`);
    },
    async successSource(ctx) {
        page(ctx, 'Signed in', '<p>You can close this page.</p>');
    },
};

// --- what it does when POST /test/faults says so
let faults = {};
const polled = new Map();

async function body(req) {
    const parts = [];
    for await (const part of req) parts.push(part);
    return Buffer.concat(parts).toString();
}

async function misbehave(ctx, next) {
    if (ctx.path === '/test/faults' && ctx.method === 'POST') {
        faults = JSON.parse((await body(ctx.req)) || '{}');
        ctx.body = 'ok\n';
        return;
    }
    if (faults.delay?.[ctx.path]) await new Promise((r) => setTimeout(r, faults.delay[ctx.path]));
    if (faults.status?.[ctx.path]) {
        ctx.status = faults.status[ctx.path];
        ctx.body = { error: 'server_error' };
    } else if (ctx.path === '/token' && faults.slow_down > 0) {
        faults.slow_down--;
        ctx.status = 400;
        ctx.body = { error: 'slow_down' };
    } else {
        await next();
    }
}

// oidc-provider itself neither announces an interval nor insists on it.
async function intervals(ctx, next) {
    await next();
    if (ctx.path === '/device/auth' && ctx.body?.device_code) ctx.body.interval = interval;
    if (ctx.path !== '/token' || ctx.body?.error !== 'authorization_pending') return;
    const code = ctx.oidc?.params?.device_code;
    const last = polled.get(code);
    polled.set(code, Date.now());
    if (last && Date.now() - last < interval * 1000 - 100) ctx.body = { error: 'slow_down' };
}

async function record(ctx, next) {
    await next();
    if (config.log) appendFileSync(config.log, `${Date.now()} ${ctx.method} ${ctx.path} ${ctx.status}\n`);
}

// --- the person's pages: who are you, and do you agree
async function consent(provider, { prompt, params, grantId, session }) {
    const grant = (grantId && (await provider.Grant.find(grantId))) ||
        new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '));
    if (prompt.details.missingOIDCClaims) grant.addOIDCClaims(prompt.details.missingOIDCClaims);
    return { consent: { grantId: await grant.save() } };
}

async function interaction(provider, ctx) {
    const details = await provider.interactionDetails(ctx.req, ctx.res);
    const login = details.prompt.name === 'login';
    if (ctx.method !== 'POST') {
        page(ctx, login ? 'Sign in' : 'Do you agree?', `<form method="post">${login ? '<input name="login" autofocus>' : ''}
<button type="submit" name="answer" value="yes">Continue</button><button type="submit" name="answer" value="no">Cancel</button></form>`);
        return;
    }
    const form = new URLSearchParams(await body(ctx.req));
    const user = users()[form.get('login')];
    let result;
    if (form.get('answer') === 'no') result = { error: 'access_denied', error_description: 'the person said no' };
    else if (!login) result = await consent(provider, details);
    else if (user) result = { login: { accountId: subOf(form.get('login'), user) } };
    if (!result) {
        ctx.status = 401;
        page(ctx, 'Nobody of that name', '');
        return;
    }
    ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result, { mergeWithLastSubmission: true }));
    ctx.status = 303;
}

function make(issuer) {
    const provider = new Provider(issuer, {
        clients: (config.clients ?? []).map(clientMetadata),
        jwks: keys(),
        cookies: { keys: [crypto.randomBytes(16).toString('hex')] },
        findAccount: async (ctx, sub) => account(sub),
        scopes: ['openid', 'profile', 'email'],
        claims: {
            openid: ['sub', 'groups', ...(config.claim_names ?? [])], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'],
        },
        conformIdTokenClaims: false,
        enabledJWA: { idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256'] },
        responseTypes: ['code'],
        pkce: { methods: ['S256'], required: () => true },
        interactions: { url: async (ctx, i) => `/interaction/${i.uid}` },
        formats: {
            customizers: {
                async jwt(ctx, token, jwt) {
                    const { typ, claims } = client(token.clientId);
                    if (typ) jwt.header = { typ };
                    Object.assign(jwt.payload, claims);
                },
            },
        },
        ttl: {
            DeviceCode: config.device_life ?? 600, IdToken: config.id_token_life ?? 3600, AccessToken: 3600, AuthorizationCode: 60, Interaction: 3600,
            Session: 3600, Grant: 3600, ClientCredentials: (ctx, token, c) => client(c.clientId).token_life ?? 600,
        },
        features: {
            devInteractions: { enabled: false },
            deviceFlow,
            clientCredentials: { enabled: true },
            resourceIndicators: {
                enabled: true,
                getResourceServerInfo: async (ctx, resource, c) => ({
                    scope: '', audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: client(c.clientId).token_life ?? 600,
                    jwt: { sign: { alg: client(c.clientId).alg ?? 'RS256' } },
                }),
            },
        },
    });
    provider.use(record);
    provider.use(misbehave);
    provider.use(intervals);
    provider.use(async (ctx, next) => (ctx.path.startsWith('/interaction/') ? interaction(provider, ctx) : next()));
    for (const event of ['server_error', 'grant.error'])
        provider.on(event, (ctx, err) => console.error(event, err.error ?? '', err.error_description ?? '', err.error ? '' : err.stack));
    return provider;
}

const tls = config.tls && { key: readFileSync(config.tls.key), cert: readFileSync(config.tls.cert) };
const server = tls ? https.createServer(tls) : http.createServer();
server.listen(Number(arg('port', '0')), '127.0.0.1', () => {
    const here = `${tls ? 'https' : 'http'}://${host}:${server.address().port}`;
    const issuer = config.issuer ?? here;
    server.on('request', make(issuer).callback());
    console.log(`listens ${here}`);
    console.log(`issuer ${issuer}`);
});
server.on('error', (e) => {
    console.error(e.message);
    process.exit(1);
});
process.on('SIGTERM', () => process.exit(0));
