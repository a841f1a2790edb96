// A real Keycloak with the realm of deploy/keycloak/, a real Chromium and the real binary: signing in and out, groups as
// tenants, being signed out by the administrator, new keys, and tokens of programs.
//
// KEYCLOAK_HOME is an unpacked distribution (tests/interop.sh fetches one).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch } from '../../portal/test/browser-kit.mjs';
import { World, freePort, patience, root, until } from '../functional/harness.mjs';

const home = process.env.KEYCLOAK_HOME;
const long = 5 * patience;
const secret = crypto.randomBytes(24).toString('base64url');
const administrator = crypto.randomBytes(12).toString('base64url');
const password = 'a long enough sentence';

let world;
let keycloak;
let browser;
let page;

class Keycloak {
  static async start(port, portal) {
    const self = new Keycloak();
    self.base = `http://127.0.0.1:${port}`;
    self.issuer = `${self.base}/realms/phoenix`;
    // A folder of its own: a distribution keeps its database and what it has built in itself.
    self.folder = fs.mkdtempSync(path.join(os.tmpdir(), 'phx-keycloak-'));
    fs.cpSync(home, self.folder, { recursive: true });
    fs.rmSync(path.join(self.folder, 'data'), { recursive: true, force: true });
    fs.mkdirSync(path.join(self.folder, 'data/import'), { recursive: true });
    fs.copyFileSync(path.join(root, 'deploy/keycloak/phoenix-realm.json'), path.join(self.folder, 'data/import/phoenix-realm.json'));
    self.log = fs.openSync(path.join(self.folder, 'log'), 'w');
    self.process = spawn('bash', [path.join(self.folder, 'bin/kc.sh'), 'start-dev', '--import-realm', '--http-host=127.0.0.1', `--http-port=${port}`, `--http-management-port=${await freePort()}`], {
      env: { ...process.env, PHOENIX_URL: portal, KC_BOOTSTRAP_ADMIN_USERNAME: 'boot', KC_BOOTSTRAP_ADMIN_PASSWORD: administrator },
      stdio: ['ignore', self.log, self.log], detached: true,
    });
    const started = Date.now();
    while (!(await fetch(`${self.issuer}/.well-known/openid-configuration`).then((answer) => answer.ok, () => false))) {
      assert.equal(self.process.exitCode, null, fs.readFileSync(path.join(self.folder, 'log'), 'utf8'));
      assert.ok(Date.now() - started < long, 'Keycloak does not start');
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    return self;
  }
  /// The administrator's REST interface.
  async admin(method, target, body) {
    const granted = await fetch(`${this.base}/realms/master/protocol/openid-connect/token`, {
      method: 'POST', body: new URLSearchParams({ grant_type: 'password', client_id: 'admin-cli', username: 'boot', password: administrator }),
    });
    const { access_token: token } = await granted.json();
    const answer = await fetch(`${this.base}/admin/realms/phoenix${target}`, {
      method, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: body && JSON.stringify(body),
    });
    assert.ok(answer.ok, `${method} ${target}: ${answer.status} ${await answer.clone().text()}`);
    const text = await answer.text();
    return { id: answer.headers.get('location')?.split('/').pop(), body: text ? JSON.parse(text) : null };
  }
  stop() {
    try { process.kill(-this.process.pid, 'SIGKILL'); } catch { /* it has ended by itself */ }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

before(async () => {
  assert.ok(home, 'KEYCLOAK_HOME is not set');
  const port = await freePort();
  world = await World.start({
    settings: { 'oidc-issuer': `http://127.0.0.1:${port}/realms/phoenix`, 'oidc-client-id': 'phoenix', 'oidc-client-secret': secret, 'oidc-tenant-claim': 'groups', 'oidc-name': 'Keycloak' },
  });
  await world.createTenant('acme');
  keycloak = await Keycloak.start(port, world.url);
  const [client] = (await keycloak.admin('GET', '/clients?clientId=phoenix')).body;
  assert.deepEqual(client.redirectUris, [`${world.url}/auth/oidc/callback`], 'the realm takes the address from the environment');
  assert.ok(!JSON.stringify(client).includes('*'), 'no wildcard');
  assert.equal(client.directAccessGrantsEnabled, false);
  await keycloak.admin('PUT', `/clients/${client.id}`, { ...client, secret });
  const group = (await keycloak.admin('POST', '/groups', { name: 'acme' })).id;
  const admins = (await keycloak.admin('POST', `/groups/${group}/children`, { name: 'TENANT_ADMIN' })).body.id;
  keycloak.ada = (await keycloak.admin('POST', '/users', {
    username: 'ada', email: 'ada@acme.example', emailVerified: true, firstName: 'Ada', lastName: 'Mensah', enabled: true, credentials: [{ type: 'password', value: password }],
  })).id;
  await keycloak.admin('PUT', `/users/${keycloak.ada}/groups/${admins}`);
  browser = await launch();
  page = browser.page;
  page.setDefaultTimeout(patience);
}, { timeout: 2 * long });
after(async () => {
  await browser?.close();
  keycloak?.stop();
  await world?.close();
}, { timeout: long });

async function signIn() {
  await page.goto(`${world.url}/t/acme/virtual-machines`);
  await page.getByRole('button', { name: 'Sign in with Keycloak' }).click();
  await page.locator('#username').fill('ada');
  await page.locator('#password').fill(password);
  await page.locator('#kc-login').click();
  await page.waitForURL(`${world.url}/t/acme/virtual-machines`);
  await page.locator('[data-testid="connection"][data-phase="live"]').waitFor();
  return (await page.context().cookies(world.url)).find((one) => one.name === 'phoenix_session').value;
}
const known = (session) => fetch(`${world.url}/auth/session`, { headers: { cookie: `phoenix_session=${session}` } });

test('signs in as who Keycloak says, into the tenants of the groups', { timeout: long }, async () => {
  const session = await signIn();
  const answer = await fetch(`${world.url}/graphql`, {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-phoenix-csrf': '1', cookie: `phoenix_session=${session}` },
    body: JSON.stringify({ query: '{ me { email name memberships { role tenantName } } }' }),
  });
  assert.deepEqual((await answer.json()).data.me, { email: 'ada@acme.example', name: 'Ada Mensah', memberships: [{ role: 'TENANT_ADMIN', tenantName: 'acme' }] });
});

test('signs out here and there', { timeout: long }, async () => {
  const session = (await page.context().cookies(world.url)).find((one) => one.name === 'phoenix_session').value;
  await page.evaluate(() => fetch('/auth/logout', {
    method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Phoenix-Csrf': '1' }, body: '{}',
  }).then((answer) => answer.json()).then(({ next }) => location.assign(next)));
  await page.locator('#kc-logout').click();
  await page.waitForURL(`${world.url}/sign-in`);
  assert.equal((await known(session)).status, 401);
});

test('is signed out by the administrator of Keycloak', { timeout: long }, async () => {
  const session = await signIn();
  assert.equal((await known(session)).status, 200);
  await keycloak.admin('POST', `/users/${keycloak.ada}/logout`);
  await until('the session to be over', async () => (await known(session)).status === 401);
});

test('takes new keys as they come', { timeout: long }, async () => {
  await keycloak.admin('POST', '/components', {
    name: 'newer', providerId: 'rsa-generated', providerType: 'org.keycloak.keys.KeyProvider', config: { priority: ['200'], active: ['true'], enabled: ['true'] },
  });
  await page.context().clearCookies();
  await signIn();
});

test('takes the token of a program', { timeout: long }, async () => {
  await keycloak.admin('POST', '/clients', {
    clientId: 'ci', secret: 'of the program', publicClient: false, standardFlowEnabled: false, serviceAccountsEnabled: true,
    protocolMappers: [
      { name: 'audience', protocol: 'openid-connect', protocolMapper: 'oidc-audience-mapper', config: { 'included.client.audience': 'phoenix', 'access.token.claim': 'true' } },
      { name: 'groups', protocol: 'openid-connect', protocolMapper: 'oidc-hardcoded-claim-mapper', config: { 'claim.name': 'groups', 'claim.value': '["/acme"]', 'jsonType.label': 'JSON', 'access.token.claim': 'true' } },
    ],
  });
  const granted = await fetch(`${keycloak.issuer}/protocol/openid-connect/token`, {
    method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'ci', client_secret: 'of the program' }),
  });
  const { access_token: token } = await granted.json();
  const { images } = await world.graphql('{ images { totalCount } }', {}, { token });
  assert.ok(images.totalCount >= 0);
  const [client] = (await keycloak.admin('GET', '/clients?clientId=ci')).body;
  await keycloak.admin('DELETE', `/clients/${client.id}/protocol-mappers/models/${client.protocolMappers.find((one) => one.name === 'audience').id}`);
  const stranger = await fetch(`${keycloak.issuer}/protocol/openid-connect/token`, {
    method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'ci', client_secret: 'of the program' }),
  });
  await assert.rejects(world.graphql('{ images { totalCount } }', {}, { token: (await stranger.json()).access_token }), (error) => error.reason === 'token.audience');
});
