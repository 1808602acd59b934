// SPDX-License-Identifier: Apache-2.0
//
// What a person does in a real browser (Chromium, by playwright-core), for tests/integration/83-browser.sh. One scenario a call:
//
//   SP_IDP_MODULES=DIR node browser.mjs SCENARIO '{"page": "https://.../l/CODE", "digits": "1234", ...}'
//
// Prints TAP-like lines; what a later scenario needs goes to the file `keep` (JSON). With SP_SHOTS=DIR pictures are left there.
import { readFileSync, writeFileSync } from 'node:fs';
import * as http from 'node:http';
import * as os from 'node:os';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { createRequire } from 'node:module';

const require = createRequire(path.join(process.env.SP_IDP_MODULES, 'package.json'));
const { chromium } = require('playwright-core');
const [, , scenario, text] = process.argv;
const given = JSON.parse(text);
const SLOW = 20000;

let failures = 0;
const ok = (what, good, got) => {
    if (good) console.log(`ok - ${what}`);
    else {
        failures++;
        console.log(`not ok - ${what}${got === undefined ? '' : `: got ${JSON.stringify(got)}`}`);
    }
};
const is = (what, got, want) => ok(what, got === want, got);
const has = (what, whole, part) => ok(what, whole.includes(part), whole.slice(0, 600));
const hasNot = (what, whole, part) => ok(what, !whole.includes(part), whole.slice(0, 600));

const keep = (more) => writeFileSync(given.keep, JSON.stringify({ ...kept(), ...more }));
const kept = () => (fs.existsSync(given.keep) ? JSON.parse(readFileSync(given.keep, 'utf8')) : {});
const shot = async (page, name) => {
    if (process.env.SP_SHOTS) await page.screenshot({ path: path.join(process.env.SP_SHOTS, `${name}.png`), fullPage: true });
};
const words = (page) => page.locator('body').innerText();

const HEADERS = {
    'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer', 'cache-control': 'no-store',
    'strict-transport-security': 'max-age=31536000', 'cross-origin-opener-policy': 'same-origin',
};
function headers(what, response) {
    const h = response.headers();
    for (const [name, value] of Object.entries(HEADERS)) is(`${what}: ${name}`, h[name], value);
    ok(`${what}: content-security-policy`, /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/
        .test(h['content-security-policy'] ?? ''), h['content-security-policy']);
    ok(`${what}: no word about the program`, !h.server && !h['x-powered-by'], h);
}

// The user's directory is new each time; the browser itself asks nobody anything.
async function browse(options, fn) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sallyport-chromium.'));
    const context = await chromium.launchPersistentContext(dir, {
        executablePath: process.env.SP_CHROMIUM ?? '/usr/bin/chromium', headless: true, ignoreHTTPSErrors: true, viewport: { width: 900, height: 760 },
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update',
            '--disable-sync'],
        ...options,
    });
    context.setDefaultTimeout(SLOW);
    let alerts = 0, errors = [];
    const watch = (page) => {
        page.on('dialog', (d) => { alerts++; d.dismiss(); });
        page.on('pageerror', (e) => errors.push(String(e)));
        page.on('console', (m) => { if (m.type() === 'error') errors.push(m.text()); });
    };
    context.on('page', watch);
    context.pages().forEach(watch);
    try {
        await fn(context, context.pages()[0] ?? (await context.newPage()), () => errors);
        is('no page ran a script of somebody else', alerts, 0);
    } catch (e) {
        ok(`${scenario} comes to its end`, false, String(e));
    } finally {
        await context.close();
        fs.rmSync(dir, { recursive: true, force: true });
    }
}

const button = (page, name) => page.getByRole('button', { name });
// From the first page to the provider and back, as somebody of that name.
async function provider(page, who) {
    await button(page, /^Continue to /).click();
    await page.waitForSelector('input[name="login"]');
    const there = page.url();
    await page.fill('input[name="login"]', who);
    await button(page, 'Continue').click();
    await page.getByRole('heading', { name: 'Do you agree?' }).waitFor();
    await button(page, 'Continue').click();
    return there;
}
async function confirmPage(page) {
    await page.getByRole('heading', { name: 'Is this your terminal?' }).waitFor();
}
async function digits(page, d) {
    await page.fill('input[name="digits"]', d);
    await button(page, 'Confirm').click();
}
const wrong = () => (given.digits === '0000' ? '1111' : '0000');

const scenarios = {
    // Everything once, without JavaScript in the browser.
    async login(context, page, errors) {
        const first = await page.goto(given.page);
        is('the page is there', first.status(), 200);
        headers('first page', first);
        const t = await words(page);
        has('it shows the fingerprint', t, given.fingerprint);
        has('  the address', t, given.source);
        has('  the ssh user', t, given.asked);
        has('  the gateway', t, given.gateway);
        has('  a warning', t, 'Only continue if you started this ssh login yourself');
        hasNot('  and not the digits', await page.content(), given.digits);
        const [cookie] = await context.cookies();
        is('cookie: name', cookie.name, '__Host-sallyport');
        ok('cookie: Secure, HttpOnly, Lax, path /', cookie.secure && cookie.httpOnly && cookie.sameSite === 'Lax' && cookie.path === '/', cookie);
        ok('cookie: of this host alone', !cookie.domain.startsWith('.'), cookie);
        await shot(page, '1-begin');
        let back;
        page.on('response', (r) => { if (r.url().includes('/cb?')) back = r; });
        const at = await provider(page, given.user);
        ok('the provider is next', at.startsWith(given.issuer), at);
        await confirmPage(page);
        headers('second page', back);
        ok('the provider was told no page of ours', !((await back.request().allHeaders()).referer ?? '').includes('/l/'));
        const u = await words(page);
        has('the second page shows who it will be', u, given.mail);
        has('  the fingerprint', u, given.fingerprint);
        has('  the address', u, given.source);
        has('  the ssh user', u, 'ssh user');
        await shot(page, '2-confirm');
        keep({ callback: back.url(), form: await page.locator('form[action="/confirm"]').evaluate?.((f) => f.outerHTML).catch(() => '') });
        await digits(page, wrong());
        await page.getByText('2 tries left').waitFor();
        ok('wrong digits are counted', true);
        await shot(page, '3-wrong');
        keep({ state: await page.locator('input[name="state"]').getAttribute('value'), token: await page.locator('form[action="/confirm"] input[name="token"]').getAttribute('value') });
        await digits(page, given.digits.split('').join(' '));
        await page.getByRole('heading', { name: 'You are logged in' }).waitFor();
        has('the last page says who', await words(page), given.mail);
        await shot(page, '4-done');
        // again: nothing of it works twice
        const again = await page.goto(kept().callback);
        ok('the answer again is refused', [404, 409].includes(again.status()), again.status());
        const l = await page.goto(given.page);
        ok('the address again is refused', [404, 410].includes(l.status()), l.status());
        await shot(page, '5-over');
        await page.goBack();
        ok('and the back button shows no form', (await page.locator('input[name="digits"]').count()) === 0);
        is('the browser complains about nothing', errors().filter((e) => !/status of 40[349]|status of 410|favicon/.test(e)).join('|'), '');
    },

    // With JavaScript, as most people have it; another name for the page.
    async cancel(context, page) {
        await page.goto(given.page.replace('-', '').toLowerCase().replace('HTTPS', 'https'));
        await provider(page, given.user);
        await confirmPage(page);
        await button(page, 'Cancel').click();
        await page.getByRole('heading', { name: 'The login is cancelled' }).waitFor();
        await shot(page, '6-cancelled');
        ok('cancel is understood', true);
    },

    // As far as the digits.
    async half(context, page) {
        await page.goto(given.page);
        await provider(page, given.user);
        await confirmPage(page);
        ok('the page waits for the digits', true);
    },

    async notme(context, page) {
        await page.goto(given.page);
        await button(page, 'This was not me').click();
        await page.getByRole('heading', { name: 'The login is cancelled' }).waitFor();
        ok('"This was not me" is understood', true);
    },

    async three(context, page) {
        await page.goto(given.page);
        await provider(page, given.user);
        await confirmPage(page);
        await digits(page, wrong());
        await page.getByText('2 tries left').waitFor();
        await digits(page, wrong());
        await page.getByText('1 try left').waitFor();
        await digits(page, wrong());
        await page.getByRole('heading', { name: 'The login has ended' }).waitFor();
        is('after three wrong tries there is no form', await page.locator('input[name="digits"]').count(), 0);
        const l = await page.goto(given.page);
        is('and no login', l.status(), 404);
    },

    async deny(context, page) {
        await page.goto(given.page);
        await button(page, /^Continue to /).click();
        await page.waitForSelector('input[name="login"]');
        await button(page, 'Cancel').click();
        await page.getByRole('heading', { name: 'The login was refused' }).waitFor();
        has('the page says that the provider refused', await words(page), 'identity provider refused');
        await shot(page, '7-refused');
    },

    // Somebody who has the page's address and the digits, because the ssh command is theirs, and another person's browser.
    async other(context, page) {
        const mine = await chromium.launch({ executablePath: process.env.SP_CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
        const theirs = await mine.newContext({ ignoreHTTPSErrors: true });
        const spy = await theirs.newPage();
        await spy.goto(given.page); // has a cookie and a form of its own
        const early = await spy.locator('form[action^="/l/"] input[name="token"]').getAttribute('value');
        await page.goto(given.page);
        await provider(page, given.user);
        await confirmPage(page);
        const state = await page.locator('input[name="state"]').getAttribute('value');
        const token = await page.locator('form[action="/confirm"] input[name="token"]').getAttribute('value');
        const l = await spy.goto(given.page);
        is('the address in another browser shows no form', l.status(), 409);
        hasNot('  nor who has logged in', await spy.content(), given.mail);
        await shot(spy, '8-elsewhere');
        const site = new URL(given.page).origin;
        const send = async (where, form) => (await theirs.request.post(`${site}${where}`, { form, maxRedirects: 0 })).status();
        is('the digits with the other browser\'s form', await send('/confirm', { state, token, digits: given.digits }), 403);
        is('the digits with a form of its own', await send('/confirm', { state, token: early, digits: given.digits }), 403);
        is('cancel without a form', await send('/cancel', { code: given.page.split('/l/')[1], token: early }), 403);
        const cb = await theirs.request.get(`${site}/cb?code=x&state=${state}`, { maxRedirects: 0 });
        is('its answer of the provider', cb.status(), 403);
        const begin = await send(`/l/${given.page.split('/l/')[1]}`, { token: early });
        is('beginning once more', begin, 409);
        await mine.close();
        await digits(page, given.digits);
        await page.getByRole('heading', { name: 'You are logged in' }).waitFor();
        ok('and the person goes on undisturbed', true);
    },

    // The right state, but the answer of another provider.
    async mixup(context, page) {
        let state;
        page.on('request', (r) => { state = new URL(r.url()).searchParams.get('state') ?? state; });
        await page.goto(given.page);
        await button(page, /^Continue to /).click();
        await page.waitForSelector('input[name="login"]');
        const r = await page.goto(`${new URL(given.page).origin}/cb?code=theirs&state=${state}&iss=${encodeURIComponent('https://idp.evil.example')}`);
        is('an answer of another provider is refused', r.status(), 403);
        has('  and the page says so', await words(page), 'another identity provider');
    },

    // Frames, forms from elsewhere, forged states, markup in every parameter.
    async hostile(context, page, errors) {
        const site = new URL(given.page).origin;
        const evil = http.createServer((req, res) => {
            res.setHeader('Content-Type', 'text/html');
            if (req.url === '/frame') res.end(`<h1>evil</h1><iframe src="${given.page}"></iframe>`);
            else res.end(`<form method="post" action="${given.page}"><input name="token" value="x"><button>Win</button></form>`);
        });
        await new Promise((r) => evil.listen(0, '127.0.0.1', r));
        const at = `http://127.0.0.1:${evil.address().port}`;
        await page.goto(`${at}/frame`);
        await page.waitForTimeout(300);
        const inner = page.frames()[1];
        hasNot('a frame elsewhere shows nothing of the page', await inner.content().catch(() => ''), 'Log in to');
        ok('  because the browser was told so', errors().some((e) => /frame/i.test(e)), errors());
        await page.goto(`${at}/form`);
        const [posted] = await Promise.all([page.waitForResponse((r) => r.request().method() === 'POST'), button(page, 'Win').click()]);
        is('a form of another site is refused', posted.status(), 403);
        evil.close();
        const xss = '"><script>alert(1)</script><img src=x onerror=alert(1)>';
        const q = encodeURIComponent(xss);
        for (const where of [`/l/${q}`, `/${q}`, `/l/${given.page.split('/l/')[1]}?x=${q}`, `/cb?state=${q}`, `/cb?error=${q}&error_description=${q}`, `/cb?code=${q}&state=${q}&iss=${q}`]) {
            const r = await page.goto(site + where);
            const html = await page.content();
            ok(`markup in ${where.slice(0, 16)} is not taken for markup (${r.status()})`, !/<script|<img/.test(html) && r.status() >= 200 && r.status() < 500, html.slice(0, 400));
        }
        for (const path of ['/confirm', '/cancel', `/l/${given.page.split('/l/')[1]}`]) {
            const r = await context.request.post(site + path, { form: { token: xss, state: xss, code: xss, digits: xss }, maxRedirects: 0 });
            is(`markup in a form to ${path.slice(0, 9)}`, r.status(), 403);
            hasNot('  is not sent back', await r.text(), '<script');
        }
        const l = await page.goto(given.page);
        is('the login still waits', l.status(), 200);
        has('  and shows the ssh user as text', await words(page), given.asked);
        await page.setViewportSize({ width: 360, height: 700 });
        await shot(page, '9-phone');
        await page.emulateMedia({ colorScheme: 'dark' });
        await shot(page, '9-dark');
    },
};

await browse({ javaScriptEnabled: scenario !== 'login' }, scenarios[scenario]);
process.exit(failures > 0 ? 1 : 0);
