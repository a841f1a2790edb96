// Clients create and delete machines, and repeat with the same key what got no answer, while the server is killed at
// every named crash point and at random moments, and PostgreSQL is killed too. Afterwards exactly the wanted guests run.
//
// CHAOS_VMS clients (6), CHAOS_KILLS random kills (10), CHAOS_SEED replays the random choices.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Refused, World, patience, root, sleep, until } from './harness.mjs';

const clients = Number(process.env.CHAOS_VMS ?? 6);
const kills = Number(process.env.CHAOS_KILLS ?? 10);
const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31));

/// mulberry32: small, and the same everywhere.
let state = seed;
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

/// Every name that the sources give to a crash point.
function crashPoints() {
  const names = new Set();
  const walk = (folder) => {
    for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) walk(file);
      else if (/\.(cpp|hpp)$/.test(entry.name) && !/test/.test(entry.name) && !file.includes('/testing/'))
        for (const [, name] of fs.readFileSync(file, 'utf8').matchAll(/PHX_CRASH_POINT\("([^"]+)"\)/g)) names.add(name);
    }
  };
  walk(path.join(root, 'src'));
  return [...names].sort();
}

// Passed only when a restored database starts: server.test.mjs kills that one.
const kElsewhere = ['engine.epoch.before_commit'];

let world;
let tenant;
let stopping = false;
let abandoned = false;  // the test has failed: nobody waits for the clients any more
const refusals = [];
const wanted = new Map();   // name → id, as the clients were told
const imported = new Map(); // image → the state in which it has to end; null: deleted
const accepted = new Map(); // key → id: an accepted key never gets another answer
let round = 'start';

before(async () => {
  console.log(`CHAOS_SEED=${seed} CHAOS_VMS=${clients} CHAOS_KILLS=${kills}`);
  world = await World.start({ settings: { 'incident-watch-seconds': 1 } });
  tenant = await world.createTenant('acme');
  await world.setQuotas(tenant.id, { vcpus: 1000, memory_mib: 1_000_000, instances: 1000, storage_gib: 1000 });
}, { timeout: patience });
after(() => { stopping = abandoned = true; return world?.close(); }, { timeout: 2 * patience });

/// Repeats until there is an answer, as a client does that does not know whether it was heard.
async function insist(query, variables, key, options = { tenant: 'acme' }) {
  for (;;) {
    try {
      return await world.graphql(query, variables, { ...options, key });
    } catch (error) {
      if (abandoned) throw error;
      const retryable = !(error instanceof Refused) || ['SERVER_ERROR', 'RATE_LIMITED'].includes(error.code) || error.reason === 'idempotency.raced';
      if (!retryable) throw Object.assign(error, { message: `${error.message} (key ${key}, at ${round})` });
      await sleep(50);
    }
  }
}

async function create(name) {
  const data = await insist('mutation($i: CreateVirtualMachineInput!) { createVirtualMachine(input: $i) { virtualMachine { id } operation { id } } }',
                            { i: { name, image: 'micro', memoryMib: 96 } }, `create-${name}`);
  const { id } = data.createVirtualMachine.virtualMachine;
  accepted.set(`create-${name}`, id);
  return { id, operation: data.createVirtualMachine.operation.id };
}

const remove = (name, id) => insist('mutation($id: ID!) { deleteVirtualMachine(id: $id) { operation { id } } }', { id }, `delete-${name}`);

async function client(number) {
  for (let turn = 0; ; ++turn) {
    const name = `vm-${number}-${turn}`;
    const { id } = await create(name);
    wanted.set(name, id);
    // Some are deleted while they are still being made, some when they run.
    const pause = random() * 1500;
    for (let waited = 0; waited < pause && !stopping; waited += 50) await sleep(50);
    if (stopping) return;
    wanted.delete(name);
    await remove(name, id);
    await sleep(100 + random() * 400);
  }
}

function sql(text) {
  const psql = ['/usr/lib/postgresql/15/bin/psql', '/usr/bin/psql'].find((file) => fs.existsSync(file));
  return execFileSync(psql, ['-XAtq', '-h', path.join(world.data, 'postgres/socket'), '-U', 'phoenix_owner', '-d', 'phoenix', '-c', text], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

/// What the clients' life does not pass by itself.
let turns = 0;
const drivers = {
  'engine.quota.before_define': () => insist('mutation($i: CreateTenantInput!) { createTenant(input: $i) { tenant { id } } }', { i: { name: `t-${++turns}` } }, `t-${turns}`, {}),
  'qemu.import.copied': () => importImage(),
  'qemu.import.checked': () => importImage(),
  'qemu.import.placed': () => importImage(),
  'compute.image.before_ready_commit': () => importImage(),
  'compute.image.after_ready_commit': () => importImage(),
  'compute.image.cleared': () => importImage({ file: 'missing.raw', state: 'FAILED' }),
  'compute.image.given_up': () => importImage({ file: 'endless.raw', state: 'FAILED', cancel: true }),
  'compute.image.removed': () => importImage({ remove: true }),
  'compute.unknown.destroyed': () => removeOrphan(),
  'engine.work.before_retry_later': () => press(),
  'engine.operation.before_wake': () => expire(),
  'engine.operation.before_expire_commit': () => expire(),
  'incident.before_intake_commit': () => deliver(),
  'incident.after_intake_commit': () => deliver(),
};

/// Imports an image, and sees to its end: in the state named, or deleted.
async function importImage({ file = 'disk.raw', state = 'READY', cancel = false, remove = false } = {}) {
  fs.writeFileSync(path.join(world.data, 'import/disk.raw'), Buffer.alloc(1 << 20));
  fs.writeFileSync(path.join(world.data, 'import/endless.raw'), '');
  fs.truncateSync(path.join(world.data, 'import/endless.raw'), 8 * 2 ** 30);
  const name = `image-${++turns}`;
  const { image, operation } = (await insist('mutation($i: ImportImageInput!) { importImage(input: $i) { image { id } operation { id } } }', { i: { name, file, format: 'raw' } }, name, {})).importImage;
  imported.set(image.id, remove ? null : state);
  if (cancel) await insist('mutation($id: ID!) { cancelOperation(id: $id) { operation { id } } }', { id: operation.id }, `cancel-${name}`, {});
  const now = async () => (await insist('query($n: String!) { images(filter: { name: { eq: $n } }) { nodes { state } } }', { n: name }, undefined, {})).images.nodes[0]?.state;
  while ((await now()) !== state && !abandoned) await sleep(20);
  if (remove) await insist('mutation($id: ID!) { deleteImage(id: $id) { id } }', { id: image.id }, `remove-${name}`, {});
}

/// A guest whose record has gone, as after the restore of an older backup.
async function removeOrphan() {
  const name = `orphan-${++turns}`;
  const { id } = await create(name);
  const machine = 'query($id: ID!) { virtualMachine(id: $id) { state } }';
  while ((await insist(machine, { id })).virtualMachine.state !== 'RUNNING' && !abandoned) await sleep(20);
  const forget = () => { try { sql(`with released as (update phoenix.quotas q set used = used - (select case q.dimension when 'vcpus' then m.vcpus when 'memory_mib' then m.memory_mib when 'instances' then 1 else m.disk_gib end from phoenix.virtual_machines m where m.id = '${id}') where q.tenant_id = '${tenant.id}' and exists (select 1 from phoenix.virtual_machines where id = '${id}')) delete from phoenix.virtual_machines where id = '${id}'`); return true; } catch { return false; } };
  while (!forget() && !abandoned) await sleep(50);
  await insist('mutation($id: ID!) { removeUnknownGuest(id: $id) { operation { id } } }', { id }, `remove-${name}`, {});
  while ((await insist('{ unknownGuests { id } }', {}, undefined, {})).unknownGuests.some((guest) => guest.id === id) && !abandoned) await sleep(50);
}

/// A machine whose creation is out of time before anybody has seen to it. Its operation must end, whatever happens.
async function expire() {
  const name = `late-${++turns}`;
  const { id, operation } = await create(name);
  try { sql(`update phoenix.operations set deadline_at = phoenix.now() where id = '${operation}' and finished_at is null`); } catch { /* it is just down */ }
  await sleep(1000);
  await remove(name, id);
}

/// A guest that is asked to power off before it has booted does not hear it: the press is repeated. It has to run first:
/// what was never started is stopped at once.
async function press() {
  const name = `deaf-${++turns}`;
  const { id } = await create(name);
  const machine = 'query($id: ID!) { virtualMachine(id: $id) { state } }';
  while ((await insist(machine, { id })).virtualMachine.state !== 'RUNNING' && !abandoned) await sleep(20);
  await insist('mutation($id: ID!) { stopVirtualMachine(id: $id) { operation { id } } }', { id }, `stop-${name}`);
  await sleep(1000);
  await remove(name, id);
}

async function deliver() {
  const alert = { status: 'firing', labels: { alertname: `Chaos${++turns}` }, annotations: {}, startsAt: '2026-01-01T00:00:00Z' };
  for (const status of ['firing', 'resolved'])
    for (;;) {
      const body = JSON.stringify({ version: '4', alerts: [{ ...alert, status }] });
      const answer = await fetch(`${world.url}/webhooks/alertmanager?tenant=acme`, { method: 'POST', headers: world.headers(), body, signal: AbortSignal.timeout(30_000) }).catch(() => null);
      if (answer?.ok) break;
      assert.ok(!answer || answer.status >= 500, `a delivery was refused: ${answer?.status}`);
      await sleep(50);
    }
}

async function killPostgres() {
  const pid = world.postgres();
  if (pid) process.kill(pid, 'SIGKILL');
}

test('killed at every crash point and at random moments', { timeout: 15 * 60_000 }, async () => {
  const points = crashPoints().filter((name) => !kElsewhere.includes(name));
  assert.ok(points.length >= 30, `only ${points.length} crash points were found`);
  for (let i = points.length - 1; i > 0; --i) {
    const j = Math.floor(random() * (i + 1));
    [points[i], points[j]] = [points[j], points[i]];
  }
  const running = Array.from({ length: clients }, (_, number) => client(number));
  for (const one of running) one.catch((error) => refusals.push(error));
  const calm = () => assert.deepEqual(refusals, [], 'a client was refused for good');

  const killed = [];
  for (const point of points) {
    round = point;
    await world.stop('SIGKILL');
    const serving = await world.serve({ env: { PHOENIX_CRASH_POINT: point }, ready: false });
    // It may die while it starts; as long as it lives, clients must find it.
    let driving = null;
    await until(`${point} to be passed`, async () => {
      calm();
      const listening = world.events('server.listening')[0];
      if (listening) world.url = `http://127.0.0.1:${(world.port = listening.port)}`;
      if (!serving.exited && listening && drivers[point] && !driving) driving = drivers[point]().then(() => (driving = null), (error) => refusals.push(error));
      return serving.exited;
    }, patience);
    const death = world.events('crash_point.killed').map((event) => event.name);
    assert.deepEqual([serving.exited.signal, death], ['SIGKILL', [point]], `${point}: ${world.log().slice(-1500)}`);
    killed.push(point);
    if (driving) {  // what the driver began has to get its answer from the next server
      await world.serve();
      await until(`the driver of ${point}`, () => driving === null || refusals.length, patience);
    }
    calm();
    if (killed.length === Math.floor(points.length / 2)) await killPostgres();
  }
  assert.deepEqual(killed, points);

  await world.stop('SIGKILL');  // one runs still when the last point had a driver
  await world.serve();
  for (let i = 0; i < kills; ++i) {
    round = `random kill ${i + 1}`;
    await sleep(random() * 1500);
    if (i === Math.floor(kills / 2)) await killPostgres();
    await world.stop('SIGKILL', { group: random() < 0.5 });
    await world.serve();
    calm();
  }
  round = 'the end';
  stopping = true;
  await Promise.all(running);
  calm();
  assert.equal(wanted.size, clients);
});

test('every accepted operation has ended', { timeout: 2 * patience }, async () => {
  await until('the operations to end', async () =>
    (await world.graphql('{ operations(filter: { state: { in: [PENDING, RUNNING, WAITING] } }) { totalCount nodes { kind objectName state reason } } }', {}, { tenant: 'acme' })).operations.totalCount === 0, patience);
  const failed = (await world.graphql('{ operations(first: 500, filter: { state: { eq: FAILED } }) { nodes { kind objectName reason } } }', {}, { tenant: 'acme' })).operations.nodes;
  assert.deepEqual(failed.filter((operation) => !operation.objectName.startsWith('late-')), []);
});

test('exactly the wanted guests run, and nothing else is left', { timeout: 2 * patience }, async () => {
  for (const id of wanted.values()) await world.machineIn('acme', id, 'RUNNING');
  const listed = (await world.graphql('{ virtualMachines(first: 500) { nodes { id name state desiredState } } }', {}, { tenant: 'acme' })).virtualMachines.nodes;
  const sorted = (map) => [...map].sort(([x], [y]) => (x < y ? -1 : 1));
  assert.deepEqual(sorted(new Map(listed.map((machine) => [machine.name, machine.id]))), sorted(wanted));
  const ids = [...wanted.values()].sort();
  assert.deepEqual(world.guests().map((guest) => guest.id).sort(), ids, 'processes');
  await until('the folders to be the wanted ones', () => JSON.stringify(world.guestFolders().sort()) === JSON.stringify(ids));
  assert.equal((await world.quotas('acme')).instances.used, clients);
  const checked = await world.phoenix('fsck');
  assert.equal(checked.code, 0, checked.stdout + checked.stderr);
  const doctor = await world.phoenix('doctor');
  assert.equal(doctor.code, 0, doctor.stdout);
});

test('every image is whole, or nothing of it is left', { timeout: patience }, async () => {
  const listed = async () => new Map((await world.graphql('{ images(first: 500) { nodes { id state } } }')).images.nodes.map(({ id, state }) => [id, state]));
  const files = () => fs.readdirSync(path.join(world.data, 'images'));
  for (const [id, state] of imported) {
    await until(`image ${id} to be ${state}`, async () => ((await listed()).get(id) ?? null) === state);
    await until('its file', () => JSON.stringify(files().filter((name) => name.includes(id))) === JSON.stringify(state === 'READY' ? [`${id}.raw`] : []));
  }
});

test('each accepted key was one machine, and says so still', { timeout: patience }, async () => {
  assert.equal(new Set(accepted.values()).size, accepted.size, 'two keys got one machine');
  const keys = [...accepted.keys()].filter((key) => wanted.has(key.slice('create-'.length)));
  assert.equal(keys.length, clients);
  for (const key of keys) {
    const id = accepted.get(key);
    assert.equal((await create(key.slice('create-'.length))).id, id);
  }
  const created = (await world.graphql('{ operations(filter: { kind: { eq: "vm.create" } }) { totalCount } }', {}, { tenant: 'acme' })).operations.totalCount;
  assert.equal(created, accepted.size, 'one operation for each accepted create');
});
