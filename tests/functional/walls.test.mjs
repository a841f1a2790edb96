// Two tenants on one server: whatever one asks, it never sees anything of the other. The walk is made from the schema
// itself, so a type that is added later is walked too.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Live, RawConnection, World, openConsole, patience, refusal, until, upgradeStatus } from './harness.mjs';
import { SchemaWalk, account, kPassword, named, needed, populate } from './schema-walk.mjs';

// Everything of tenant A carries this word, and nothing else does.
const kMark = 'zebra';
// What belongs to nobody: both tenants see the same.
const kShared = new Set(['Image', 'Site']);

let world;
let beginning;  // of the log, before there were tenants
let schema;
let secrets;  // every id and marked text of tenant A, by type
const a = {};
const b = {};

before(async () => {
  world = await World.start();
  beginning = (await world.graphql('{ eventCursor }')).eventCursor;
  for (const [side, name] of [[a, kMark], [b, 'globex']]) {
    Object.assign(side, await populate(world, name));
    // Booted is a fact of its own that arrives later; what is compared before and after has to stand still.
    await until('the guest to have booted', async () => (await world.machine(name, side.machine.id)).bootedAt);
    side.owner = await account(world, 'owner', name, 'TENANT_OWNER');
    side.viewer = await account(world, 'viewer', name, 'TENANT_VIEWER');
  }
  b.who = { tenant: 'globex', cookie: b.owner.cookie };
  a.who = { tenant: kMark, cookie: a.owner.cookie };
  schema = await SchemaWalk.of(world, b.who);
}, { timeout: 2 * patience });
after(() => world?.close(), { timeout: patience });

// --- the walk ------------------------------------------------------------------------------------------------------

/// No text of an answer may hold anything of tenant A. `given`: ids of A the request itself had named.
function assertClean(text, what) {
  assert.ok(!text.toLowerCase().includes(kMark), `${what} names the other tenant: ${text.slice(0, 600)}`);
  for (const id of secrets) assert.ok(!text.includes(id), `${what} shows ${id} of the other tenant: ${text.slice(0, 600)}`);
}

const roots = (operation) => schema.roots(operation);

const snapshot = (side) => world.graphql(
  `{ virtualMachines(orderBy: NAME) { totalCount nodes { id name state desiredState version } } operations { totalCount } incidents(orderBy: NUMBER) { totalCount nodes { id title status version timeline { totalCount } } }
     alerts { totalCount nodes { id version } } serviceAccounts(orderBy: NAME) { totalCount nodes { id name role } } apiKeys(orderBy: CREATED_AT) { totalCount nodes { id prefix expiresAt rotatedAt } } resources { totalCount } tenant(id: "${side.tenant.id}") { name version members { totalCount nodes { role } } quotas { nodes { dimension used maximum } } } }`,
  {}, { tenant: side.tenant.name });

test('tenant A sees its own things: the walk finds them', { timeout: patience }, async () => {
  const found = new Set();
  const types = new Set();
  const collect = (node, name) => {
    if (Array.isArray(node)) return node.forEach((item) => collect(item, name));
    if (!node || typeof node !== 'object') return;
    if (typeof node.id === 'string' && !kShared.has(name)) found.add(node.id);
    types.add(name);
    for (const [key, value] of Object.entries(node)) {
      const child = schema.get(name)?.fields?.find((f) => f.name === key);
      if (child) collect(value, named(child.type));
    }
  };
  for (const field of roots('Query')) {
    if (field.args.some(needed)) continue;
    const answer = await world.ask(schema.document('query', field, {}, 2), {}, a.who);
    if (answer.data) collect(answer.data[field.name], named(field.type));
  }
  for (const field of roots('Query').filter((f) => f.args.some((arg) => arg.name === 'id')))
    for (const id of [a.tenant.id, a.machine.id, a.machine.operation, a.incident, a.program]) {
      const answer = await world.ask(schema.document('query', field, { id: 1 }, 3), { id }, a.who);
      if (answer.errors) assert.equal(answer.errors[0].extensions.code, 'NOT_FOUND', answer.text);
      if (answer.data?.[field.name]?.id) collect(answer.data[field.name], named(field.type));
    }
  for (const id of [a.tenant.id, a.machine.id, a.machine.operation, a.incident, a.owner.userId, a.program, a.key]) assert.ok(found.has(id), `${id} was not found by the walk`);
  for (const type of ['Tenant', 'VirtualMachine', 'Operation', 'AuditEntry', 'Incident', 'IncidentEntry', 'Alert', 'Resource', 'Quota', 'Membership', 'User', 'ServiceAccount', 'ApiKey'])
    assert.ok(types.has(type), `the walk found no ${type} of tenant A`);
  // The platform's administrator created both tenants and owns both.
  const shared = (await world.graphql('{ me { id } }')).me.id;
  found.delete(shared);
  secrets = [...found];
  assert.ok(secrets.length > 20);
});

test('every list, as tenant B and as its program', { timeout: patience }, async () => {
  for (const field of roots('Query')) {
    if (field.args.some(needed)) continue;
    for (const who of [b.who, { token: b.secret }]) {
      const answer = await world.ask(schema.document('query', field, {}, 2), {}, who);
      if (answer.errors) assert.ok(answer.errors.every((error) => ['FORBIDDEN', 'NOT_FOUND'].includes(error.extensions.code)), `${field.name}: ${answer.text}`);
      assertClean(answer.text, field.name);
    }
  }
  const counts = await snapshot(b);
  assert.equal(counts.virtualMachines.totalCount, 1);
  assert.equal(counts.incidents.totalCount, (await world.graphql('{ incidents { nodes { id } } }', {}, b.who)).incidents.nodes.length);
});

test('every filter, with the ids and texts of A', { timeout: patience }, async () => {
  for (const field of roots('Query')) {
    const filter = field.args.find((arg) => arg.name === 'filter');
    if (!filter || field.name === 'tenants') continue;
    for (const { name, type } of schema.get(named(filter.type)).inputFields) {
      const operators = schema.get(named(type))?.inputFields?.map((input) => input.name) ?? [];
      if (!operators.includes('eq')) continue;
      const kind = named(type);
      if (kShared.has(named(field.type).replace(/Connection$/, ''))) continue;
      const probes = kind === 'IDFilter' ? secrets.slice(0, 30).map((id) => ({ eq: id })) : kind === 'StringFilter' ? [{ contains: kMark }] : [];
      for (const probe of probes) {
        const answer = await world.ask(`query($f: ${named(filter.type)}) { ${field.name}(filter: $f) { totalCount nodes { __typename } } }`, { f: { [name]: probe } }, b.who);
        assert.ok(!answer.errors, `${field.name}.${name}: ${answer.text}`);
        assert.equal(answer.data[field.name].totalCount, 0, `${field.name} by ${name} counts what is another's`);
        assert.deepEqual(answer.data[field.name].nodes, []);
      }
    }
  }
});

test("cursors of A's pages lead B to B's things only", async () => {
  for (const field of ['virtualMachines', 'operations', 'incidents', 'alerts', 'auditLog', 'serviceAccounts', 'apiKeys']) {
    const page = (await world.graphql(`{ ${field}(first: 1) { pageInfo { endCursor } } }`, {}, a.who))[field];
    const answer = await world.ask(`query($c: String) { ${field}(after: $c, first: 500) ${schema.selection(named(roots('Query').find((f) => f.name === field).type), 1)} }`, { c: page.pageInfo.endCursor }, b.who);
    assertClean(answer.text, `${field} after a foreign cursor`);
  }
});

test('every field by id, with every id of A', { timeout: patience }, async () => {
  let asked = 0;
  for (const field of roots('Query')) {
    if (!field.args.some((arg) => arg.name === 'id')) continue;
    const text = schema.document('query', field, { id: 1 }, 2);
    for (const id of secrets) {
      const answer = await world.ask(text, { id }, b.who);
      ++asked;
      if (answer.errors) {
        assert.equal(answer.errors[0].extensions.code, 'NOT_FOUND', `${field.name}: ${answer.text}`);
      } else {
        assert.equal(answer.data[field.name], null, `${field.name} answers for another's id: ${answer.text}`);
      }
      assertClean(answer.text, field.name);
    }
  }
  assert.ok(asked > 100);
});

test('every mutation, with the ids of A: refused, and nothing changed', { timeout: patience }, async () => {
  const before = await snapshot(a);
  for (const field of roots('Mutation')) {
    const ids = field.args.filter((arg) => /Id$|^id$/.test(arg.name) || (schema.get(named(arg.type)).kind === 'INPUT_OBJECT' && schema.get(named(arg.type)).inputFields.some((f) => /Id$/.test(f.name))));
    schema.selection(named(field.type), 1);
    if (!ids.length) continue;
    for (const id of [a.machine.id, a.machine.operation, a.incident, a.tenant.id, a.owner.userId, a.program, a.key]) {
      // Adding a person to B's own tenant is B's right, whoever the person is.
      if (field.name === 'addUserToTenant') continue;
      const given = Object.fromEntries(field.args.filter((arg) => needed(arg) || ids.includes(arg)).map((arg) => [arg.name, schema.sample(arg.type, id, arg.name)]));
      const answer = await world.ask(schema.document('mutation', field, given, 1), given, b.who);
      assert.ok(answer.errors, `${field.name} with a foreign id was accepted: ${answer.text}`);
      assert.ok(['NOT_FOUND', 'FORBIDDEN', 'VALIDATION_ERROR'].includes(answer.errors[0].extensions.code), `${field.name}: ${answer.text}`);
      assertClean(answer.text, field.name);
    }
  }
  assert.deepEqual(await snapshot(a), before);
});

test('names and keys of A are free for B', async () => {
  const twin = await world.createMachine('globex', `${kMark}-vm`.replace(kMark, 'twin'), { key: 'shared-key', cookie: b.owner.cookie });
  await world.machineIn('globex', twin.id, 'RUNNING');
  await world.ask('mutation($id: ID!) { deleteVirtualMachine(id: $id) { operation { id } } }', { id: twin.id }, b.who);
  // Both tenants' first incident is INC-1 and both used the same correlation key: no counter is shared.
  for (const side of [a, b]) assert.deepEqual((await world.graphql('{ incidents(orderBy: NUMBER, first: 1) { nodes { reference id } } }', {}, side.who)).incidents.nodes, [{ reference: 'INC-1', id: side.incident }]);
});

test("the log's numbers are the platform's, so B gets none", async () => {
  // Also no text that stays while nobody does anything: it would tell when somebody did.
  const texts = [];
  for (let i = 0; i < 8; ++i) texts.push((await world.graphql('{ eventCursor }', {}, b.who)).eventCursor);
  assert.equal(new Set(texts).size, texts.length);
  assert.deepEqual([...new Set(texts.map((text) => text.length))], [beginning.length]);
  for (const text of texts) assert.match(text, /^[A-Za-z0-9_-]+$/);
});

test('every subscription of B stays silent about A', { timeout: patience }, async () => {
  const live = await Live.connect(world, { tenant: 'globex', token: null, headers: { cookie: b.owner.cookie, origin: world.url } });
  const start = (await world.graphql('{ eventCursor }', {}, b.who)).eventCursor;
  const streams = [];
  for (const field of roots('Subscription')) {
    if (/Connection$/.test(named(field.type))) {  // a live list: the page as it is, again and again
      streams.push({ field, list: live.subscribe(schema.document('subscription', field, {}, 2), {}) });
      continue;
    }
    const text = schema.document('subscription', field, { after: 1 }, 2);
    streams.push({ field, past: live.subscribe(text, { after: beginning }), now: live.subscribe(text, { after: start }) });
    if (field.args.some((arg) => arg.name === 'id'))
      for (const id of [a.machine.id, a.incident, a.tenant.id, a.machine.operation])
        streams.push({ field, foreign: live.subscribe(schema.document('subscription', field, { after: 1, id: 1 }, 1), { after: beginning, id }) });
  }
  // A is busy.
  await world.graphql('mutation($id: ID!) { pauseVirtualMachine(id: $id) { operation { id } } }', { id: a.machine.id }, a.who);
  await world.machineIn(kMark, a.machine.id, 'PAUSED');
  await world.graphql('mutation($id: ID!) { addIncidentNote(id: $id, body: "more") { incident { id } } }', { id: a.incident }, a.who);
  await world.graphql('mutation($id: ID!) { acknowledgeIncident(id: $id) { incident { id } } }', { id: a.incident }, a.who);
  await world.graphql('mutation($id: ID!) { resumeVirtualMachine(id: $id) { operation { id } } }', { id: a.machine.id }, a.who);
  await world.machineIn(kMark, a.machine.id, 'RUNNING');
  // Then B, so that there is something to wait for: all of A's events come before it.
  await world.graphql('mutation($id: ID!) { addIncidentNote(id: $id, body: "the last line") { incident { id } } }', { id: b.incident }, b.who);
  const entries = streams.find((stream) => stream.now && stream.field.name === 'incidentEntryChanged').now;
  await until("B's own line", () => entries.items.some((item) => item.node?.body === 'the last line'));
  const own = streams.find((stream) => stream.list && stream.field.name === 'virtualMachines').list;
  await until("B's own list", () => own.items.some((item) => item.nodes.some((node) => node.id === b.machine.id)));
  for (const { field, past, now, foreign, list } of streams) {
    for (const stream of [past, now, foreign, list].filter(Boolean)) {
      // The list of tenants is the platform's, as a query, too.
      if (stream === list && field.name === 'tenants') assert.deepEqual(stream.errors.map((error) => error.extensions.code), ['FORBIDDEN']);
      else assert.deepEqual(stream.errors, [], field.name);
      assertClean(JSON.stringify(stream.items), field.name);
    }
    if (foreign) assert.deepEqual(foreign.items, [], `${field.name} of a foreign id`);
  }
  assert.ok(streams.some((stream) => stream.past?.items.length > 0), "B's own past is seen");
  live.close();
});

test('the walk has been everywhere', () => {
  const reachable = new Set();
  const reach = (name) => {
    if (schema.get(name).kind !== 'OBJECT' || reachable.has(name)) return;
    reachable.add(name);
    for (const field of schema.get(name).fields) reach(named(field.type));
  };
  for (const root of ['Query', 'Mutation', 'Subscription']) for (const field of roots(root)) reach(named(field.type));
  assert.deepEqual([...reachable].filter((name) => !schema.visited.has(name)), []);
});

// --- doors ---------------------------------------------------------------------------------------------------------

test('no tenant, no data: also on a connection that has just served another', { timeout: patience }, async () => {
  const connection = await RawConnection.open(world);
  const body = JSON.stringify({ query: '{ virtualMachines { totalCount nodes { id name } } }' });
  const post = (headers) => connection.request('POST', '/graphql', { 'Content-Type': 'application/json', ...headers }, body);
  const cookie = (who) => ({ Cookie: who.cookie, 'X-Phoenix-Csrf': '1' });
  for (let round = 0; round < 5; ++round) {
    assert.equal((await post({ ...cookie(a.owner), 'X-Phoenix-Tenant': kMark })).json().data.virtualMachines.nodes[0].id, a.machine.id);
    const none = await post(cookie(b.owner));
    assertClean(none.text, 'a request without tenant');
    assert.equal(none.json().errors[0].extensions.code, 'FORBIDDEN', none.text);
    const own = await post({ ...cookie(b.owner), 'X-Phoenix-Tenant': 'globex' });
    assertClean(own.text, "B's request");
    assert.ok(own.json().data.virtualMachines.nodes.some((node) => node.id === b.machine.id));
    assert.equal((await post({ 'X-Phoenix-Tenant': kMark })).json().errors[0].extensions.code, 'UNAUTHENTICATED');
    const forgotten = await post(cookie(a.owner));
    assert.equal(forgotten.json().errors[0].extensions.code, 'FORBIDDEN', 'even the same person must say which tenant');
  }
  connection.close();
});

test('both at once, many times, never mixed', { timeout: patience }, async () => {
  const ask = async (side) => {
    const { virtualMachines, incidents } = await world.graphql('{ virtualMachines { nodes { tenant { id } } } incidents { nodes { tenant { id } } } }', {}, side.who);
    for (const node of [...virtualMachines.nodes, ...incidents.nodes]) assert.equal(node.tenant.id, side.tenant.id);
    assert.ok(incidents.nodes.length > 0);
  };
  await Promise.all(Array.from({ length: 300 }, (_, i) => ask(i % 2 ? a : b)));
});

test("another tenant's name and a name nobody has get the same answer", async () => {
  const foreign = await refusal(world.graphql('{ images { totalCount } }', {}, { ...b.who, tenant: kMark }));
  const byId = await refusal(world.graphql('{ images { totalCount } }', {}, { ...b.who, tenant: a.tenant.id }));
  const none = await refusal(world.graphql('{ images { totalCount } }', {}, { ...b.who, tenant: 'no-such-tenant' }));
  for (const answer of [foreign, byId]) assert.deepEqual([answer.status, answer.code, answer.reason, answer.message], [none.status, none.code, none.reason, none.message]);
  assert.equal(none.code, 'NOT_FOUND');
});

test("a tenant's token opens that tenant alone", async () => {
  const token = (await world.ctl('--tenant', kMark, 'token')).stdout.trim();
  const names = async (options) => (await world.graphql('{ virtualMachines { nodes { name } } }', {}, { token, ...options })).virtualMachines.nodes.map((node) => node.name);
  assert.deepEqual(await names({ tenant: kMark }), [`${kMark}-vm`]);
  assert.deepEqual(await names({}), [`${kMark}-vm`], 'without a header it is its own tenant');
  assert.equal((await refusal(names({ tenant: 'globex' }))).code, 'NOT_FOUND');
  // It was minted by the administrator, and yet is no key to the platform.
  assert.deepEqual((await world.graphql('{ tenants { nodes { name } } }', {}, { token })).tenants.nodes, [{ name: kMark }]);
  const quota = (id) => world.graphql('mutation($t: ID!) { setQuota(tenantId: $t, dimension: "vcpus", maximum: 1) { tenant { id } } }', { t: id }, { token });
  const mutate = (text) => world.graphql(`mutation { ${text} }`, {}, { token });
  assert.equal((await refusal(quota(b.tenant.id))).reason, 'scope.platform_required');
  assert.equal((await refusal(mutate('createTenant(input: { name: "third" }) { tenant { id } }'))).reason, 'scope.platform_required');
  assert.equal((await refusal(mutate(`createUser(input: { email: "x@example.org", name: "X", password: "${kPassword}" }) { userId }`))).reason, 'scope.platform_required');
  const live = await Live.connect(world, { tenant: 'globex', token });
  await until('the refusal', () => live.closed);
  assert.equal(live.closed.code, 4403);
});

test('a viewer looks, and changes nothing', { timeout: patience }, async () => {
  const who = { tenant: 'globex', cookie: b.viewer.cookie };
  assert.ok((await world.graphql('{ virtualMachines { totalCount } }', {}, who)).virtualMachines.totalCount >= 1);
  assert.equal((await refusal(world.graphql('{ auditLog { totalCount } }', {}, who))).code, 'FORBIDDEN');
  const before = await snapshot(b);
  for (const field of roots('Mutation')) {
    if (['setPassword', 'revokeSession', 'revokeOtherSessions'].includes(field.name)) continue;  // one's own
    const id = /Incident/.test(field.name) ? b.incident : /Operation/.test(field.name) ? b.machine.operation : b.machine.id;
    const given = Object.fromEntries(field.args.filter(needed).map((arg) => [arg.name, schema.sample(arg.type, id, arg.name)]));
    const answer = await world.ask(schema.document('mutation', field, given, 1), given, who);
    assert.equal(answer.errors?.[0].extensions.code, 'FORBIDDEN', `${field.name}: ${answer.text}`);
  }
  assert.deepEqual(await snapshot(b), before);
  assert.equal(await upgradeStatus(`${world.url}/console/${b.machine.id}?tenant=globex`, 'phoenix-console', { cookie: b.viewer.cookie }), 403);
});

test("an owner is no operator of the platform", async () => {
  for (const query of ['{ tenants { totalCount } }', 'mutation { createTenant(input: { name: "mine" }) { tenant { id } } }',
                       `mutation { setQuota(tenantId: "${b.tenant.id}", dimension: "vcpus", maximum: 1000) { tenant { id } } }`])
    for (const who of [b.who, { cookie: b.owner.cookie }]) assert.equal((await refusal(world.graphql(query, {}, who))).code, 'FORBIDDEN');
  const admin = await refusal(world.graphql('mutation($u: ID!) { addUserToTenant(userId: $u, role: PLATFORM_ADMIN) { membership { id } } }', { u: b.viewer.userId }, b.who));
  assert.equal(admin.field, 'role');
});

test('a stranger sees health and nothing else', async () => {
  assert.equal((await world.graphql('{ health { status } }', {}, { token: null })).health.status, 'ok');
  for (const field of roots('Query')) {
    if (field.name === 'health') continue;
    const given = Object.fromEntries(field.args.filter(needed).map((arg) => [arg.name, a.machine.id]));
    for (const tenant of [undefined, kMark]) {
      const error = await refusal(world.graphql(schema.document('query', field, given, 1), given, { token: null, tenant }));
      assert.equal(error.code, 'UNAUTHENTICATED', `${field.name}: ${error.text}`);
    }
  }
  for (const token of ['nonsense', 'phx_' + 'A'.repeat(43), world.token.slice(0, -1) + (world.token.endsWith('A') ? 'B' : 'A')])
    assert.equal((await refusal(world.graphql('{ me { id } }', {}, { token }))).code, 'UNAUTHENTICATED');
  const live = await Live.connect(world, { tenant: kMark, token: null });
  await until('the refusal', () => live.closed);
  assert.ok([4401, 4403].includes(live.closed.code), JSON.stringify(live.closed));
  assert.equal(await upgradeStatus(`${world.url}/console/${a.machine.id}?tenant=${kMark}`, 'phoenix-console'), 401);
  assert.equal((await fetch(`${world.url}/local/token`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' })).status, 403, 'secrets are for the machine itself');
});

test("an export of the audit log is the tenant's own, and its administrators'", async () => {
  const ask = async (query, who = {}) => {
    const answer = await fetch(`${world.url}/audit/export?${query}`, { headers: who });
    return { status: answer.status, text: await answer.text() };
  };
  const own = await ask('format=jsonl&tenant=globex', { cookie: b.owner.cookie });
  assert.equal(own.status, 200);
  assertClean(own.text, 'the export of B');
  const rows = own.text.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.ok(rows.length > 3 && rows.every((row) => row.tenantId === b.tenant.id));
  assertClean((await ask('format=csv', { 'x-api-key': b.secret })).text, "the export of B's program");
  for (const tenant of [a.tenant.id, kMark, 'nobody'])
    assert.equal((await ask(`tenant=${tenant}`, { cookie: b.owner.cookie })).status, 404, tenant);
  assert.equal((await ask(`tenant=${kMark}`, { 'x-api-key': b.secret })).status, 404);
  assert.equal((await ask('', { cookie: b.owner.cookie })).status, 403, 'no tenant: the platform');
  assert.equal((await ask('tenant=globex', { cookie: b.viewer.cookie })).status, 403);
  assert.equal((await ask('tenant=globex')).status, 401);
});

test("the console of another's machine is not there", async () => {
  const auth = { cookie: b.owner.cookie };
  for (const target of [`${a.machine.id}?tenant=globex`, `${a.machine.id}?tenant=${kMark}`, `${a.machine.id}`, `nonsense?tenant=globex`, `01a20840-0000-7000-8000-000000000000?tenant=globex`])
    assert.equal(await upgradeStatus(`${world.url}/console/${target}`, 'phoenix-console', auth), 404, target);
  assert.equal(await upgradeStatus(`${world.url}/console/${b.machine.id}?tenant=globex`, 'phoenix-console', auth), 101);
});

test('other sites cannot use the cookie', async () => {
  const query = JSON.stringify({ query: 'mutation($id: ID!) { stopVirtualMachine(id: $id) { operation { id } } }', variables: { id: b.machine.id } });
  const post = async (headers) => (await fetch(`${world.url}/graphql`, { method: 'POST', headers: { cookie: b.owner.cookie, 'x-phoenix-tenant': 'globex', ...headers }, body: query })).status;
  const json = { 'content-type': 'application/json' };
  const before = await world.machine('globex', b.machine.id);
  assert.equal(await post(json), 403, 'no CSRF header');
  assert.equal(await post({ 'content-type': 'text/plain', 'x-phoenix-csrf': '1' }), 403, 'a form could send this');
  assert.equal(await post({ ...json, 'x-phoenix-csrf': '1', origin: 'https://evil.example' }), 403);
  assert.equal(await post({ ...json, 'x-phoenix-csrf': '1', origin: 'null' }), 403);
  for (const path of ['/graphql', `/console/${b.machine.id}?tenant=globex`]) {
    const protocol = path === '/graphql' ? 'graphql-transport-ws' : 'phoenix-console';
    assert.equal(await upgradeStatus(world.url + path, protocol, { cookie: b.owner.cookie, origin: 'https://evil.example' }), 403);
    assert.equal(await upgradeStatus(world.url + path, protocol, { cookie: b.owner.cookie, origin: world.url }), 101);
  }
  // By GET, a mutation is refused whoever asks.
  const get = await fetch(`${world.url}/graphql?query=${encodeURIComponent(`mutation { stopVirtualMachine(id: "${b.machine.id}") { operation { id } } }`)}`, { headers: { cookie: b.owner.cookie, 'x-phoenix-tenant': 'globex' } });
  assert.ok(get.status === 405 || (await get.json()).errors, 'a mutation by GET');
  assert.deepEqual(await world.machine('globex', b.machine.id), before);
});

test('signing out ends the session, also for what is open', { timeout: patience }, async () => {
  const who = await account(world, 'leaver', 'globex', 'TENANT_MEMBER');
  const live = await Live.connect(world, { tenant: 'globex', token: null, headers: { cookie: who.cookie } });
  assert.ok(live.acknowledged);
  const console_ = await openConsole(world, 'globex', b.machine.id, null, { cookie: who.cookie });
  const out = await fetch(`${world.url}/auth/logout`, { method: 'POST', headers: { cookie: who.cookie, 'content-type': 'application/json', 'x-phoenix-csrf': '1' }, body: '{}' });
  assert.ok(out.ok, await out.text());
  assert.equal((await fetch(`${world.url}/auth/session`, { headers: { cookie: who.cookie } })).status, 401);
  assert.equal((await refusal(world.graphql('{ images { totalCount } }', {}, { tenant: 'globex', cookie: who.cookie }))).code, 'UNAUTHENTICATED');
  await until('the sockets to be closed', () => live.closed && console_.closed);
  assert.deepEqual(live.closed, { code: 4403, reason: 'auth.revoked' });
  assert.deepEqual(console_.closed, { code: 4403, reason: 'auth.revoked' });
});

test('who is removed or loses the role is disconnected, consoles included', { timeout: patience }, async () => {
  const who = await account(world, 'guest', 'globex', 'TENANT_MEMBER');
  const open = async () => {
    const live = await Live.connect(world, { tenant: 'globex', token: null, headers: { cookie: who.cookie } });
    assert.ok(live.acknowledged, JSON.stringify(live.closed));
    return { live, console_: await openConsole(world, 'globex', b.machine.id, null, { cookie: who.cookie }) };
  };
  const closed = async ({ live, console_ }, expected) => {
    await until('both to be closed', () => live.closed && console_.closed);
    assert.deepEqual([live.closed, console_.closed], [expected, expected]);
  };
  const bystander = await Live.connect(world, { tenant: 'globex', token: null, headers: { cookie: b.owner.cookie } });
  const member = await open();
  await world.graphql('mutation($u: ID!) { addUserToTenant(userId: $u, role: TENANT_ADMIN) { membership { role } } }', { u: who.userId }, b.who);
  await closed(member, { code: 1013, reason: 'auth.role_changed' });
  const admin = await open();
  const gone = await world.graphql('mutation($u: ID!) { removeUserFromTenant(userId: $u) { userId tenantId } }', { u: who.userId }, b.who);
  assert.deepEqual(gone.removeUserFromTenant, { userId: who.userId, tenantId: b.tenant.id });
  await closed(admin, { code: 4403, reason: 'tenant.not_found' });
  assert.equal((await refusal(world.graphql('{ images { totalCount } }', {}, { tenant: 'globex', cookie: who.cookie }))).reason, 'tenant.not_found');
  assert.equal(bystander.closed, null);
  bystander.close();
});
