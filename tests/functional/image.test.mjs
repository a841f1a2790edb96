// Images come in by durable operations: watched, cancelled, refused with a reason, killed at any point; and a machine
// made from an imported disk really boots from it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Refused, World, image, openConsole, patience, refusal, until } from './harness.mjs';

let world;
before(async () => {
  world = await World.start();
  await world.createTenant('acme');
}, { timeout: patience });
after(() => world?.close(), { timeout: patience });

const inbox = (name) => path.join(world.data, 'import', name);
const stored = () => fs.readdirSync(path.join(world.data, 'images')).sort();
const fields = 'id name state stateReason sha256 sizeMib minDiskGib';
const find = async (name) => (await world.graphql(`query($n: String!) { images(filter: { name: { eq: $n } }) { nodes { ${fields} } } }`, { n: name })).images.nodes[0];

async function ask(name, file, { format = 'raw', key } = {}) {
  const data = await world.graphql('mutation($i: ImportImageInput!) { importImage(input: $i) { image { id state } operation { id kind state } } }',
                                   { i: { name, file, format } }, { key });
  return data.importImage;
}

const ended = (id) => until('the operation to end', async () => {
  const { operation } = await world.graphql('query($id: ID!) { operation(id: $id) { state step progress reason nextAction } }', { id });
  return ['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(operation.state) && operation;
}, patience);

/// As large as asked for, and no block of it on the disk.
function sparse(name, bytes) {
  fs.closeSync(fs.openSync(inbox(name), 'w'));
  fs.truncateSync(inbox(name), bytes);
}

test('an import answers at once, and ends READY with its digest', { timeout: patience }, async () => {
  const bytes = crypto.randomBytes(3 << 20);
  fs.writeFileSync(inbox('noise.raw'), bytes);
  const asked = await ask('noise', 'noise.raw', { key: 'noise' });
  assert.deepEqual([asked.operation.kind, asked.image.state], ['image.import', 'IMPORTING']);
  assert.deepEqual(await ended(asked.operation.id).then((operation) => operation.state), 'SUCCEEDED');
  const there = await find('noise');
  assert.deepEqual(there, { id: asked.image.id, name: 'noise', state: 'READY', stateReason: null, sha256: crypto.createHash('sha256').update(bytes).digest('hex'), sizeMib: 3, minDiskGib: 1 });
  assert.deepEqual(stored(), [`${asked.image.id}.raw`]);
  assert.equal((await ask('noise', 'noise.raw', { key: 'noise' })).operation.id, asked.operation.id, 'the same key, the same operation');
  const taken = await refusal(ask('noise', 'noise.raw'));
  assert.deepEqual([taken.code, taken.reason, taken.field], ['CONFLICT', 'image.name_taken', 'input.name']);
});

test('a large import is watched, not waited for, and cannot be used before it is READY', { timeout: 2 * patience }, async () => {
  sparse('large.raw', 8 * 2 ** 30);
  const asked = await ask('large', 'large.raw');
  const steps = new Set();
  await until('some progress', async () => {
    const { operation } = await world.graphql('query($id: ID!) { operation(id: $id) { state step progress } }', { id: asked.operation.id });
    assert.equal(operation.state === 'SUCCEEDED', false, 'it was over before it could be watched');
    if (operation.progress > 5) steps.add(operation.step);
    return steps.size >= 2;
  }, patience);
  for (const step of steps) assert.match(step, /^copying: \d+ of 8192 MiB$/);
  const early = await refusal(world.createMachine('acme', 'early', { input: { image: 'large' } }));
  assert.deepEqual([early.reason, early.field], ['image.not_ready', 'input.image']);
  await world.graphql('mutation($id: ID!) { cancelOperation(id: $id) { operation { id } } }', { id: asked.operation.id });
  const end = await ended(asked.operation.id);
  assert.deepEqual([end.state, end.reason], ['CANCELLED', 'The import was cancelled.']);
  assert.equal((await find('large')).state, 'FAILED');
  assert.deepEqual(stored().filter((name) => name.includes(asked.image.id)), [], 'nothing of it is left');
});

test('what cannot be taken fails with its reason, and its name may be given anew', { timeout: patience }, async () => {
  execFileSync('qemu-img', ['create', '-q', '-f', 'raw', inbox('base.raw'), '1M']);
  execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', 'base.raw', inbox('child.qcow2')]);
  for (const [file, format, reason] of [['missing.raw', 'raw', /no file of that name/], ['child.qcow2', 'qcow2', /backing file/], ['child.qcow2', 'raw', /qcow2, not raw/]]) {
    const asked = await ask('bad', file, { format });
    const end = await ended(asked.operation.id);
    assert.equal(end.state, 'FAILED');
    assert.match(end.reason, reason);
    assert.ok(end.nextAction);
    assert.ok(!JSON.stringify(end).includes(world.base), 'no path of the host in a reason');
    const there = await find('bad');
    assert.deepEqual([there.state, there.stateReason], ['FAILED', end.reason]);
    assert.deepEqual(stored().filter((name) => name.includes(asked.image.id)), []);
  }
});

test('from the terminal; a used image stays, an unused one goes with its file', { timeout: patience }, async () => {
  fs.writeFileSync(inbox('small.raw'), crypto.randomBytes(1 << 20));
  const shown = await world.ctlJson('image', 'import', 'small', '--file', 'small.raw', '--format', 'raw', '--wait');
  assert.equal(shown.state, 'READY');
  assert.ok((await world.ctlJson('image', 'list')).some((one) => one.name === 'small' && one.state === 'READY'));
  assert.equal((await world.ctlFails('image', 'import', 'x', '--file', '../x', '--format', 'raw')).reason, 'image.bad_name');
  const { id } = await world.createMachine('acme', 'user', { input: { image: 'small', memoryMib: 256 } });
  assert.equal((await world.ctlFails('image', 'delete', 'small')).reason, 'image.in_use');
  assert.equal((await world.ctlFails('image', 'delete', 'micro')).reason, 'image.built_in');
  await world.machineIn('acme', id, 'RUNNING');
  await world.ctlJson('vm', 'delete', 'user', '--wait');
  await world.ctlJson('image', 'delete', 'small');
  assert.equal(await find('small'), undefined);
  await until('its file to go', () => !stored().some((name) => name.startsWith(shown.id)));
});

for (const point of ['qemu.import.copied', 'qemu.import.checked', 'qemu.import.placed', 'compute.image.before_ready_commit', 'compute.image.after_ready_commit'])
  test(`killed at ${point}, the image is whole after all`, { timeout: 2 * patience }, async () => {
    await world.stop();
    const serving = await world.serve({ env: { PHOENIX_CRASH_POINT: point } });
    const name = point.replaceAll(/[._]/g, '-');
    const bytes = crypto.randomBytes(1 << 20);
    fs.writeFileSync(inbox(`${name}.raw`), bytes);
    const asked = await ask(name, `${name}.raw`);
    await until('the kill', () => serving.exited, patience);
    await world.serve();
    assert.equal((await ended(asked.operation.id)).state, 'SUCCEEDED');
    const there = await find(name);
    assert.deepEqual([there.state, there.sha256], ['READY', crypto.createHash('sha256').update(bytes).digest('hex')]);
    assert.deepEqual(stored().filter((file) => file.includes(asked.image.id)), [`${asked.image.id}.raw`]);
  });

for (const [point, file] of [['compute.image.cleared', 'none.raw'], ['compute.image.given_up', 'endless.raw'], ['compute.image.removed', null]])
  test(`killed at ${point}, nothing is left`, { timeout: 2 * patience }, async () => {
    await world.stop();
    const serving = await world.serve({ env: { PHOENIX_CRASH_POINT: point } });
    const name = point.replaceAll(/[._]/g, '-');
    sparse('endless.raw', 8 * 2 ** 30);
    sparse('brief.raw', 1 << 20);
    const asked = await ask(name, file ?? 'brief.raw');
    if (file === 'endless.raw') {
      // The server may be killed before it has answered: what it reached shows that it had heard.
      await world.graphql('mutation($id: ID!) { cancelOperation(id: $id) { operation { id } } }', { id: asked.operation.id })
        .catch((error) => { if (error instanceof Refused) throw error; });
    }
    if (!file) {
      await ended(asked.operation.id);
      await world.graphql('mutation($id: ID!) { deleteImage(id: $id) { id } }', { id: asked.image.id });
    }
    await until('the kill', () => serving.exited, patience);
    await world.serve();
    if (file) assert.equal((await ended(asked.operation.id)).state, file === 'none.raw' ? 'FAILED' : 'CANCELLED');
    await until('its files to be gone', () => !stored().some((one) => one.includes(asked.image.id)));
    assert.equal((await find(name))?.state, file ? 'FAILED' : undefined);
  });

test('kill -9 in the middle of a copy: it is begun anew, and no half is left', { timeout: 3 * patience }, async () => {
  sparse('half.raw', 2 * 2 ** 30);
  const asked = await ask('half', 'half.raw');
  await until('half a copy', () => stored().includes(`.import-${asked.image.id}`), patience);
  await world.stop('SIGKILL');
  await world.serve();
  assert.equal((await ended(asked.operation.id)).state, 'SUCCEEDED');
  assert.deepEqual(stored().filter((name) => name.includes(asked.image.id)), [`${asked.image.id}.raw`]);
  assert.equal((await find('half')).sizeMib, 2048);
});

/// A disk that BIOS boots: SYSLINUX on FAT with the micro image's kernel and initrd. No root, no mount.
function bootableDisk(folder) {
  const raw = path.join(folder, 'boot.img');
  const options = { env: { ...process.env, MTOOLS_SKIP_CHECK: '1' }, stdio: 'pipe' };
  fs.closeSync(fs.openSync(raw, 'w'));
  fs.truncateSync(raw, 64 * 16 * 63 * 512);
  fs.writeFileSync(path.join(folder, 'syslinux.cfg'), 'SERIAL 0 115200\nDEFAULT micro\nLABEL micro\n  KERNEL linux\n  INITRD initrd\n  APPEND console=ttyS0 quiet\n');
  execFileSync('mformat', ['-i', raw, '-t', '64', '-h', '16', '-s', '63', '::'], options);
  execFileSync('mcopy', ['-i', raw, path.join(image, 'kernel'), '::/linux'], options);
  execFileSync('mcopy', ['-i', raw, path.join(image, 'initrd'), '::/initrd'], options);
  execFileSync('mcopy', ['-i', raw, path.join(folder, 'syslinux.cfg'), '::/'], options);
  execFileSync('syslinux', ['--install', raw], options);
  return raw;
}

test('a machine boots from an imported qcow2', { timeout: 4 * patience }, async () => {
  execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', bootableDisk(world.base), inbox('boot.qcow2')]);
  const shown = await world.ctlJson('image', 'import', 'boot', '--file', 'boot.qcow2', '--format', 'qcow2', '--wait');
  assert.equal(shown.state, 'READY');
  const { id } = await world.createMachine('acme', 'from-disk', { input: { image: 'boot', memoryMib: 256 } });
  await world.machineIn('acme', id, 'RUNNING');
  const console = await openConsole(world, 'acme', id);
  await console.reads('SYSLINUX');
  await console.reads('from-disk login:');
  await until('its boot to be noted', async () => (await world.machine('acme', id)).bootedAt);
  console.type('root\n');
  await console.reads(/# [^\n]*$/);
  console.type('grep -o BOOT_IMAGE=[a-z]* /proc/cmdline\n');
  await console.reads('BOOT_IMAGE=linux');
  console.close();
  await world.ctlJson('vm', '--tenant', 'acme', 'delete', 'from-disk', '--wait');
});
