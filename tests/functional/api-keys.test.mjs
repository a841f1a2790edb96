// Programs: service accounts and their keys, over every way in, with the real binary.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Live, World, patience, refusal, sleep, until, upgradeStatus } from './harness.mjs';

let world;
const secrets = [];  // every key that was ever shown
const acme = { tenant: 'acme' };
const kCreateKey = 'mutation($i: CreateApiKeyInput!) { createApiKey(input: $i) { secret apiKey { id prefix scopes allowedAddresses expiresAt } } }';

async function account(name, { tenant = 'acme', role } = {}) {
  return (await world.graphql('mutation($i: CreateServiceAccountInput!) { createServiceAccount(input: $i) { serviceAccount { id } } }',
                              { i: { name, role } }, { tenant })).createServiceAccount.serviceAccount.id;
}

async function newKey(serviceAccountId, input = {}, options = acme) {
  const { createApiKey } = await world.graphql(kCreateKey, { i: { serviceAccountId, ...input } }, options);
  secrets.push(createApiKey.secret);
  return { secret: createApiKey.secret, ...createApiKey.apiKey };
}

const revoke = (id) => world.graphql('mutation($id: ID!) { revokeApiKey(id: $id) { apiKeyId } }', { id }, acme);
/// Options of a request that proves itself by the header of programs.
const by = (secret, more = {}) => ({ token: null, ...more, headers: { 'x-api-key': secret } });
const declare = (title, options) => world.graphql('mutation($i: DeclareIncidentInput!) { declareIncident(input: $i) { incident { id } } }', { i: { title, severity: 'P3' } }, options);
const titles = async (options) => (await world.graphql('{ incidents(orderBy: NUMBER) { nodes { title } } }', {}, options)).incidents.nodes.map(({ title }) => title);

function sql(text) {
  const psql = ['/usr/lib/postgresql/15/bin/psql', '/usr/bin/psql'].find((file) => fs.existsSync(file));
  return execFileSync(psql, ['-XAtq', '-h', path.join(world.data, 'postgres/socket'), '-U', 'phoenix_owner', '-d', 'phoenix', '-c', text], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

let ci;   // a member's account
let key;  // with the scopes that keys have when nothing is said

before(async () => {
  world = await World.start();
  await world.createTenant('acme');
  await world.createTenant('globex');
  await declare('Of globex', { tenant: 'globex' });
  ci = await account('ci');
  key = await newKey(ci);
}, { timeout: patience });
after(() => world?.close(), { timeout: patience });

// --- ways in -------------------------------------------------------------------------------------------------------

test('a key is a proof over HTTP, as a bearer token and in a header of its own', async () => {
  assert.match(key.secret, /^phxk_[A-Za-z0-9_-]{43}$/);
  assert.equal(key.prefix, key.secret.slice(0, 11));
  await declare('By bearer', { token: key.secret });
  await declare('By header', by(key.secret, acme));
  assert.deepEqual(await titles(by(key.secret)), ['By bearer', 'By header']);
  const get = await fetch(`${world.url}/graphql?query=${encodeURIComponent('{ me { id email platformAdmin memberships { tenantName role } } }')}`, { headers: { 'x-api-key': key.secret } });
  assert.deepEqual((await get.json()).data.me, { id: ci, email: 'service:ci@acme', platformAdmin: false, memberships: [{ tenantName: 'acme', role: 'TENANT_MEMBER' }] });
  const { auditLog } = await world.graphql('{ auditLog(filter: { action: { eq: "declareIncident" } }) { nodes { actor } } }', {}, acme);
  assert.deepEqual(auditLog.nodes.map(({ actor }) => actor), ['service:ci@acme', 'service:ci@acme']);
});

test('a key opens a WebSocket, in connection_init and by header', { timeout: patience }, async () => {
  for (const options of [{ token: key.secret }, { tenant: 'acme', token: key.secret }, { token: null, headers: { 'x-api-key': key.secret } }, { token: null, headers: { authorization: `Bearer ${key.secret}` } }]) {
    const live = await Live.connect(world, options);
    assert.ok(live.acknowledged, JSON.stringify(live.closed));
    const stream = live.subscribe('subscription { incidentChanged { node { title } } }');
    const list = live.subscribe('subscription { incidents(first: 1) { totalCount } }');
    await until('the list', () => list.items.length);
    const title = `Live ${JSON.stringify(Object.keys(options))} ${options.headers ? Object.keys(options.headers) : ''}`;
    await declare(title, acme);
    await until('the incident', () => stream.items.some((item) => item.node?.title === title));
    live.close();
  }
});

/// The events of a stream until it ends.
async function events(response, into) {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const event = Object.fromEntries(text.slice(0, end).split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
      if (event.event) into.push(event);
    }
  }
}

const stream = (secret) => fetch(`${world.url}/graphql`, {
  method: 'POST', signal: AbortSignal.timeout(patience), headers: { 'content-type': 'application/json', accept: 'text/event-stream', 'x-api-key': secret },
  body: JSON.stringify({ query: 'subscription { incidentChanged { node { title } } }' }),
});

test('a key opens an event stream, and its revocation ends it with the sockets, at once', { timeout: patience }, async () => {
  const mine = await newKey(ci);
  const response = await stream(mine.secret);
  assert.match(response.headers.get('content-type'), /^text\/event-stream/);
  const seen = [];
  const reading = events(response, seen);
  await declare('Streamed', acme);
  await until('the incident', () => seen.some(({ data }) => data.includes('Streamed')));
  const live = await Live.connect(world, { token: mine.secret });
  const bystander = await Live.connect(world, { token: key.secret });
  const since = Date.now();
  await revoke(mine.id);
  await until('the socket to be closed', () => live.closed);
  await reading;
  assert.ok(Date.now() - since < 30_000, 'not only when rights are looked at again, once a minute');
  assert.deepEqual(live.closed, { code: 4403, reason: 'auth.revoked' });
  assert.equal(seen.at(-1).event, 'complete');
  assert.equal(JSON.parse(seen.at(-2).data).errors[0].extensions.code, 'FORBIDDEN');
  assert.equal((await refusal(titles(by(mine.secret)))).reason, 'auth.invalid');
  assert.equal((await refusal(titles({ token: mine.secret }))).code, 'UNAUTHENTICATED');
  assert.equal(bystander.closed, null);
  bystander.close();
  assert.equal((await refusal(revoke(mine.id))).reason, 'api_key.not_found');
});

test('deleting the account ends all its keys, and what is open', { timeout: patience }, async () => {
  const short = await account('short');
  const keys = [await newKey(short), await newKey(short)];
  const sockets = await Promise.all(keys.map(({ secret }) => Live.connect(world, { token: secret })));
  await world.graphql('mutation($id: ID!) { deleteServiceAccount(id: $id) { serviceAccountId } }', { id: short }, acme);
  await until('both to be closed', () => sockets.every((live) => live.closed));
  for (const { secret } of keys) assert.equal((await refusal(titles(by(secret)))).reason, 'auth.invalid');
});

test('what is no key, or two proofs at once, opens nothing', async () => {
  const last = key.secret.at(-1) === 'A' ? 'Q' : 'A';
  for (const wrong of ['phxk_', 'phxk_nonsense', key.secret.slice(0, -1) + last, `${key.secret}A`, world.token]) {
    const answer = await refusal(titles(by(wrong, acme)));
    assert.deepEqual([answer.code, answer.reason], ['UNAUTHENTICATED', 'auth.invalid'], wrong);
  }
  const both = await refusal(titles({ ...acme, headers: { 'x-api-key': key.secret } }));
  assert.equal(both.reason, 'auth.invalid');
});

// --- what a key may ------------------------------------------------------------------------------------------------

test('scopes limit, whatever the role', { timeout: patience }, async () => {
  const admin = await account('admin', { role: 'TENANT_ADMIN' });
  const only = async (...scopes) => (await newKey(admin, { scopes })).secret;
  const [read, write, console_, alerts] = [await only('READ'), await only('WRITE'), await only('CONSOLE'), await only('ALERTS')];
  const scope = async (promise) => { const answer = await refusal(promise); assert.equal(answer.code, 'FORBIDDEN'); return answer.reason; };

  assert.ok((await titles(by(read))).length > 0);
  const before = await titles(acme);
  assert.equal(await scope(declare('Not by READ', by(read))), 'api_key.scope');
  for (const secret of [write, console_, alerts]) assert.equal(await scope(titles(by(secret))), 'api_key.scope');
  for (const secret of [console_, alerts]) assert.equal(await scope(declare('Not so', by(secret))), 'api_key.scope');
  assert.deepEqual(await titles(acme), before, 'nothing was done');
  await declare('By WRITE', by(write));

  // Over a socket the same: it opens, and does what the scope says.
  const live = await Live.connect(world, { token: write });
  const refused = live.subscribe('subscription { incidentChanged { node { title } } }');
  const asked = live.subscribe('{ incidents { totalCount } }');
  await until('both to be refused', () => refused.ended && asked.ended);
  assert.equal(refused.errors[0].extensions.reason, 'api_key.scope');
  assert.equal(asked.errors[0].extensions.reason, 'api_key.scope');
  live.close();
  const reader = await Live.connect(world, { token: read });
  const mutation = reader.subscribe('mutation { declareIncident(input: { title: "no", severity: P3 }) { incident { id } } }');
  await until('it to be refused', () => mutation.ended);
  assert.equal(mutation.errors[0].extensions.reason, 'api_key.scope');
  reader.close();

  const nowhere = `${world.url}/console/01a20840-0000-7000-8000-000000000000`;
  assert.equal(await upgradeStatus(nowhere, 'phoenix-console', { 'x-api-key': read }), 403);
  assert.equal(await upgradeStatus(nowhere, 'phoenix-console', { 'x-api-key': console_ }), 404, 'it may, but there is no such machine');
  const alert = (secret) => fetch(`${world.url}/webhooks/alertmanager`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
    body: JSON.stringify({ version: '4', alerts: [{ status: 'firing', labels: { alertname: 'Disk' }, annotations: {}, startsAt: '2026-01-01T00:00:00Z' }] }) });
  assert.equal((await alert(write)).status, 403);
  assert.equal((await alert(alerts)).status, 200);
  assert.ok((await world.graphql('{ alerts { nodes { name } } }', {}, acme)).alerts.nodes.some(({ name }) => name === 'Disk'), 'it came to the tenant of the key');
});

test("the account's role bounds it", async () => {
  const viewer = await newKey(await account('viewer', { role: 'TENANT_VIEWER' }));
  assert.ok((await titles(by(viewer.secret))).length > 0);
  assert.equal((await refusal(declare('Not by a viewer', by(viewer.secret)))).reason, 'auth.forbidden');
  assert.equal((await refusal(world.graphql('{ serviceAccounts { totalCount } }', {}, by(key.secret)))).reason, 'auth.forbidden', 'a member does not see the keys');
});

test('a key of one tenant sees nothing of another, and cannot name it', { timeout: patience }, async () => {
  const none = await refusal(titles(by(key.secret, { tenant: 'no-such-tenant' })));
  const globexId = (await world.graphql('{ tenants(filter: { name: { eq: "globex" } }) { nodes { id } } }')).tenants.nodes[0].id;
  for (const tenant of ['globex', globexId]) {
    const foreign = await refusal(titles(by(key.secret, { tenant })));
    assert.deepEqual([foreign.status, foreign.code, foreign.reason, foreign.message], [none.status, none.code, none.reason, none.message]);
  }
  assert.equal(none.code, 'NOT_FOUND');
  for (const options of [{ token: key.secret }, by(key.secret), by(key.secret, acme)]) assert.ok(!(await titles(options)).includes('Of globex'));
  const live = await Live.connect(world, { tenant: 'globex', token: key.secret });
  await until('the refusal', () => live.closed);
  assert.equal(live.closed.code, 4403);
  const wide = await newKey(await account('wide', { role: 'TENANT_ADMIN' }));
  assert.equal((await refusal(world.graphql('{ tenants { nodes { name } } }', {}, by(wide.secret)))).reason, 'auth.forbidden');
  assert.equal((await world.graphql('query($id: ID!) { tenant(id: $id) { name } }', { id: globexId }, by(wide.secret))).tenant, null);
  const theirs = await account('theirs', { tenant: 'globex' });
  assert.equal((await refusal(newKey(theirs))).reason, 'service_account.not_found');
});

test('programs make no keys, no accounts, and are no people', async () => {
  const admin = await newKey((await world.graphql('{ serviceAccounts(filter: { name: { eq: "admin" } }) { nodes { id } } }', {}, acme)).serviceAccounts.nodes[0].id);
  const mutate = (text) => refusal(world.graphql(`mutation { ${text} }`, {}, by(admin.secret)));
  for (const text of ['createServiceAccount(input: { name: "another" }) { serviceAccount { id } }', `createApiKey(input: { serviceAccountId: "${ci}" }) { secret }`,
                      `rotateApiKey(id: "${key.id}") { secret }`, `revokeApiKey(id: "${key.id}") { apiKeyId }`, `deleteServiceAccount(id: "${ci}") { serviceAccountId }`])
    assert.equal((await mutate(text)).reason, 'api_key.person_required', text);
  assert.equal((await mutate('setPassword(password: "correct horse battery staple") { userId }')).reason, 'user.token_bound');
  assert.equal((await fetch(`${world.url}/auth/session`, { headers: { 'x-api-key': admin.secret } })).status, 401);
  const out = await fetch(`${world.url}/auth/logout`, { method: 'POST', headers: { 'x-api-key': admin.secret } });
  assert.equal(out.status, 403);
  await titles(by(admin.secret));
});

/// A request from one of this machine's other addresses.
const from = (localAddress, secret) => new Promise((resolve, reject) => {
  const request = http.request(`${world.url}/graphql`, { method: 'POST', localAddress, agent: false, headers: { 'content-type': 'application/json', 'x-api-key': secret } }, async (response) => {
    let text = '';
    for await (const chunk of response) text += chunk;
    resolve({ status: response.statusCode, ...JSON.parse(text) });
  });
  request.on('error', reject);
  request.end(JSON.stringify({ query: '{ incidents { totalCount } }' }));
});

test('a key comes from its networks only, over every way in', { timeout: patience }, async () => {
  const mine = await newKey(ci, { allowedAddresses: ['127.0.0.2', '192.0.2.77/24'] });
  assert.deepEqual(mine.allowedAddresses, ['127.0.0.2/32', '192.0.2.0/24']);
  assert.ok((await from('127.0.0.2', mine.secret)).data.incidents.totalCount > 0);
  const elsewhere = await from('127.0.0.1', mine.secret);
  assert.equal(elsewhere.errors[0].extensions.code, 'UNAUTHENTICATED');
  assert.equal(elsewhere.errors[0].extensions.reason, 'api_key.address');
  const sockets = [{ token: mine.secret }, { token: null, headers: { 'x-api-key': mine.secret } }];
  for (const options of sockets) {
    const open = await Live.connect(world, { ...options, localAddress: '127.0.0.2' });
    assert.ok(open.acknowledged, JSON.stringify(open.closed));
    open.close();
    const shut = await Live.connect(world, options);
    await until('the refusal', () => shut.closed);
    assert.deepEqual(shut.closed, { code: 4403, reason: 'api_key.address' });
  }
  assert.match(await (await stream(mine.secret)).text(), /api_key\.address/);
  assert.equal((await refusal(newKey(ci, { allowedAddresses: ['everywhere'] }))).reason, 'api_key.network');
});

// --- its life ------------------------------------------------------------------------------------------------------

test('a key ends at its time, and so does what is open in its name', { timeout: patience }, async () => {
  const mine = await newKey(ci, { expiresAt: new Date(Date.now() + 6000).toISOString() });
  assert.ok((await titles(by(mine.secret))).length > 0);
  const live = await Live.connect(world, { token: mine.secret });
  assert.ok(live.acknowledged);
  await until('the end', () => live.closed);
  assert.deepEqual(live.closed, { code: 4403, reason: 'auth.expired' });
  const answer = await refusal(titles(by(mine.secret)));
  assert.deepEqual([answer.code, answer.reason], ['UNAUTHENTICATED', 'api_key.expired']);
  assert.equal((await refusal(newKey(ci, { expiresAt: '2020-01-01T00:00:00Z' }))).reason, 'api_key.expiry');
});

test('a key is replaced without a gap', { timeout: patience }, async () => {
  const old = await newKey(ci, { scopes: ['READ'], allowedAddresses: ['127.0.0.0/8'] });
  const rotate = async (id, overlapSeconds) => {
    const { rotateApiKey } = await world.graphql('mutation($id: ID!, $s: Int!) { rotateApiKey(id: $id, overlapSeconds: $s) { secret apiKey { id scopes allowedAddresses expiresAt serviceAccount { name } } } }',
                                                 { id, s: overlapSeconds }, acme);
    secrets.push(rotateApiKey.secret);
    return { secret: rotateApiKey.secret, ...rotateApiKey.apiKey };
  };
  const next = await rotate(old.id, 5);
  assert.notEqual(next.secret, old.secret);
  assert.deepEqual([next.scopes, next.allowedAddresses, next.expiresAt, next.serviceAccount.name], [['READ'], ['127.0.0.0/8'], null, 'ci']);
  assert.ok((await titles(by(old.secret))).length > 0, 'both work for the overlap');
  assert.ok((await titles(by(next.secret))).length > 0);
  assert.equal((await refusal(rotate(old.id, 5))).reason, 'api_key.rotated');
  const ended = await until('the old one to end', async () => {
    assert.ok((await titles(by(next.secret))).length > 0);
    try { await titles(by(old.secret)); return false; } catch (error) { return error.reason; }
  });
  assert.equal(ended, 'api_key.expired');
  const live = await Live.connect(world, { token: next.secret });
  const last = await rotate(next.id, 0);
  await until('what was open to be closed', () => live.closed);
  assert.deepEqual(live.closed, { code: 4403, reason: 'auth.revoked' });
  assert.equal((await refusal(titles(by(next.secret)))).reason, 'api_key.expired');
  assert.ok((await titles(by(last.secret))).length > 0);
});

test('that a key was used is known to the minute, and costs no write a request', { timeout: patience }, async () => {
  const mine = await newKey(ci);
  const row = () => sql(`select xmin, last_used_at is not null from phoenix.api_keys where id = '${mine.id}'`).split('|');
  const [, usedBefore] = row();
  assert.equal(usedBefore, 'f');
  await titles(by(mine.secret));
  const [first, used] = row();
  assert.equal(used, 't');
  // Longer than a proof is believed without the database (5 s), so that it is asked again in between.
  for (const end = Date.now() + 7000; Date.now() < end; await sleep(20)) await titles(by(mine.secret));
  assert.equal(row()[0], first, 'no version of the row was written since');
  const { apiKeys } = await world.graphql('query($p: String!) { apiKeys(filter: { prefix: { eq: $p } }) { nodes { id lastUsedAt } } }', { p: mine.prefix }, acme);
  assert.equal(apiKeys.nodes[0].id, mine.id);
  assert.ok(Math.abs(Date.parse(apiKeys.nodes[0].lastUsedAt) - Date.now()) < 120_000);
  sql(`update phoenix.api_keys set last_used_at = last_used_at - interval '2 minutes' where id = '${mine.id}'`);
  await until('the next use to be written', async () => { await titles(by(mine.secret)); return row()[0] !== first && sql(`select last_used_at > phoenix.now() - interval '1 minute' from phoenix.api_keys where id = '${mine.id}'`) === 't'; });
});

test('lists are live', { timeout: patience }, async () => {
  const live = await Live.connect(world, acme);
  const keys = live.subscribe('subscription { apiKeys(first: 5, orderBy: CREATED_AT, direction: DESC) { nodes { id rotatedAt } } }');
  const accounts = live.subscribe('subscription { serviceAccounts(orderBy: NAME) { nodes { name keys { totalCount } } } }');
  const has = (stream, check) => until('the list', () => check(stream.items.at(-1)?.nodes ?? []));
  await has(keys, (nodes) => nodes.length === 5);
  const watched = await account('watched');
  const mine = await newKey(watched);
  await has(keys, (nodes) => nodes[0]?.id === mine.id);
  await has(accounts, (nodes) => nodes.some(({ name, keys: { totalCount } }) => name === 'watched' && totalCount === 1));
  await revoke(mine.id);
  await has(keys, (nodes) => nodes.every(({ id }) => id !== mine.id));
  await has(accounts, (nodes) => nodes.some(({ name, keys: { totalCount } }) => name === 'watched' && totalCount === 0));
  live.close();
});

test('the key is shown once: a repetition does not tell it', async () => {
  const ask = () => world.graphql(kCreateKey, { i: { serviceAccountId: ci } }, { ...acme, key: 'make-one-key' });
  const first = (await ask()).createApiKey;
  secrets.push(first.secret);
  const again = (await ask()).createApiKey;
  assert.deepEqual([again.apiKey.id, again.secret], [first.apiKey.id, null]);
  const fields = (await world.graphql('{ __type(name: "ApiKey") { fields { name } } }', {}, acme)).__type.fields.map(({ name }) => name);
  assert.ok(!fields.some((name) => /secret|digest/i.test(name)), String(fields));
});

// --- the command line ----------------------------------------------------------------------------------------------

test('ctl makes, lists, replaces and ends accounts and keys', { timeout: patience }, async () => {
  const ctl = (...args) => world.ctlJson('--tenant', 'acme', ...args);
  const fails = (...args) => world.ctlFails('--tenant', 'acme', ...args);
  const made = await ctl('service-account', 'create', 'deployer', '--role', 'TENANT_VIEWER');
  assert.deepEqual([made.name, made.role], ['deployer', 'TENANT_VIEWER']);
  assert.ok((await ctl('service-account', 'list')).some(({ id }) => id === made.id));
  assert.equal((await fails('service-account', 'create', 'deployer')).reason, 'service_account.name_taken');

  const first = await ctl('key', 'create', 'deployer', '--scope', 'READ', '--allow', '127.0.0.0/8', '--ttl', '3600');
  secrets.push(first.secret);
  assert.deepEqual([first.serviceAccount.name, first.scopes, first.allowedAddresses], ['deployer', ['READ'], ['127.0.0.0/8']]);
  assert.ok(Math.abs(Date.parse(first.expiresAt) - Date.now() - 3_600_000) < 300_000);
  assert.ok((await titles(by(first.secret))).length > 0);
  const listed = (await ctl('key', 'list')).find(({ id }) => id === first.id);
  assert.equal(listed.prefix, first.prefix);
  assert.ok(!JSON.stringify(listed).includes(first.secret));

  const second = await ctl('key', 'rotate', first.prefix, '--overlap', '0');
  secrets.push(second.secret);
  assert.equal((await refusal(titles(by(first.secret)))).reason, 'api_key.expired');
  assert.ok((await titles(by(second.secret))).length > 0);
  assert.deepEqual(await ctl('key', 'revoke', second.id), { id: second.id, revoked: true });
  assert.equal((await refusal(titles(by(second.secret)))).reason, 'auth.invalid');
  assert.equal((await fails('key', 'revoke', 'phxk_absent')).reason, 'api_key.not_found');
  assert.equal((await fails('key', 'create', 'nobody')).reason, 'service_account.not_found');

  // For people: the key on stdout, the warning beside it.
  const text = await world.ctl('--tenant', 'acme', 'key', 'create', 'deployer');
  assert.equal(text.code, 0, text.stderr);
  const secret = /^secret: (phxk_\S+)$/m.exec(text.stdout)[1];
  secrets.push(secret);
  assert.match(text.stdout, /^scopes: \["READ","WRITE"\]$/m);
  assert.match(text.stderr, /only time/);
  // The command line itself works with a key.
  const file = path.join(world.base, 'key');
  fs.writeFileSync(file, secret, { mode: 0o600 });
  const used = await world.ctl('--server', world.url, '--token-file', file, 'incident', 'list');
  assert.equal(used.code, 0, used.stderr);
  fs.rmSync(file);
  const refused = await world.ctl('--tenant', 'acme', 'key', 'create', 'deployer', '--scope', 'EVERYTHING');
  assert.equal(refused.code, 2);

  assert.deepEqual(await ctl('service-account', 'delete', 'deployer'), { id: made.id, deleted: true });
  assert.equal((await refusal(titles(by(secret)))).reason, 'auth.invalid');
});

test("ctl's help says what there is", async () => {
  for (const [words, mentions] of [[['service-account'], ['create', 'list', 'delete']], [['key'], ['create', 'list', 'rotate', 'revoke']],
                                   [['key', 'create'], ['--scope', '--allow', '--ttl']], [['key', 'rotate'], ['--overlap']], [['service-account', 'create'], ['--role']]]) {
    const help = await world.ctl(...words, '--help');
    assert.equal(help.code, 0, help.stderr);
    for (const word of mentions) assert.ok(help.stdout.includes(word), `${words}: ${word}`);
  }
});

// --- last: nothing of it stays --------------------------------------------------------------------------------------

test('no key is in any log, in the audit, or anywhere on the disk', { timeout: patience }, async () => {
  assert.ok(secrets.length > 20 && secrets.every((secret) => secret.length === 48));
  const { auditLog } = await world.graphql('{ auditLog(first: 500, filter: { action: { in: ["createApiKey", "rotateApiKey", "revokeApiKey"] } }) { nodes { action before after actor } } }', {}, acme);
  const audit = JSON.stringify(auditLog);
  for (const action of ['createApiKey', 'rotateApiKey', 'revokeApiKey']) assert.ok(auditLog.nodes.some((entry) => entry.action === action), action);
  assert.ok(audit.includes(key.prefix), 'it says which key');
  // Everything: logs of all starts, tables, write-ahead log, what PostgreSQL wrote down itself.
  const parts = secrets.flatMap((secret) => ['-e', secret.slice(5, 40)]);
  let found = '';
  try {
    found = execFileSync('grep', ['-rlaF', ...parts, world.base], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    assert.ok(error.status === 1 || error.status === 2, String(error));  // nothing; 2: a file or socket that cannot be read
    found = error.stdout;
  }
  assert.equal(found, '');
  for (const secret of secrets) assert.ok(!world.log().includes(secret.slice(5, 40)) && !audit.includes(secret.slice(5, 40)));
  assert.ok(world.log().includes('"event":"http.request"'));
});
