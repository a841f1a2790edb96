// The server comes and goes; guests and the database stay. What was accepted is kept, whoever dies.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { World, alive, openConsole, patience, sleep, until } from './harness.mjs';

let world;
let stays;    // a machine that runs through everything
let stopped;  // one that is off and must stay off
const log = [];

before(async () => {
  world = await World.start();
  await world.createTenant('acme');
  stays = await world.createMachine('acme', 'stays');
  stopped = await world.createMachine('acme', 'stopped');
  await world.machineIn('acme', stays.id, 'RUNNING');
  await world.machineIn('acme', stopped.id, 'RUNNING');
  await world.ctlJson('vm', 'stop', 'stopped', '--force', '--wait');
}, { timeout: patience });
after(() => world?.close(), { timeout: patience });

const pids = () => ({ guest: world.guest(stays.id)?.pid, postgres: world.postgres() });

/// Nothing was started twice, nothing was lost, nobody was alarmed.
async function assertAsBefore(before) {
  assert.deepEqual(pids(), before, 'the same processes');
  await world.machineIn('acme', stays.id, 'RUNNING');
  assert.equal((await world.machine('acme', stopped.id)).state, 'STOPPED');
  assert.equal(world.guests().length, 1);
  assert.equal((await world.graphql('{ alerts(filter: { status: { eq: FIRING } }) { totalCount } }', {}, { tenant: 'acme' })).alerts.totalCount, 0);
  assert.deepEqual(pids(), before);
}

test('SIGTERM ends the server alone, and a new one adopts the rest', { timeout: patience }, async () => {
  const console = await openConsole(world, 'acme', stays.id);
  await console.reads('login:');
  console.type('root\n');
  await console.reads(/# [^\n]*$/);
  console.type('echo before-$((40+2))-restart\n');
  await console.reads('before-42-restart');
  const before = pids();
  assert.deepEqual(await world.stop('SIGTERM'), { code: 0, signal: null });
  await until('the console to be closed', () => console.closed);
  assert.ok(alive(before.guest) && alive(before.postgres));
  assert.equal(fs.existsSync(path.join(world.data, 'run/server.pid')), false);
  await world.serve();
  await assertAsBefore(before);
  const again = await openConsole(world, 'acme', stays.id);
  await again.reads('before-42-restart');  // scrollback from before
  again.type('echo after-$((40+3))-restart\n');
  await again.reads('after-43-restart');
  again.close();
});

test('bootedAt survives a restart', async () => {
  assert.ok((await world.machine('acme', stays.id)).bootedAt);
});

test('kill -9 of its whole process group ends the server alone', { timeout: patience }, async () => {
  const before = pids();
  assert.equal((await world.stop('SIGKILL', { group: true })).signal, 'SIGKILL');
  assert.ok(alive(before.guest) && alive(before.postgres));
  assert.ok(fs.existsSync(path.join(world.data, 'run/server.pid')), 'its pid file is stale now');
  await world.serve();
  await assertAsBefore(before);
});

test('a guest that dies while nobody looks is found LOST, and only that one', { timeout: patience }, async () => {
  const victim = await world.createMachine('acme', 'victim');
  await world.machineIn('acme', victim.id, 'RUNNING');
  const { guest } = pids();
  await world.stop('SIGKILL');
  process.kill(world.guest(victim.id).pid, 'SIGKILL');
  await until('the guest to be gone', () => !world.guest(victim.id));
  await world.serve();
  await world.machineIn('acme', victim.id, 'LOST');
  await world.machineIn('acme', stays.id, 'RUNNING');
  assert.equal(pids().guest, guest);
  await world.ctlJson('vm', 'delete', 'victim', '--wait');
});

test('what was asked for before a kill is done after it', { timeout: patience }, async () => {
  const machine = await world.createMachine('acme', 'accepted', { key: 'accepted' });
  await world.stop('SIGKILL');
  await world.serve();
  await world.machineIn('acme', machine.id, 'RUNNING');
  assert.deepEqual(await world.createMachine('acme', 'accepted', { key: 'accepted' }), machine);
  await world.ctlJson('vm', 'delete', 'accepted', '--wait');
});

test('kill -9 of PostgreSQL: served again, and nothing accepted is lost', { timeout: 2 * patience }, async () => {
  const before = pids();
  const { id } = await world.ctlJson('incident', '--tenant', 'acme', 'declare', '--title', 'A log', '--severity', 'P3');
  let writing = true;
  let number = 0;
  const writers = Array.from({ length: 4 }, async () => {
    while (writing) {
      const body = `line ${++number}`;
      const sent = world.graphql('mutation($id: ID!, $b: String!, $k: String) { addIncidentNote(id: $id, body: $b, idempotencyKey: $k) { incident { id } } }', { id, b: body, k: `note-${body.replace(' ', '-')}` }, { tenant: 'acme' });
      await sent.then(() => log.push(body), () => sleep(50));
    }
  });
  for (let round = 0; round < 2; ++round) {
    const enough = log.length + 20;
    await until('some lines', () => log.length >= enough);
    const pid = world.postgres();
    process.kill(pid, 'SIGKILL');
    await until('a new PostgreSQL', () => world.postgres() && world.postgres() !== pid);
    await until('the server to be ready again', async () => (await fetch(`${world.url}/ready`)).ok);
  }
  const enough = log.length + 20;
  await until('lines after the recovery', () => log.length >= enough);
  writing = false;
  await Promise.all(writers);
  const stored = [];
  for (let after = null, more = true; more;) {
    const { timeline } = (await world.graphql('query($id: ID!, $a: String) { incident(id: $id) { timeline(first: 500, after: $a) { nodes { body kind } pageInfo { hasNextPage endCursor } } } }', { id, a: after }, { tenant: 'acme' })).incident;
    stored.push(...timeline.nodes.filter((line) => line.kind === 'note').map((line) => line.body));
    more = timeline.pageInfo.hasNextPage;
    after = timeline.pageInfo.endCursor;
  }
  assert.equal(new Set(stored).size, stored.length, 'a line was written twice');
  const there = new Set(stored);
  assert.deepEqual(log.filter((body) => !there.has(body)), [], 'accepted lines are lost');
  assert.equal(world.serving.exited, null, 'the server lived through it');
  assert.equal(pids().guest, before.guest);
  await world.machineIn('acme', stays.id, 'RUNNING');
});

test('a second server on the same folder is refused and hurts nobody', { timeout: patience }, async () => {
  const before = pids();
  const first = world.serving;
  const second = await world.serve({ ready: false });
  const { code } = await second.done;
  assert.equal(code, 1);
  assert.match(fs.readFileSync(second.log, 'utf8'), new RegExp(`A server runs on this data folder already \\(pid ${first.pid}\\)`));
  world.serving = first;
  await assertAsBefore(before);
});

test('a pid file that names somebody else does not stop a start', { timeout: patience }, async () => {
  const before = pids();
  await world.stop('SIGTERM');
  fs.writeFileSync(path.join(world.data, 'run/server.pid'), `${process.pid} 1\n`);
  await world.serve();
  await assertAsBefore(before);
  await world.stop('SIGTERM');
  fs.writeFileSync(path.join(world.data, 'run/server.pid'), 'nonsense');
  await world.serve();
  await assertAsBefore(before);
});

test('down ends everything; serve starts again what was wanted', { timeout: patience }, async () => {
  const before = pids();
  const down = await world.phoenix('down');
  assert.equal(down.code, 0, down.stderr);
  assert.deepEqual(world.processes(), []);
  const again = await world.phoenix('down');
  assert.equal(again.code, 0, `down of what is down: ${again.stderr}`);
  assert.deepEqual(world.processes(), []);
  await world.serve();
  // Until the first look at it the machine's state is what it was before.
  await until('its guest', () => world.guest(stays.id), patience);
  await world.machineIn('acme', stays.id, 'RUNNING');
  assert.notEqual(world.guest(stays.id).pid, before.guest);
  assert.equal((await world.machine('acme', stopped.id)).state, 'STOPPED');
  await until('its boot', async () => (await world.machine('acme', stays.id)).bootedAt);
  assert.equal((await world.graphql('{ alerts(filter: { source: { eq: "probe" }, status: { eq: FIRING } }) { totalCount } }', {}, { tenant: 'acme' })).alerts.totalCount, 0);
});

test('two servers started at once on a fresh folder: one serves, the other says why not', { timeout: patience }, async () => {
  const fresh = await World.start({ serve: false });
  const one = await fresh.serve({ ready: false });
  const two = await fresh.serve({ ready: false });
  const loser = await Promise.race([one.done.then(() => one), two.done.then(() => two)]);
  fresh.serving = loser === one ? two : one;
  await fresh.ready();
  assert.equal(loser.exited.code, 1);
  assert.match(fs.readFileSync(loser.log, 'utf8'), /phoenix: \S/);
  await fresh.createTenant('only');
  await fresh.close();
});
