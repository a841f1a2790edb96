// The real server, and people who sign in with an authenticator app: two steps, sessions that end with what is open in
// their name, and dangerous acts that want a fresh code.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Live, World, patience, until } from './harness.mjs';

const kPassword = 'correct horse battery staple';

let world;
const ada = {};

const send = async (to, path, body, cookie = '') => {
  const response = await fetch(`${to.url}${path}`, {
    method: body ? 'POST' : 'GET', headers: { 'content-type': 'application/json', 'x-phoenix-csrf': '1', 'user-agent': 'Phone\t/1.0', cookie }, body: body && JSON.stringify(body),
  });
  const cookies = Object.fromEntries(response.headers.getSetCookie().map((line) => line.split(';')[0].split('=')));
  return { status: response.status, body: await response.json(), headers: response.headers, cookies, cookie: Object.entries(cookies).map(([name, value]) => `${name}=${value}`).join('; ') };
};

/// An authenticator app (RFC 6238).
function code(secret, step) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const hash = crypto.createHmac('sha1', key).update(counter).digest();
  return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
function sql(text) {
  const psql = ['/usr/lib/postgresql/15/bin/psql', '/usr/bin/psql'].find((file) => fs.existsSync(file));
  return execFileSync(psql, ['-XAtq', '-h', path.join(world.data, 'postgres/socket'), '-U', 'phoenix_owner', '-d', 'phoenix', '-c', text], { encoding: 'utf8' });
}
/// The next code that was not used: apps and people wait for it, up to the step after the present one.
async function fresh() {
  const step = () => Math.floor(Date.now() / 30_000);
  await until('a new code', () => step() + 1 > ada.used);
  ada.used = Math.max(step() - 1, ada.used + 1);
  return code(ada.secret, ada.used);
}

before(async () => {
  world = await World.start();
  await world.createTenant('acme');
  const { userId } = (await world.graphql('mutation($i: CreateUserInput!) { createUser(input: $i) { userId } }', { i: { email: 'ada@example.org', name: 'Ada', password: kPassword } })).createUser;
  await world.graphql('mutation($u: ID!) { addUserToTenant(userId: $u, role: TENANT_OWNER) { membership { id } } }', { u: userId }, { tenant: 'acme' });
}, { timeout: patience });
after(() => world?.close(), { timeout: patience });

const login = (to = world) => send(to, '/auth/login', { email: 'ada@example.org', password: kPassword });

test('common passwords and those of ones own name are refused', { timeout: patience }, async () => {
  for (const [password, reason] of [['Summer2026!!!!', 'password.common'], ['grace-hopper-1906', 'password.personal']]) {
    const answer = await world.ask('mutation($i: CreateUserInput!) { createUser(input: $i) { userId } }', { i: { email: 'grace@example.org', name: 'Grace Hopper', password } });
    assert.equal(answer.errors[0].extensions.reason, reason);
    assert.equal(answer.errors[0].extensions.field, 'input.password');
  }
});

test('a session is seen, and ended with what is open in its name', { timeout: patience }, async () => {
  const here = await login();
  const there = await login();
  const options = { cookie: here.cookie };
  const list = (await world.graphql('{ sessions { id current userAgent amr acr authTime address } }', {}, options)).sessions;
  assert.equal(list.length, 2);
  assert.deepEqual(list.map((one) => [one.userAgent, one.acr, one.amr.join()]), Array(2).fill(['Phone/1.0', 'aal1', 'pwd']));
  const live = await Live.connect(world, { tenant: 'acme', token: null, headers: { cookie: there.cookie, origin: world.url } });
  live.subscribe('subscription { virtualMachineChanged { cursor } }');
  const ended = list.find((one) => !one.current).id;
  assert.deepEqual((await world.graphql('mutation($id: ID!) { revokeSession(id: $id) { ids } }', { id: ended }, options)).revokeSession.ids, [ended]);
  await until('the socket to be closed', () => live.closed);
  assert.equal(live.closed.code, 4403);
  assert.equal((await send(world, '/auth/session', null, there.cookie)).status, 401);
  assert.equal((await send(world, '/auth/session', null, here.cookie)).status, 200);
  ada.first = here.cookie;
});

test('an app is set up, and the sign-in then takes two steps', { timeout: patience }, async () => {
  const begun = await send(world, '/auth/second-factor', { password: kPassword }, ada.first);
  assert.equal(begun.status, 200, JSON.stringify(begun.body));
  assert.equal(begun.headers.get('cache-control'), 'no-store');
  ada.secret = begun.body.secret;
  ada.used = Math.floor(Date.now() / 30_000) - 2;
  const confirmed = await send(world, '/auth/second-factor/confirm', { code: await fresh() }, ada.first);
  assert.equal(confirmed.status, 200, JSON.stringify(confirmed.body));
  ada.recovery = confirmed.body.recoveryCodes;
  assert.equal(new Set(ada.recovery).size, 10);

  const first = await login();
  assert.equal(first.status, 401);
  assert.equal(first.body.error.code, 'MFA_REQUIRED');
  assert.deepEqual(Object.keys(first.cookies), ['phoenix_challenge']);
  assert.match(first.headers.get('set-cookie'), /; Path=\/auth; HttpOnly; SameSite=Strict; Max-Age=300/);
  const answer = { challenge: first.body.challenge, code: ada.recovery[0] };
  assert.equal((await send(world, '/auth/mfa', answer)).body.error.reason, 'auth.challenge', 'another browser');
  const done = await send(world, '/auth/mfa', answer, first.cookie);
  assert.equal(done.status, 200, JSON.stringify(done.body));
  ada.cookie = `phoenix_session=${done.cookies.phoenix_session}`;
  const session = (await world.graphql('{ sessions { current amr acr } }', {}, { cookie: ada.cookie })).sessions.find((one) => one.current);
  assert.deepEqual(session, { current: true, amr: ['pwd', 'recovery', 'mfa'], acr: 'aal2' });
});

test('a dangerous act wants a fresh code, and is then repeated', { timeout: patience }, async () => {
  const act = (to = world, cookie = ada.cookie) => to.ask('mutation { deleteVirtualMachine(id: "018f0000-0000-7000-8000-000000000009") { operation { id } } }', {}, { tenant: 'acme', cookie });
  const reason = async (...where) => (await act(...where)).errors[0].extensions.reason;
  assert.equal(await reason(), 'vm.not_found', 'the code of the sign-in is fresh');
  // As if it had been given an hour ago.
  sql("update phoenix.sessions set second_factor_at = second_factor_at - interval '1 hour'");
  const stale = await until('the change to be seen', async () => {
    const answer = await act();
    return answer.errors[0].extensions.code === 'MFA_REQUIRED' && answer;
  });
  assert.deepEqual([stale.errors[0].extensions.reason, stale.errors[0].extensions.acr_values, stale.errors[0].extensions.max_age], ['auth.step_up', 'aal2', 300]);
  assert.equal((await send(world, '/auth/step-up', { code: '000000' }, ada.cookie)).body.error.reason, 'auth.code_wrong');
  assert.equal((await send(world, '/auth/step-up', { code: ada.recovery[1] }, ada.cookie)).status, 200);
  assert.equal(await reason(), 'vm.not_found');
  // A token of the command line has no second factor to give.
  assert.equal((await world.ask('mutation { deleteVirtualMachine(id: "018f0000-0000-7000-8000-000000000009") { operation { id } } }', {}, { tenant: 'acme' })).errors[0].extensions.reason, 'vm.not_found');
});

test('an administrator takes a lost app off, and hands out a link for a lost password', { timeout: patience }, async () => {
  const ctl = (...args) => world.ctlJson('user', ...args);
  const user = 'grace@example.org';
  const { userId } = (await world.graphql('mutation($i: CreateUserInput!) { createUser(input: $i) { userId } }', { i: { email: user, name: 'Grace', password: kPassword } })).createUser;
  const there = await send(world, '/auth/login', { email: user, password: kPassword });
  const begun = await send(world, '/auth/second-factor', { password: kPassword }, there.cookie);
  const confirmed = await send(world, '/auth/second-factor/confirm', { code: code(begun.body.secret, Math.floor(Date.now() / 30_000)) }, there.cookie);
  assert.equal(confirmed.status, 200, JSON.stringify(confirmed.body));
  const live = await Live.connect(world, { token: null, headers: { cookie: there.cookie, origin: world.url } });

  assert.deepEqual(await ctl('reset-mfa', 'Grace@Example.org'), { id: userId, secondFactor: false });
  await until('the socket to be closed', () => live.closed);
  assert.equal(live.closed.code, 4403);
  assert.equal((await send(world, '/auth/session', null, there.cookie)).status, 401);
  assert.equal((await send(world, '/auth/login', { email: user, password: kPassword })).status, 200);
  assert.equal((await world.ctlFails('user', 'reset-mfa', user)).reason, 'second_factor.missing');
  assert.equal((await world.ctlFails('user', 'reset-mfa', 'nobody@example.org')).reason, 'user.not_found');

  const { link } = await ctl('reset-password', userId);
  assert.equal(link.split('#')[0], `${world.url}/sign-in`);
  assert.equal((await send(world, '/auth/login', { email: user, password: kPassword })).status, 401);
  const back = await send(world, '/auth/one-time', { token: link.split('#token=')[1] });
  assert.equal(back.status, 200, JSON.stringify(back.body));
  assert.equal(back.body.user.hasPassword, false);
  await world.graphql('mutation($p: String!) { setPassword(password: $p) { userId } }', { p: `${kPassword} again` }, { cookie: back.cookie });
  assert.equal((await send(world, '/auth/login', { email: user, password: `${kPassword} again` })).status, 200);
  assert.equal((await send(world, '/auth/one-time', { token: link.split('#token=')[1] })).status, 401, 'once');

  // Who did it to whom is on record, and the link is not.
  const { nodes } = (await world.graphql('query($u: ID!) { auditLog(filter: {objectId: {eq: $u}}) { nodes { action actor objectId outcome before after } } }', { u: userId })).auditLog;
  for (const action of ['resetSecondFactor', 'resetPassword'])
    assert.ok(nodes.some((row) => row.action === action && row.objectId === userId && row.outcome === 'OK'), `${action}: ${JSON.stringify(nodes)}`);
  assert.ok(!JSON.stringify(nodes).includes(link.split('#token=')[1]));
  // In the portal it is for administrators of the platform alone.
  assert.equal((await world.ask('mutation { resetSecondFactor(account: "grace@example.org") { userId } }', {}, { tenant: 'acme', cookie: ada.cookie })).errors[0].extensions.code, 'FORBIDDEN');
});

test('the app is taken off with a code, and nothing of it was written down', { timeout: patience }, async () => {
  assert.equal((await send(world, '/auth/second-factor/remove', { code: ada.recovery[2] }, ada.cookie)).status, 200);
  assert.equal((await login()).status, 200);
  const log = world.log();
  for (const secret of [ada.secret, ...ada.recovery, kPassword]) assert.ok(!log.includes(secret), 'a secret is in the log');
});
