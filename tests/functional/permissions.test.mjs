// Who may do what: every field of Query, Mutation and Subscription, and every other door, asked by every kind of caller,
// compared with docs/security/permissions.md, where a person can read it. PHX_UPDATE_GOLDEN=1 writes that page anew.
// Rules that hold whatever the page says are checked beside it.
//
// A cell says what the permission check answered: 'yes' also when the request itself was refused afterwards, as one with
// a malformed name is. Things are asked for that exist, of this tenant, so that NOT_FOUND is an answer about the caller.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Live, World, patience, root, until, upgradeStatus } from './harness.mjs';
import { SchemaWalk, account, kPassword, named, needed, populate } from './schema-walk.mjs';

const page = path.join(root, 'docs/security/permissions.md');
const answers = { yes: 'yes', scope: 'other scope', unauthenticated: 'UNAUTHENTICATED', forbidden: 'FORBIDDEN', notFound: 'NOT_FOUND' };

let world;
let schema;
let beginning;      // of the event log
let acme, globex;   // this tenant, and the other one
let image;
let callers;        // column → options of a request
const people = {};  // with an account and for the mutations about members
const matrix = {};  // section → row → column → answer

before(async () => {
  world = await World.start();
  beginning = (await world.graphql('{ eventCursor }')).eventCursor;
  acme = await populate(world, 'acme');
  globex = await populate(world, 'globex');
  for (const [name, role] of [['owner', 'TENANT_OWNER'], ['admin', 'TENANT_ADMIN'], ['member', 'TENANT_MEMBER'], ['viewer', 'TENANT_VIEWER'], ['nobody'], ['newcomer'], ['leaver']])
    people[name] = await account(world, name, 'acme', role);
  people.foreigner = await account(world, 'owner', 'globex', 'TENANT_OWNER');
  image = (await world.graphql('{ images { nodes { id } } }')).images.nodes[0].id;
  const person = (name, tenant) => ({ tenant, cookie: people[name].cookie, token: null });
  const key = async (scope) => ({ token: (await freshKey(acme.program, [scope])).secret });
  callers = {
    'owner': person('owner', 'acme'), 'admin': person('admin', 'acme'), 'member': person('member', 'acme'), 'viewer': person('viewer', 'acme'),
    'key: READ': await key('READ'), 'key: WRITE': await key('WRITE'), 'key: CONSOLE': await key('CONSOLE'), 'key: ALERTS': await key('ALERTS'),
    'no tenant': person('member'), 'nobody': person('nobody', 'acme'), 'foreign': person('foreigner', 'acme'), 'foreign, at home': person('foreigner', 'globex'),
    'anonymous': { tenant: 'acme', token: null }, 'platform': { tenant: 'acme' }, 'platform, all': {},
  };
  schema = await SchemaWalk.of(world, callers.owner);
}, { timeout: patience });
after(() => world?.close(), { timeout: patience });

async function freshKey(serviceAccountId, scopes) {
  const { createApiKey } = await world.graphql('mutation($i: CreateApiKeyInput!) { createApiKey(input: $i) { secret apiKey { id } } }', { i: { serviceAccountId, scopes } }, { tenant: 'acme' });
  return { secret: createApiKey.secret, id: createApiKey.apiKey.id };
}
let made = 0;
const freshProgram = async () => (await world.graphql('mutation($i: CreateServiceAccountInput!) { createServiceAccount(input: $i) { serviceAccount { id } } }',
                                                      { i: { name: `throwaway-${++made}` } }, { tenant: 'acme' })).createServiceAccount.serviceAccount.id;
let spare;
/// A machine that nobody has deleted yet.
async function spareMachine() {
  const known = spare && (await world.machine('acme', spare, 'desiredState'));
  if (!known || known.desiredState === 'DELETED') spare = (await world.createMachine('acme', `spare-${++made}`)).id;
  return spare;
}
/// Another session of the caller's, who is an account or a key; keys have none.
async function spareSession({ cookie, token }) {
  const person = Object.values(people).find((one) => one.cookie === cookie);
  if (token && !cookie) return randomUUID();
  const [door, proof] = person ? ['login', { email: person.email, password: kPassword }]
    : ['one-time', { token: (await world.ctl('sign-in-link')).stdout.trim().split('#token=')[1] }];
  const response = await fetch(`${world.url}/auth/${door}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(proof) });
  assert.equal(response.status, 200, door);
  const { sessions } = await world.graphql('{ sessions { id current } }', {}, person ? { cookie, token: null } : {});
  return sessions.find((one) => !one.current).id;
}
const join = (userId) => world.graphql('mutation($u: ID!) { addUserToTenant(userId: $u, role: TENANT_VIEWER) { membership { id } } }', { u: userId }, { tenant: 'acme' });

// --- what is asked for ---------------------------------------------------------------------------------------------

/// An id of this tenant by the type that a query answers with.
const kIds = {
  VirtualMachine: () => acme.machine.id, Resource: () => acme.machine.id, Operation: () => acme.machine.operation, Incident: () => acme.incident,
  Tenant: () => acme.tenant.id, ServiceAccount: () => acme.program, String: () => acme.incident,  // incidentReport
  Alert: async () => (await world.graphql('{ alerts { nodes { id } } }', {}, { tenant: 'acme' })).alerts.nodes[0].id,
  AuditEntry: async () => (await world.graphql('{ auditLog(first: 1) { nodes { id } } }', {}, { tenant: 'acme' })).auditLog.nodes[0].id,
};

const machine = () => ({ id: acme.machine.id });
const incident = () => ({ id: acme.incident });
/// What each mutation is called with: with a thing of this tenant where it takes one, else with something that is refused
/// once permission was given. What is used up is made anew for each caller.
const kArguments = {
  cancelOperation: () => ({ id: acme.machine.operation }),
  retryOperation: () => ({ id: acme.machine.operation }),
  createTenant: () => ({ input: { name: 'No Name' } }),
  addUserToTenant: () => ({ userId: people.newcomer.userId, role: 'TENANT_VIEWER' }),
  removeUserFromTenant: async () => { await join(people.leaver.userId); return { userId: people.leaver.userId }; },
  setQuota: () => ({ tenantId: acme.tenant.id, dimension: 'none', maximum: 1 }),
  createUser: () => ({ input: { email: 'no address', name: 'x', password: kPassword } }),
  resetSecondFactor: () => ({ account: people.nobody.userId }),
  resetPassword: async () => ({ account: (await account(world, `forgetful-${++made}`, 'acme')).userId }),
  revokeSession: async (caller) => ({ id: await spareSession(callers[caller]) }),
  revokeOtherSessions: () => ({}),
  setPassword: () => ({ current: 'x', password: 'short' }),
  createServiceAccount: () => ({ input: { name: 'No Name' } }),
  deleteServiceAccount: async () => ({ id: await freshProgram() }),
  createApiKey: () => ({ input: { serviceAccountId: acme.program } }),
  rotateApiKey: async () => ({ id: (await freshKey(acme.program, ['READ'])).id }),
  revokeApiKey: async () => ({ id: (await freshKey(acme.program, ['READ'])).id }),
  createVirtualMachine: () => ({ input: { name: 'No Name', image: 'micro' } }),
  startVirtualMachine: machine, stopVirtualMachine: machine, rebootVirtualMachine: machine, pauseVirtualMachine: machine, resumeVirtualMachine: machine,
  importImage: () => ({ input: { name: 'micro', file: 'x', format: 'raw' } }),
  removeUnknownGuest: () => ({ id: randomUUID() }),  // there is none to be had; that is found out later
  deleteImage: () => ({ id: image }),
  declareIncident: () => ({ input: { title: 'x', severity: 'P3', correlationKey: 'same' } }),
  acknowledgeIncident: incident,
  updateIncident: () => ({ ...incident(), input: { impact: 'x' } }),
  setIncidentStatus: () => ({ ...incident(), status: 'IDENTIFIED' }),
  addIncidentNote: () => ({ ...incident(), body: 'x' }),
  restartIncidentGuest: incident,
  deleteVirtualMachine: async () => ({ id: await spareMachine() }),
};
/// Mutations that were given a thing of this tenant.
const ofThisTenant = new Set();

// --- what is answered ----------------------------------------------------------------------------------------------

function verdictOf(error, what) {
  const { code, reason } = error.extensions;
  assert.ok(!reason.startsWith('graphql.'), `${what} was asked wrongly: ${error.message}`);
  if (code in { UNAUTHENTICATED: 1, FORBIDDEN: 1, NOT_FOUND: 1 }) return code;
  assert.ok(code in { VALIDATION_ERROR: 1, CONFLICT: 1, QUOTA_EXCEEDED: 1 }, `${what}: ${JSON.stringify(error)}`);
  return reason.startsWith('scope.') || reason === 'tenant.required' ? answers.scope : answers.yes;
}

async function ask(kind, field, given, caller) {
  const answer = await world.ask(schema.document(kind, field, given, 1), given, callers[caller]);
  const what = `${field.name} by ${caller}`;
  if (answer.errors) return verdictOf(answer.errors[0], what);
  return answer.data[field.name] === null ? answers.notFound : answers.yes;
}

function note(section, row, caller, answer) {
  ((matrix[section] ??= {})[row] ??= {})[caller] = answer;
}

test('every query', { timeout: patience }, async () => {
  for (const field of schema.roots('Query')) {
    const type = named(field.type);
    if (field.args.some(needed)) assert.ok(kIds[type], `${field.name} is new: say which ${type} it is asked for`);
    const given = field.args.some(needed) ? { id: await kIds[type]() } : {};
    for (const caller of Object.keys(callers)) note('Queries', field.name, caller, await ask('query', field, given, caller));
  }
});

test('every subscription', { timeout: patience }, async () => {
  for (const [caller, { tenant, token = world.token, cookie }] of Object.entries(callers)) {
    const live = await Live.connect(world, { tenant, token, headers: cookie ? { cookie, origin: world.url } : {} });
    const refused = live.closed && { 'tenant.not_found': answers.notFound, 'auth.required': answers.unauthenticated }[live.closed.reason];
    assert.ok(live.acknowledged || refused, `${caller}: ${JSON.stringify(live.closed)}`);
    note('Other doors', 'WebSocket /graphql', caller, refused || answers.yes);
    const streams = schema.roots('Subscription').map((field) => {
      // From the beginning, so that whoever may see anything sees something at once.
      const given = field.args.some((arg) => arg.name === 'filter') ? {} : { after: beginning };
      return [field.name, refused ? null : live.subscribe(schema.document('subscription', field, given, 1), given)];
    });
    for (const [name, stream] of streams) {
      if (stream) await until(`${name} to answer ${caller}`, () => stream.items.length || stream.errors.length);
      note('Subscriptions', name, caller, refused || (stream.errors.length ? verdictOf(stream.errors[0], `${name} by ${caller}`) : answers.yes));
    }
    live.close();
  }
});

test('every other door', { timeout: patience }, async () => {
  const alerts = { version: '4', alerts: [{ status: 'firing', labels: { alertname: 'Knock' }, annotations: {}, startsAt: '2026-01-01T00:00:00Z' }] };
  const doors = ['GET /health', 'GET /ready', 'GET /api/health', 'GET /metrics', 'GET /graphql/schema', 'GET /graphql/console', 'GET /auth/session', 'GET /audit/export',
                 'POST /webhooks/alertmanager', 'POST /local/token', 'POST /local/sign-in-link'];
  const verdict = (status, what) => {
    if (status === 101 || (status >= 200 && status < 300)) return answers.yes;
    const said = { 302: answers.unauthenticated, 303: answers.unauthenticated, 400: answers.scope, 401: answers.unauthenticated, 403: answers.forbidden, 404: answers.notFound }[status];
    assert.ok(said, `${what}: ${status}`);  // 400: a tenant is missing, all else is well-formed
    return said;
  };
  for (const [caller, options] of Object.entries(callers)) {
    const headers = world.headers(options);
    const tenant = options.tenant ? `?tenant=${options.tenant}` : '';
    for (const door of doors) {
      const [method, target] = door.split(' ');
      const response = await fetch(world.url + target + (/webhooks/.test(target) ? tenant : ''), { method, headers, redirect: 'manual', ...(method === 'POST' ? { body: JSON.stringify(/webhooks/.test(target) ? alerts : {}) } : {}) });
      await response.text();
      note('Other doors', door, caller, verdict(response.status, `${door} by ${caller}`));
    }
    const status = await upgradeStatus(`${world.url}/console/${acme.machine.id}${tenant}`, 'phoenix-console', headers);
    note('Other doors', 'WebSocket /console/:id', caller, verdict(status, `the console by ${caller}`));
  }
});

test('every mutation', { timeout: patience }, async () => {
  const fields = new Map(schema.roots('Mutation').map((field) => [field.name, field]));
  assert.deepEqual([...fields.keys()].filter((name) => !kArguments[name]), [], 'these are new: say in kArguments how they are asked');
  for (const [name, make] of Object.entries(kArguments))
    for (const caller of Object.keys(callers)) {
      const given = await make(caller);
      if (given.id || given.input?.serviceAccountId) ofThisTenant.add(name);
      note('Mutations', name, caller, await ask('mutation', fields.get(name), given, caller));
    }
});

// --- what must hold ------------------------------------------------------------------------------------------------

const rows = (...sections) => sections.flatMap((section) => Object.entries(matrix[section]));
const allowed = (caller, ...sections) => rows(...sections).filter(([, row]) => row[caller] === answers.yes).map(([name]) => name).sort();
const api = ['Queries', 'Mutations', 'Subscriptions'];
const ofOneself = ['revokeOtherSessions', 'revokeSession', 'sessions', 'setPassword'];  // every account has its own

test('strangers get nothing', () => {
  assert.deepEqual(allowed('anonymous', ...api), ['health']);
  for (const caller of ['foreign', 'nobody']) {
    assert.deepEqual(allowed(caller, ...api), [], caller);
    for (const [name, row] of rows(...api)) assert.equal(row[caller], answers.notFound, `${name} by ${caller}: who is no member cannot tell whether there is such a tenant`);
  }
  for (const [name, row] of rows(...api)) assert.ok(name === 'health' || row.anonymous === answers.unauthenticated, `${name}: ${row.anonymous}`);
  const byId = schema.roots('Query').filter((field) => field.args.some(needed)).map((field) => field.name);
  assert.ok(byId.length >= 8 && ofThisTenant.size > 15);
  for (const [section, names] of [['Queries', byId], ['Mutations', ofThisTenant]])
    for (const name of names) if (!ofOneself.includes(name)) assert.ok([answers.notFound, answers.forbidden].includes(matrix[section][name]['foreign, at home']), name);
});

test('without a tenant only the platform\'s administrator gets further than the own account', () => {
  assert.deepEqual(allowed('no tenant', ...api), ['health', 'me', ...ofOneself]);
});

test('a role may do what a lower one may', () => {
  const roles = ['viewer', 'member', 'admin', 'owner', 'platform'];
  for (let i = 1; i < roles.length; ++i)
    for (const name of allowed(roles[i - 1], ...api)) assert.ok(allowed(roles[i], ...api).includes(name), `${name}: ${roles[i - 1]}, but not ${roles[i]}`);
});

test('a key is for its scope, and never more than its account', () => {
  assert.deepEqual(allowed('key: READ', 'Mutations'), []);
  assert.deepEqual(allowed('key: WRITE', 'Queries', 'Subscriptions'), []);
  for (const scope of ['CONSOLE', 'ALERTS']) assert.deepEqual(allowed(`key: ${scope}`, ...api), [], scope);
  for (const scope of ['READ', 'WRITE'])
    for (const name of allowed(`key: ${scope}`, ...api)) assert.ok(allowed('admin', ...api).includes(name), `${name}: a key with ${scope}, but not its administrator`);
});

test('it is as the page says', () => {
  const names = Object.keys(callers);
  const table = (section) => [`## ${section}`, '', `| | ${names.join(' | ')} |`, `|---|${names.map(() => '---').join('|')}|`,
    ...Object.keys(matrix[section]).sort().map((row) => `| ${/ /.test(row) ? row : `\`${row}\``} | ${names.map((name) => matrix[section][row][name]).join(' | ')} |`), ''];
  const text = [...kPreface, ...['Queries', 'Mutations', 'Subscriptions', 'Other doors'].flatMap(table)].join('\n');
  if (process.env.PHX_UPDATE_GOLDEN) {
    fs.mkdirSync(path.dirname(page), { recursive: true });
    fs.writeFileSync(page, text);
  }
  const [now, said] = [text.split('\n'), fs.readFileSync(page, 'utf8').split('\n')];
  const differing = [...now.filter((line) => !said.includes(line)).map((line) => `+ ${line}`), ...said.filter((line) => !now.includes(line)).map((line) => `- ${line}`)];
  assert.deepEqual(differing, [], 'PHX_UPDATE_GOLDEN=1 writes the page anew; review the difference');
  assert.deepEqual(now, said);
});

const kPreface = `# Who may do what

Written by \`tests/functional/permissions.test.mjs\`, which asks a running server every question of these tables and fails
when an answer is another one. \`./dev golden\` writes the page anew; whoever changes it changes who may do what.

All is asked about one tenant and the things in it, by:

| Caller | Who it is |
|---|---|
| owner, admin, member, viewer | members of the tenant: TENANT_OWNER, TENANT_ADMIN, TENANT_MEMBER, TENANT_VIEWER |
| key: … | API keys of a service account that is TENANT_ADMIN, each with one scope |
| no tenant | a member of the tenant who names no tenant |
| nobody | signed in, and a member of no tenant |
| foreign | an owner of another tenant who names this one |
| foreign, at home | the same within the other tenant, with the ids of this one |
| anonymous | without any proof |
| platform | the platform's administrator within the tenant |
| platform, all | the same without a tenant: in platform scope |

| Answer | What it means |
|---|---|
| yes | permitted; lists show what row-level security lets the caller see |
| other scope | permitted, but this is done within a tenant, or outside of all |
| UNAUTHENTICATED | a proof of who asks is missing (a page sends to the sign-in) |
| FORBIDDEN | known, and not permitted |
| NOT_FOUND | there is no such thing, or tenant, for this caller; the two cannot be told apart |

Two things depend on whom a request is about: everybody may remove themselves with \`removeUserFromTenant\`, and nobody
makes or rotates a key of a service account that may do more than they.
`.split('\n');
