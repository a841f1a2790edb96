// Bad input gets a typed error that names the field, and creates nothing; the same request twice is one request.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { RawConnection, World, freePort, patience, refusal, until } from './harness.mjs';

const kKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6sFxbAWFDbGnTGfRIGYbLPTaIBGHyG1VpNh7P8Klqt ada@example.org';
const kUserData = '#!/bin/sh\necho the password of the database\n';
let world;
let acme;
let other;
let foreign;
let hostPort;  // which theirs has

before(async () => {
  world = await World.start();
  acme = await world.createTenant('acme');
  other = await world.createTenant('globex');
  await world.setQuotas(acme.id, { vcpus: 4, memory_mib: 1024, instances: 3, storage_gib: 10 });
  // The machines here never need a host: it is what the API stores that counts.
  hostPort = await freePort();
  foreign = await world.createMachine('globex', 'theirs', { input: { portForwards: [{ hostPort, guestPort: 80 }], sshKeys: [kKey], userData: kUserData } });
  // What is compared has to stand still: the boot is the last thing that happens here. Events come in order, so that of
  // a tenant made after the boot comes last.
  await until('their guest to have booted', async () => (await world.machine('globex', foreign.id)).bootedAt);
  const { eventCursor } = await world.graphql('{ eventCursor }');
  const live = await world.subscribeTo();
  const tenants = live.subscribe('subscription($after: String) { tenantChanged(after: $after) { node { name } } }', { after: eventCursor });
  await world.createTenant('last');
  await until('the last event', () => tenants.items.some(({ node }) => node?.name === 'last'));
  live.close();
}, { timeout: patience });
after(() => world?.close(), { timeout: patience });

/// All that a refused request must leave as it was.
async function everything() {
  const counts = `{ virtualMachines { totalCount } operations { totalCount } resources { totalCount } incidents { totalCount } alerts { totalCount } }`;
  const platform = await world.graphql('{ tenants { totalCount } incidents { totalCount } virtualMachines { totalCount } }');
  // A refusal is an audit row, which is told of. Nothing else is.
  const told = ['events', 'event_inbox'].map((table) => `(select count(*) from phoenix.${table} where type <> 'AuditEntry')`).join(' + ');
  const events = Number(world.sql(`select ${told}`));
  return { events, acme: await world.graphql(counts, {}, { tenant: 'acme' }), platform, quotas: await world.quotas('acme'), folders: world.guestFolders() };
}

const kCreate = 'mutation($input: CreateVirtualMachineInput!) { createVirtualMachine(input: $input) { virtualMachine { id } } }';
const create = (input, options) => world.graphql(kCreate, { input: { name: 'fine', image: 'micro', ...input } }, { tenant: 'acme', ...options });

async function refused(expected, work) {
  const before = await everything();
  const error = await refusal(work());
  assert.equal(error.code, expected.code, error.text);
  if (expected.reason) assert.equal(error.reason, expected.reason, error.text);
  if (expected.field) assert.equal(error.field, expected.field, error.text);
  assert.ok(error.extensions.requestId, 'a request id to ask with');
  assert.deepEqual(await everything(), before, 'something was created');
}

const kBadMachines = [
  ['an upper-case name', { name: 'Web' }, 'VALIDATION_ERROR', 'input.name'],
  ['an empty name', { name: '' }, 'VALIDATION_ERROR', 'input.name'],
  ['a name of 64 letters', { name: 'a'.repeat(64) }, 'VALIDATION_ERROR', 'input.name'],
  ['a path as name', { name: '../../etc' }, 'VALIDATION_ERROR', 'input.name'],
  ['a name with a NUL', { name: 'a\u0000b' }, 'VALIDATION_ERROR', 'input.name'],
  ['no CPU', { vcpus: 0 }, 'VALIDATION_ERROR', 'input.vcpus'],
  ['a negative disk', { diskGib: -1 }, 'VALIDATION_ERROR', 'input.diskGib'],
  ['a CPU too many', { vcpus: 5 }, 'QUOTA_EXCEEDED', 'input.vcpus'],
  ['memory over quota', { memoryMib: 2048 }, 'QUOTA_EXCEEDED', 'input.memoryMib'],
  ['a disk over quota', { diskGib: 11 }, 'QUOTA_EXCEEDED', 'input.diskGib'],
  ['less memory than the image needs', { memoryMib: 64 }, 'VALIDATION_ERROR', 'input.memoryMib'],
  ['an unknown image', { image: 'windows-95' }, 'NOT_FOUND', 'input.image'],
  ['an SSH key of two lines', { sshKeys: ['ssh-ed25519 AAAA\ncommand="x" ssh-ed25519 BBBB'] }, 'VALIDATION_ERROR', 'input.sshKeys[0]'],
  ['user data without end', { userData: 'x'.repeat(16_385) }, 'VALIDATION_ERROR', 'input.userData'],
  ['a privileged port', { portForwards: [{ hostPort: 80, guestPort: 80 }] }, 'VALIDATION_ERROR', 'input.portForwards[0].hostPort'],
  ['a port twice', { portForwards: [{ hostPort: 20080, guestPort: 80 }, { hostPort: 20080, guestPort: 81 }] }, 'VALIDATION_ERROR', 'input.portForwards[1].hostPort'],
];
for (const [what, input, code, field] of kBadMachines)
  test(`a machine with ${what}`, { timeout: patience }, () => refused({ code, field }, () => create(input)));

test('a machine with a port of the host that another tenant has', { timeout: patience }, async () => {
  const free = await freePort();
  const forward = (port) => ({ hostPort: port, guestPort: 80 });
  await refused({ code: 'CONFLICT', reason: 'vm.port_taken', field: 'input.portForwards[1].hostPort' },
                () => create({ portForwards: [forward(free), forward(hostPort)] }));
});
test('a machine without a tenant', () => refused({ code: 'VALIDATION_ERROR', reason: 'tenant.required' }, () => create({}, { tenant: undefined })));
test('the audit trail has the whole of what was asked for, but for what may be secret', async () => {
  const { nodes } = (await world.graphql('{ auditLog(filter: { action: { eq: "createVirtualMachine" } }) { nodes { objectId before after } } }', {}, { tenant: 'globex' })).auditLog;
  assert.deepEqual(nodes, [{
    objectId: foreign.id, before: null,
    after: { name: 'theirs', image: 'micro', vcpus: 1, memoryMib: 96, diskGib: 1, sshKeys: [kKey], userDataBytes: Buffer.byteLength(kUserData),
             portForwards: [{ hostPort, guestPort: 80, protocol: 'tcp' }] },
  }]);
});
test('values of a wrong type name the variable', async () => {
  const before = await everything();
  for (const input of [{ vcpus: 'two' }, { vcpus: 1.5 }, { vcpus: 99999999999 }, { name: null }, { colour: 'red' }, { portForwards: [{ hostPort: 20080 }] }]) {
    const error = await refusal(create(input));
    assert.equal(error.code, 'VALIDATION_ERROR', error.text);
    assert.match(error.message, new RegExp(Object.keys(input)[0]), error.text);
  }
  assert.deepEqual(await everything(), before);
});

for (const verb of ['start', 'stop', 'reboot', 'pause', 'resume', 'delete'])
  test(`${verb} of a foreign tenant's machine, and of none at all`, { timeout: patience }, async () => {
    const ask = (id) => () => world.graphql(`mutation($id: ID!) { ${verb}VirtualMachine(id: $id) { operation { id } } }`, { id }, { tenant: 'acme' });
    const there = await world.machine('globex', foreign.id);
    const foreignAnswer = await refusal(ask(foreign.id)());
    const noneAnswer = await refusal(ask('01a20840-0000-7000-8000-000000000000')());
    assert.deepEqual([foreignAnswer.code, foreignAnswer.reason, foreignAnswer.message, foreignAnswer.field], [noneAnswer.code, noneAnswer.reason, noneAnswer.message, noneAnswer.field],
                     'the answer does not tell whether it exists');
    await refused({ code: 'NOT_FOUND', field: 'id' }, ask(foreign.id));
    await refused({ code: 'NOT_FOUND' }, ask('nonsense'));
    assert.deepEqual(await world.machine('globex', foreign.id), there);
  });

test('tenants and users with bad names', async () => {
  const tenant = (input) => () => world.graphql('mutation($i: CreateTenantInput!) { createTenant(input: $i) { tenant { id } } }', { i: input });
  await refused({ code: 'VALIDATION_ERROR', field: 'input.name' }, tenant({ name: 'Not A Name' }));
  await refused({ code: 'VALIDATION_ERROR', field: 'input.name' }, tenant({ name: '' }));
  await refused({ code: 'CONFLICT', field: 'input.name' }, tenant({ name: 'acme' }));
  const user = (input) => () => world.graphql('mutation($i: CreateUserInput!) { createUser(input: $i) { userId } }', { i: { email: 'x@example.org', name: 'X', password: 'a long enough password', ...input } });
  await refused({ code: 'VALIDATION_ERROR', field: 'input.email' }, user({ email: 'nobody' }));
  await refused({ code: 'VALIDATION_ERROR', field: 'input.password' }, user({ password: 'short' }));
});

test('texts for people with characters that nobody sees', { timeout: patience }, async () => {
  const incident = (input) => () => world.graphql('mutation($i: DeclareIncidentInput!) { declareIncident(input: $i) { incident { id } } }', { i: { title: 'fine', severity: 'P3', ...input } }, { tenant: 'acme' });
  const tenant = (displayName) => () => world.graphql('mutation($i: CreateTenantInput!) { createTenant(input: $i) { tenant { id } } }', { i: { name: 'unseen', displayName } });
  const user = (name) => () => world.graphql('mutation($i: CreateUserInput!) { createUser(input: $i) { userId } }', { i: { email: 'x@example.org', name, password: 'a long enough password' } });
  const image = (description) => () => world.graphql('mutation($i: ImportImageInput!) { importImage(input: $i) { image { id } } }', { i: { name: 'unseen', description, file: 'none.img', format: 'raw' } });
  const code = 'VALIDATION_ERROR';
  for (const unseen of ['\u202e', '\u2066', '\u200b', '\u200f', '\ufeff', '\u0085', '\u001b', '\u200d']) {
    const text = `paid${unseen}gnp`;
    await refused({ code, field: 'input.title' }, incident({ title: text }));
    await refused({ code, field: 'input.impact' }, incident({ impact: `line\n${text}` }));
    await refused({ code, field: 'input.affectedServices' }, incident({ affectedServices: [text] }));
    await refused({ code, field: 'input.displayName' }, tenant(text));
    await refused({ code, field: 'input.name' }, user(text));
    await refused({ code, field: 'input.description' }, image(text));
  }
});

test('an image that reaches out of the import folder', async () => {
  const before = await everything();
  for (const file of ['../server.key', '/etc/passwd', '.hidden', '']) {
    const error = await refusal(world.graphql('mutation($i: ImportImageInput!) { importImage(input: $i) { image { id } } }', { i: { name: 'stolen', file, format: 'raw' } }));
    assert.equal(error.field, 'input.file', error.text);
    assert.ok(!error.text.includes(world.base), 'no path of the host in an error');
  }
  assert.deepEqual(await everything(), before);
});

test('a deep query, a wide one, one of aliases, and a circle of fragments', async () => {
  const deep = `{ virtualMachines { nodes { ${'operations { nodes { tenant { '.repeat(0)} ${'tenant { members { nodes { '.repeat(8)} id ${'} } }'.repeat(8)} } } }`;
  const aliases = `{ ${Array.from({ length: 200 }, (_, i) => `a${i}: images { totalCount }`).join(' ')} }`;
  const brackets = `{ images ${'{ nodes '.repeat(5000)} `;
  const long = `{ ${'health { status } '.repeat(20_000)} }`;
  const circle = '{ images { nodes { ...a } } } fragment a on Image { ...b } fragment b on Image { ...a }';
  for (const [query, reason] of [[deep, 'limit.depth'], [aliases, 'limit.aliases'], [brackets], [long], [circle], ['{'], ['{ nothing }'], ['']])
    await refused({ code: 'VALIDATION_ERROR', reason }, () => world.graphql(query, {}, { tenant: 'acme' }));
  await refused({ code: 'VALIDATION_ERROR' }, () => world.graphql('{ virtualMachines(first: 100000) { totalCount } }', {}, { tenant: 'acme' }));
  await refused({ code: 'VALIDATION_ERROR' }, () => world.graphql('{ virtualMachines(first: -1) { totalCount } }', {}, { tenant: 'acme' }));
  await refused({ code: 'VALIDATION_ERROR' }, () => world.graphql('{ virtualMachines(after: "nonsense") { totalCount nodes { id } } }', {}, { tenant: 'acme' }));
});

test('bodies that are no requests', async () => {
  const before = await everything();
  const post = async (body, headers = {}) => {
    const response = await fetch(`${world.url}/graphql`, { method: 'POST', headers: world.headers({ tenant: 'acme', headers }), body });
    return { status: response.status, body: await response.json() };
  };
  for (const body of ['{', '', 'null', '[]', '"text"', '{}', '{"query": 7}', '{"query":"{ me { id } }","variables":[1]}', '['.repeat(100_000), '\u0000', '{"query":"{ me { id } }"} trailing']) {
    const { status, body: answer } = await post(body);
    assert.equal(status, 400, `${body.slice(0, 60)}: ${JSON.stringify(answer)}`);
    assert.equal(answer.errors[0].extensions.code, 'VALIDATION_ERROR');
  }
  assert.equal((await post('{"query":"{ me { id } }"}', { 'content-type': 'text/plain' })).status, 415);
  // Oversized: refused by its announcement, before it was sent.
  const connection = await RawConnection.open(world);
  connection.socket.write(`POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${world.token}\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n`);
  await until('the refusal', () => /^HTTP\/1\.1 413 /.test(connection.buffer.toString()));
  connection.close();
  // And without an announcement, chunk by chunk, it is cut off.
  const endless = await RawConnection.open(world);
  endless.socket.write(`POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${world.token}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`);
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  for (let i = 0; i < 1000 && !endless.ended && !endless.buffer.length; ++i) await new Promise((sent) => endless.socket.write(chunk, () => sent()));
  await until('the end', () => endless.ended || /^HTTP\/1\.1 413 /.test(endless.buffer.toString()));
  endless.close();
  assert.deepEqual(await everything(), before);
});

test('bytes that are not HTTP do not hurt', async () => {
  for (const bytes of ['GET / HTTP/9.9\r\n\r\n', '\u0000\u0001\u0002\r\n\r\n', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(200_000)}\r\n\r\n`,
                       'POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n']) {
    const connection = await RawConnection.open(world);
    connection.socket.write(bytes);
    await until('the refusal', () => connection.ended || /^HTTP\/1\.1 [45]\d\d /.test(connection.buffer.toString()));
    connection.close();
  }
  assert.equal((await fetch(`${world.url}/health`)).status, 200);
});

test('the same key twice is one request', { timeout: patience }, async () => {
  const before = await everything();
  const first = await world.createMachine('acme', 'once', { key: 'key-1' });
  const counted = (await everything()).acme.operations.totalCount;
  assert.equal(counted, before.acme.operations.totalCount + 1);
  assert.deepEqual(await world.createMachine('acme', 'once', { key: 'key-1' }), first);
  assert.equal((await everything()).acme.operations.totalCount, counted);
  const conflict = await refusal(world.createMachine('acme', 'twice', { key: 'key-1' }));
  assert.equal(conflict.code, 'CONFLICT');
  const otherMutation = await refusal(world.graphql('mutation($id: ID!) { deleteVirtualMachine(id: $id) { operation { id } } }', { id: first.id }, { tenant: 'acme', key: 'key-1' }));
  assert.equal(otherMutation.code, 'CONFLICT');
  // Another tenant's key of the same text is another key.
  const theirs = await world.createMachine('globex', 'once', { key: 'key-1' });
  assert.notEqual(theirs.id, first.id);
  // A refused request leaves its key free.
  assert.equal((await refusal(world.createMachine('acme', 'BAD', { key: 'key-2' }))).field, 'input.name');
  const second = await world.createMachine('acme', 'good', { key: 'key-2' });
  for (const { id } of [first, second]) await world.graphql('mutation($id: ID!) { deleteVirtualMachine(id: $id) { operation { id } } }', { id }, { tenant: 'acme' });
  await until('the machines to be gone', async () => (await everything()).acme.virtualMachines.totalCount === 0);
});

test('30 at once with one key are one machine', { timeout: patience }, async () => {
  const answers = await Promise.all(Array.from({ length: 30 }, () => world.createMachine('acme', 'parallel', { key: 'key-3' })));
  assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1);
  assert.equal((await everything()).acme.virtualMachines.totalCount, 1);
  await world.machineIn('acme', answers[0].id, 'RUNNING');
  assert.deepEqual(world.guests().filter((guest) => guest.id === answers[0].id).length, 1);
});

test('30 at once with keys of their own stay within the quota', { timeout: patience }, async () => {
  const answers = await Promise.allSettled(Array.from({ length: 30 }, (_, i) => world.createMachine('acme', `many-${i}`, { key: `many-${i}` })));
  const made = answers.filter((answer) => answer.status === 'fulfilled');
  for (const answer of answers.filter((a) => a.status === 'rejected')) assert.equal(answer.reason.code, 'QUOTA_EXCEEDED', String(answer.reason));
  assert.equal(made.length, 2, 'three instances are allowed, and one was there');
  assert.equal((await world.quotas('acme')).instances.used, 3);
});
