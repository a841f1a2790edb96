// What a newcomer does: a tenant, a machine that boots, its console, its life and its end; and watching all of it live.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { World, openConsole, patience, run, until } from './harness.mjs';

const kWatch = `subscription($after: String) { virtualMachineChanged(after: $after) {
  kind cursor id node { name state desiredState version } } }`;

let world;
let machine;
let live;
let watched;
let from;

before(async () => { world = await World.start(); }, { timeout: patience });
after(() => world?.close(), { timeout: patience });

/// The states in the order in which they were seen, repetitions left out.
const states = () => watched.items.filter((change) => change.node).map((change) => change.node.state).filter((s, i, all) => s !== all[i - 1]);

/// Each event once and in order: no cursor comes twice, and there are as many events as the machine has versions.
function assertExact(stream, versions) {
  const cursors = new Set(stream.items.map((change) => change.cursor));
  assert.equal(cursors.size, stream.items.length, 'an event was sent twice');
  const seen = stream.items.filter((change) => change.node).map((change) => change.node.version);
  assert.deepEqual(seen, [...seen].sort((a, b) => a - b), 'an older version came after a newer one');
  assert.equal(cursors.size, versions, 'each version of the machine is one event');
}

async function finished(verb, ...args) {
  const shown = await world.ctlJson('vm', verb, 'web-1', '--wait', ...args);
  return shown;
}

test('a tenant is created and listed', async () => {
  const tenant = await world.ctlJson('tenant', 'create', 'acme', '--display-name', 'Acme Ltd');
  assert.equal(tenant.name, 'acme');
  assert.equal(tenant.displayName, 'Acme Ltd');
  assert.deepEqual((await world.ctlJson('tenant', 'list')).map((t) => t.name), ['acme']);
});

test('a machine is created, and its states are seen live', { timeout: patience }, async () => {
  from = (await world.graphql('{ eventCursor }', {}, { tenant: 'acme' })).eventCursor;
  live = await world.subscribeTo({ tenant: 'acme' });
  watched = live.subscribe(kWatch, { after: from });
  const shown = await world.ctlJson('vm', 'create', '--image', 'micro', '--name', 'web-1', '--wait');
  machine = shown.id;
  assert.equal(shown.state, 'RUNNING');
  assert.equal(shown.image.name, 'micro');
  assert.ok(world.guest(machine), 'RUNNING means that a process runs');
  await until('RUNNING to be seen live', () => states().at(-1) === 'RUNNING');
  const road = ['PENDING', 'PROVISIONING', 'STARTING', 'RUNNING'];
  assert.deepEqual(states(), road.filter((state) => states().includes(state)), 'states come in their order');
  assert.equal(watched.items[0].kind, 'CREATED');
  assert.deepEqual((await world.quotas('acme')).instances.used, 1);
});

test('it boots, and says so', { timeout: patience }, async () => {
  await until('the guest to have booted', async () => (await world.machine('acme', machine)).bootedAt);
  const usage = await world.machine('acme', machine, 'usage { cpuSeconds memoryMib }');
  assert.ok(usage.usage.cpuSeconds > 0 && usage.usage.memoryMib > 1);
});

test('its console takes a command and answers', { timeout: patience }, async () => {
  const console = await openConsole(world, 'acme', machine);
  await console.reads('web-1 login:');
  assert.deepEqual(console.control[0], { type: 'state', state: 'RUNNING' });
  console.type('root\n');
  await console.reads(/# [^\n]*$/);
  console.type('echo sum=$((6*7)) on $(hostname)\n');
  await console.reads('sum=42 on web-1');
  console.close();
});

test('the same from the terminal', { timeout: patience }, async () => {
  const answer = await run(['ctl', '--data', world.data, 'vm', 'console', 'web-1'], { input: 'echo product=$((6*9))\n' });
  assert.equal(answer.code, 0, answer.stderr);
  assert.match(answer.stdout, /web-1 login:/, 'the scrollback comes first');
  assert.match(answer.stdout, /product=54/);
});

test('stop presses the power button: the guest powers off by itself', { timeout: patience }, async () => {
  const { pid } = world.guest(machine);
  assert.equal((await finished('stop')).state, 'STOPPED');
  assert.equal(world.guest(machine), undefined);
  assert.ok(!fs.existsSync(`/proc/${pid}`));
  const ended = world.events('qemu.guest_ended').filter((event) => event.guest === machine).at(-1);
  assert.equal(ended.reason, 'the guest powered off');
  assert.equal((await world.machine('acme', machine)).bootedAt, null);
  assert.ok(world.guestFolders().includes(machine), 'the disk stays');
});

test('start, reboot, pause and resume', { timeout: 2 * patience }, async () => {
  assert.equal((await finished('start')).state, 'RUNNING');
  const { pid } = world.guest(machine);
  const console = await openConsole(world, 'acme', machine);
  const booted = async () => (await until('a boot', async () => (await world.machine('acme', machine)).bootedAt));
  const first = await booted();
  await finished('reboot');
  await until('the second boot', async () => { const at = (await world.machine('acme', machine)).bootedAt; return at && at !== first; });
  assert.equal(world.guest(machine).pid, pid, 'a reboot keeps the process');
  console.close();

  assert.equal((await finished('pause')).state, 'PAUSED');
  const before = (await world.machine('acme', machine, 'usage { cpuSeconds }')).usage.cpuSeconds;
  assert.equal(world.guest(machine).pid, pid);
  assert.equal((await world.ctlFails('vm', 'create', '--image', 'micro', '--name', 'web-1')).reason, 'vm.name_taken');
  assert.equal((await finished('resume')).state, 'RUNNING');
  await until('its CPU to go on', async () => (await world.machine('acme', machine, 'usage { cpuSeconds }')).usage.cpuSeconds > before);
});

test('a dropped subscription goes on where it was', { timeout: patience }, async () => {
  const version = (await world.machine('acme', machine)).version;
  await until('every event so far', () => watched.items.at(-1).node?.version === version);
  const cursor = watched.items.at(-1).cursor;
  live.drop();
  await until('the end of the socket', () => live.closed);
  await finished('pause');
  await finished('resume');
  live = await world.subscribeTo({ tenant: 'acme' });
  const rest = live.subscribe(kWatch, { after: cursor });
  const now = (await world.machine('acme', machine)).version;
  await until('what was missed', () => rest.items.at(-1)?.node?.version === now && watched.items.length + rest.items.length >= now);
  assert.ok(rest.items.length >= 2);
  watched.items.push(...rest.items);
  watched = Object.assign(rest, { items: watched.items });
  assertExact(watched, now);
});

test('who holds a cursor that is not ours is told to read again, and nonsense is refused', { timeout: patience }, async () => {
  const forged = from.replace(/^./, (c) => (c === 'A' ? 'B' : 'A'));
  const stream = live.subscribe(kWatch, { after: forged });
  await until('RESYNC', () => stream.items.length > 0 || stream.errors.length > 0);
  assert.deepEqual(stream.errors, []);
  assert.equal(stream.items[0].kind, 'RESYNC');
  assert.equal(stream.items[0].node, null);
  const onward = live.subscribe(kWatch, { after: stream.items[0].cursor });  // it says where to go on from
  live.complete(stream);
  const nonsense = live.subscribe(kWatch, { after: 'nonsense' });
  await until('an answer', () => nonsense.items.length + nonsense.errors.length > 0);
  assert.equal(nonsense.errors[0].extensions.reason, 'event.cursor_malformed');
  assert.deepEqual(onward.items.concat(onward.errors), []);
  live.complete(onward);
});

test('delete leaves nothing behind', { timeout: patience }, async () => {
  const { version } = await world.machine('acme', machine);
  const { pid } = world.guest(machine);
  assert.deepEqual(await finished('delete'), { id: machine, deleted: true });
  assert.ok(!fs.existsSync(`/proc/${pid}`));
  assert.deepEqual(world.guests(), []);
  assert.deepEqual(world.guestFolders(), []);
  assert.equal(await world.machine('acme', machine), null);
  for (const [dimension, { used }] of Object.entries(await world.quotas('acme'))) assert.equal(used, 0, dimension);
  await until('the end to be seen live', () => watched.items.at(-1).kind === 'DELETED');
  assert.ok(watched.items.length > version);

  // Whoever comes later sees the very same events.
  const later = live.subscribe(kWatch, { after: from });
  await until('the whole story', () => later.items.length >= watched.items.length);
  assert.deepEqual(later.items.map(({ kind, cursor, id }) => [kind, cursor, id]), watched.items.map(({ kind, cursor, id }) => [kind, cursor, id]));

  const operations = (await world.graphql('{ operations(first: 100) { nodes { kind state progress finishedAt } } }', {}, { tenant: 'acme' })).operations.nodes;
  assert.ok(operations.length >= 9);
  for (const operation of operations) {
    assert.equal(operation.state, 'SUCCEEDED', operation.kind);
    assert.ok(operation.finishedAt);
  }
  const audit = (await world.graphql('{ auditLog(first: 100) { nodes { action actor outcome objectId } } }', {}, { tenant: 'acme' })).auditLog.nodes;
  for (const action of ['createVirtualMachine', 'stopVirtualMachine', 'startVirtualMachine', 'rebootVirtualMachine', 'pauseVirtualMachine', 'resumeVirtualMachine', 'deleteVirtualMachine'])
    assert.ok(audit.some((line) => line.action === action && line.outcome === 'OK'), `${action} is in the audit trail`);
  // A line tells what there was and what is wanted now.
  const line = async (action) => (await world.graphql('query($action: String) { auditLog(first: 1, filter: { action: { eq: $action } }) { nodes { before after } } }',
                                                      { action }, { tenant: 'acme' })).auditLog.nodes[0];
  assert.deepEqual(await line('deleteVirtualMachine'), { before: { state: 'RUNNING', desiredState: 'RUNNING' }, after: { desiredState: 'DELETED' } });
  const checked = await world.phoenix('fsck');
  assert.equal(checked.code, 0, checked.stdout + checked.stderr);
  assert.ok(fs.existsSync(path.join(world.data, 'guests')));
  live.close();
});

test('the latest word holds: started right after a stop, it runs again and stays', { timeout: 3 * patience }, async () => {
  const tenant = 'fickle';
  await world.createTenant(tenant);
  const { id } = await world.createMachine(tenant, 'moody');
  const seen = () => world.machine(tenant, id);
  const change = (name) => world.graphql(`mutation($id: ID!) { change: ${name}(id: $id) { operation { id } } }`, { id }, { tenant }).then((data) => data.change.operation.id);
  const ended = (operation) => until('the operation to end', async () => {
    const { state } = (await world.graphql('query($id: ID!) { operation(id: $id) { state } }', { id: operation }, { tenant })).operation;
    return ['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(state) && state;
  }, patience);
  const booted = () => until('a boot', async () => (await seen()).bootedAt, patience);
  await world.machineIn(tenant, id, 'RUNNING');
  await booted();
  // At once; after the press; and by a reboot.
  for (const [back, pressed] of [['startVirtualMachine', false], ['startVirtualMachine', true], ['rebootVirtualMachine', true]]) {
    const before = world.guest(id).pid;
    const stop = await change('stopVirtualMachine');
    if (pressed) await until('the press', async () => (await seen()).state === 'STOPPING');
    assert.equal(await ended(await change(back)), 'SUCCEEDED', back);
    assert.equal(await ended(stop), 'CANCELLED');
    await booted();
    // A guest that was pressed and not reset has obeyed, and is another process now: nothing of the press is left.
    if (pressed && back === 'startVirtualMachine') assert.notEqual(world.guest(id).pid, before);
    const { pid } = world.guest(id);
    const { state, desiredState } = await seen();
    assert.deepEqual([state, desiredState], ['RUNNING', 'RUNNING']);
    const { lastSeenAt } = await world.machine(tenant, id, 'lastSeenAt');
    await until('some more looks at it', async () => Date.parse((await world.machine(tenant, id, 'lastSeenAt')).lastSeenAt) > Date.parse(lastSeenAt) + 2000, patience);
    assert.deepEqual([(await seen()).state, world.guest(id).pid], ['RUNNING', pid], 'and it stays so');
  }
  await world.ctlJson('vm', '--tenant', tenant, 'delete', 'moody', '--wait');
});
