// Signing in by an organisation's own provider, in a real Chromium, at a real OpenID provider (npm oidc-provider): there
// and back, as who the provider says, out at both, and out when the provider says so.
//
// PHX_SCREENSHOTS=folder keeps a picture of each page.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { axe, launch } from '../../portal/test/browser-kit.mjs';
import { World, freePort, patience, root, until } from '../functional/harness.mjs';

const require = createRequire(path.join(root, 'tests/package.json'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const kSecret = 'planted-client-secret-9876543210';
const people = {
  ada: { name: 'Ada Mensah', email: 'ada@acme.example', groups: ['/acme/TENANT_ADMIN'] },
  bob: { name: 'Bob Nobody', email: 'bob@acme.example', groups: [] },
};

let world;
let browser;
let page;
let idp;

async function startProvider(port, portal) {
  const issuer = `http://127.0.0.1:${port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: 'phoenix', client_secret: kSecret, redirect_uris: [`${portal}/auth/oidc/callback`], post_logout_redirect_uris: [`${portal}/sign-in`],
      backchannel_logout_uri: `${portal}/auth/oidc/logout`, backchannel_logout_session_required: true, response_types: ['code'], grant_types: ['authorization_code'],
    }],
    // By the book: who somebody is comes from userinfo, the ID token has the subject only.
    claims: { openid: ['sub', 'groups'], email: ['email', 'email_verified'], profile: ['name'] },
    cookies: { keys: ['tests'] },
    features: { devInteractions: { enabled: true }, backchannelLogout: { enabled: true }, rpInitiatedLogout: { enabled: true } },
    pkce: { required: () => true },
    // It tells only servers elsewhere otherwise, and this one is on the same machine.
    fetch: (url, options) => fetch(url, { ...options, dispatcher: undefined }),
    findAccount: (_, id) => (people[id] ? { accountId: id, claims: () => ({ sub: id, email_verified: true, ...people[id] }) } : undefined),
  });
  provider.on('server_error', (_, error) => console.error(error));
  provider.on('backchannel.error', (_, error) => console.error(error));
  const server = http.createServer(provider.callback()).listen(port, '127.0.0.1');
  await new Promise((resolve) => server.on('listening', resolve));
  return { provider, server, issuer };
}

before(async () => {
  const port = await freePort();
  world = await World.start({
    settings: { 'oidc-issuer': `http://127.0.0.1:${port}`, 'oidc-client-id': 'phoenix', 'oidc-client-secret': kSecret, 'oidc-tenant-claim': 'groups', 'oidc-name': 'Acme' },
  });
  idp = await startProvider(port, world.url);
  await world.createTenant('acme');
  await world.createTenant('globex');
  browser = await launch();
  page = browser.page;
  page.setDefaultTimeout(patience / 2);
}, { timeout: patience });
after(async () => {
  await browser?.close();
  idp?.server.closeAllConnections();
  idp?.server.close();
  await world?.close();
}, { timeout: patience });

const seen = (locator) => locator.first().waitFor();

async function inspect(name) {
  assert.deepEqual(await axe(page), [], name);
  if (process.env.PHX_SCREENSHOTS) {
    fs.mkdirSync(process.env.PHX_SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: path.join(process.env.PHX_SCREENSHOTS, `${name}.png`) });
  }
}

/// At the provider: who we are, and that the portal may know.
async function signInThere(person) {
  await page.waitForURL(`${idp.issuer}/interaction/**`);
  await page.locator('input[name=login]').fill(person);
  await page.locator('input[name=password]').fill('any');
  await page.locator('button[type=submit]').click();
  await seen(page.getByText('Authorize'));
  await page.locator('button[type=submit]').click();
}

const sessions = async () => (await page.context().cookies(world.url)).filter((one) => one.name === 'phoenix_session');

test('there and back: the page that was wanted opens, as who the provider says', { timeout: patience }, async () => {
  await page.goto(`${world.url}/t/acme/incidents?status=all`);
  const button = page.getByRole('button', { name: 'Sign in with Acme' });
  await seen(button);
  await inspect('sign-in-elsewhere');
  await button.click();
  await signInThere('ada');
  await page.waitForURL(`${world.url}/t/acme/incidents?status=all`);
  await seen(page.getByRole('heading', { name: 'Incidents' }));
  await seen(page.locator('[data-testid="connection"][data-phase="live"]'));
  const { me } = (await page.evaluate(() => fetch('/graphql', {
    method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Phoenix-Csrf': '1' },
    body: JSON.stringify({ query: '{ me { email name platformAdmin memberships { role tenantName } } }' }),
  }).then((answer) => answer.json()))).data;
  assert.deepEqual(me, { email: 'ada@acme.example', name: 'Ada Mensah', platformAdmin: false, memberships: [{ role: 'TENANT_ADMIN', tenantName: 'acme' }] });
  const [session] = await sessions();
  assert.ok(session.httpOnly && session.sameSite === 'Strict');
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.ok(!/eyJ/.test(kept), 'no token in the browser');
  assert.deepEqual(browser.findings, []);
});

test('signing out ends the session here and there', { timeout: patience }, async () => {
  const [before] = await sessions();
  await page.evaluate(() => fetch('/auth/logout', {
    method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Phoenix-Csrf': '1' }, body: '{}',
  }).then((answer) => answer.json()).then(({ next }) => location.assign(next)));
  await page.waitForURL(`${idp.issuer}/session/end**`);
  await page.locator('button[name=logout]').click();
  await page.waitForURL(`${world.url}/sign-in`);
  await seen(page.getByRole('button', { name: 'Sign in with Acme' }));
  const again = await fetch(`${world.url}/auth/session`, { headers: { cookie: `phoenix_session=${before.value}` } });
  assert.equal(again.status, 401);
  // The provider has forgotten them, too: it asks again.
  await page.getByRole('button', { name: 'Sign in with Acme' }).click();
  await page.waitForURL(`${idp.issuer}/interaction/**`);
});

test('who is in no group gets in, and finds no tenant', { timeout: patience }, async () => {
  await page.goto(`${world.url}/sign-in`);
  await page.getByRole('button', { name: 'Sign in with Acme' }).click();
  await signInThere('bob');
  await seen(page.getByText(/not.*member|no tenant/i));
  await inspect('no-tenant');
});

test('the provider ends a session, and the open page knows', { timeout: patience }, async () => {
  await page.context().clearCookies();
  await page.goto(`${world.url}/t/acme/virtual-machines`);
  await page.getByRole('button', { name: 'Sign in with Acme' }).click();
  await signInThere('ada');
  await seen(page.locator('[data-testid="connection"][data-phase="live"]'));
  const [session] = await sessions();
  // The provider tells the portal's server, not the browser.
  const other = await page.context().newPage();
  await other.goto(`${idp.issuer}/session/end`);
  await other.locator('button[name=logout]').click();
  await until('the session to be over', async () =>
    (await fetch(`${world.url}/auth/session`, { headers: { cookie: `phoenix_session=${session.value}` } })).status === 401);
  await other.close();
  await seen(page.getByRole('dialog', { name: 'Your session has ended' }));
  await seen(page.getByRole('dialog').getByRole('button', { name: 'Sign in with Acme' }));
  await inspect('session-ended');
});

test('what went wrong there is told on the page', { timeout: patience }, async () => {
  await page.goto(`${world.url}/auth/oidc/callback?code=made-up&state=${'A'.repeat(43)}`);
  await page.waitForURL(/problem=oidc\.state/);
  await seen(page.getByText('was not begun in this browser'));
  await inspect('sign-in-refused');
});

test('no secret and no token is in the log', () => {
  const log = world.log();
  assert.ok(log.includes('"event":"http.request"'));
  assert.ok(!log.includes(kSecret));
  assert.ok(!/eyJ[A-Za-z0-9_-]{20}/.test(log));
  assert.ok(!/code=|state=/.test(log), 'what the provider brought');
});
