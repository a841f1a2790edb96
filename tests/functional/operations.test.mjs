// What goes wrong for operators: a mistyped folder, a full disk, a taken port, a clock that is off, a mistyped command.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { World, patience, processesOf, run, until } from './harness.mjs';

let world;

before(async () => { world = await World.start(); await world.createTenant('acme'); }, { timeout: patience });
after(() => world?.close(), { timeout: patience });

const errorOf = (answer) => JSON.parse(answer.stderr).error;

test('only serve and restore make a data folder', async () => {
  const typo = path.join(world.base, 'typo');
  const backup = path.join(world.base, 'backup-of-typo');
  const commands = [['migrate', 'status'], ['migrate', 'verify'], ['migrate', 'up'], ['migrate', 'down', '--to', '0'],
                    ['db', 'backup', backup], ['db', 'upgrade', '--to', '15'], ['down'], ['fsck'], ['doctor']];
  const none = path.join(world.base, 'no-backup');
  const restored = await run(['db', 'restore', none, '--data', typo]);
  assert.equal(restored.code, 1);
  assert.match(restored.stderr, /There is no backup .*no-backup/);
  for (const folder of ['missing', 'empty']) {
    if (folder === 'empty') fs.mkdirSync(typo);
    for (const words of commands) {
      const answer = await run([...words, '--data', typo]);
      const said = answer.stdout + answer.stderr;
      assert.equal(answer.code, 1, `${words}: ${said}`);
      assert.ok(said.includes(typo), `${words} names the folder: ${said}`);
      assert.match(said, /next: /, String(words));
    }
    const doctor = await run(['doctor', '--json', '--data', typo]);
    assert.equal(errorOf(doctor).reason, 'data.missing', 'and no list of checks that failed');
    assert.equal(doctor.stdout, '');
    if (folder === 'missing') assert.ok(!fs.existsSync(typo), 'nothing was made for them');
    else assert.deepEqual(fs.readdirSync(typo), []);
  }
  assert.ok(!fs.existsSync(backup));
  assert.deepEqual(processesOf(typo), []);
});

test('a taken address is noticed before anything is started for it', async () => {
  const taken = net.createServer();
  await new Promise((resolve) => taken.listen(0, '127.0.0.1', resolve));
  try {
    const data = path.join(world.base, 'second');
    const answer = await run(['serve', '--data', data, '--listen', `127.0.0.1:${taken.address().port}`]);
    assert.equal(answer.code, 1, answer.stderr);
    assert.match(answer.stderr, /Cannot listen on 127\.0\.0\.1:\d+: Address already in use/);
    assert.match(answer.stderr, /next: .*--listen/);
    assert.ok(answer.stderr.includes(`127.0.0.1:${taken.address().port}`), answer.stderr);
    assert.ok(!fs.existsSync(data), 'nothing was made, not even the folder');
    assert.deepEqual(processesOf(data), []);
  } finally {
    taken.close();
  }
});

test('a public URL is an origin, or the start is refused', async () => {
  for (const wrong of ['ftp://x', 'notaurl', 'https://x/path']) {
    const answer = await run(['serve', '--data', path.join(world.base, 'unused'), '--public-url', wrong]);
    assert.equal(answer.code, 1);
    assert.match(answer.stderr, /public-url must be/);
  }
  assert.ok(!fs.existsSync(path.join(world.base, 'unused')));
});

test('a command line that is not understood names what is wrong with it', async () => {
  const bogus = await run(['bogus']);
  assert.equal(bogus.code, 2);
  assert.match(bogus.stderr, /There is no command 'phoenix bogus'/);
  const near = await run(['ctl', '--data', world.data, 'vm', 'lst']);
  assert.equal(near.code, 2);
  assert.match(near.stderr, /There is no command 'phoenix ctl vm lst'/);
  assert.match(near.stderr, /Did you mean: phoenix ctl vm list\?/);
  const json = await run(['ctl', '--output', 'json', 'bogus']);
  assert.equal(json.code, 2);
  assert.equal(json.stdout, '');
  assert.equal(errorOf(json).reason, 'usage.unknown_command');
  assert.equal(errorOf(json).code, 'VALIDATION_ERROR');
  const option = await run(['ctl', '--output=json', 'vm', 'list', '--nope']);
  assert.equal(option.code, 2);
  assert.equal(errorOf(option).reason, 'usage.wrong');
  assert.match(errorOf(option).message, /--nope/);
  const nameless = await run(['ctl', '--output=json', 'vm', 'show']);
  assert.equal(nameless.code, 2);
  assert.match(errorOf(nameless).message, /NAME is required/);
  // A command that uses a server's data takes every setting, and shows those that matter to it.
  const down = await run(['down', '--help']);
  assert.match(down.stdout, /--data/);
  assert.doesNotMatch(down.stdout, /--listen/);
  const help = await run(['ctl', '--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /incident/);
  const file = await run(['ctl', '--output', 'json', '--token-file', path.join(world.base, 'no-token'), 'ready']);
  assert.equal(file.code, 1);
  assert.equal(errorOf(file).reason, 'ctl.token_file');
  const minus = await world.phoenix('migrate', 'down', '--to', '-5');
  assert.equal(minus.code, 1);
  assert.match(minus.stderr, /There is no migration -5/);
});

test('no option takes what was meant for another, and no file is read without end', async () => {
  const create = (...args) => run(['ctl', '--data', world.data, '--output', 'json', 'vm', 'create', '--image', 'micro', ...args]);
  for (const args of [['--name', 'a', 'b'], ['a', '--idempotency-key', ''], ['a', '--tenant', '']]) {
    const answer = await create(...args);
    assert.equal(answer.code, 2, answer.stderr);
    assert.equal(errorOf(answer).reason, 'usage.wrong');
  }
  for (const forward of ['8080', '8080:', ':80', '8080x:80', '8080:80x', '99999999999:22']) {
    const answer = await create('--forward', forward, 'a');
    assert.equal(answer.code, 1);
    assert.equal(errorOf(answer).reason, 'ctl.forward', `${forward}: ${answer.stderr}`);
  }
  for (const file of ['/dev/zero', world.base, path.join(world.base, 'no-key')]) {
    const answer = await create('--ssh-key', file, 'a');
    assert.equal(answer.code, 1);
    assert.equal(errorOf(answer).reason, 'ctl.file', answer.stderr);
  }
});

test('readiness is JSON when JSON is asked for', async () => {
  assert.deepEqual(await world.ctlJson('ready'), { status: 'ready' });
});

test('the doctor notices a clock of the database that is off', async () => {
  const psql = ['/usr/lib/postgresql/15/bin/psql', '/usr/bin/psql'].find((file) => fs.existsSync(file));
  const now = (body) => execFileSync(psql, ['-XAtq', '-h', path.join(world.data, 'postgres/socket'), '-U', 'phoenix_owner', '-d', 'phoenix', '-c',
    `create or replace function phoenix.now() returns timestamptz language sql stable parallel safe as '${body}'`]);
  const clock = async () => JSON.parse((await world.phoenix('doctor', '--json')).stdout).checks.find((one) => one.check === 'clock');
  assert.equal((await clock()).status, 'ok');
  now("select pg_catalog.statement_timestamp() - interval ''90 seconds''");
  try {
    const found = await clock();
    assert.equal(found.status, 'failed');
    assert.match(found.detail, /phoenix\.now\(\) in the database is .* behind this machine's clock/);
    assert.match(found.nextAction, /NTP/);
  } finally {
    now('select pg_catalog.statement_timestamp()');
  }
  assert.equal((await clock()).status, 'ok');
});

test('a guest restarted from its incident can be waited for', { timeout: patience }, async () => {
  const { id } = await world.createMachine('acme', 'fallen');
  await world.machineIn('acme', id, 'RUNNING');
  const incident = await world.ctlJson('--tenant', 'acme', 'incident', 'declare', '--title', 'Fallen', '--severity', 'P3', '--vm', 'fallen');
  process.kill(world.guest(id).pid, 'SIGKILL');
  await world.machineIn('acme', id, 'LOST');
  const after = await world.ctlJson('--tenant', 'acme', 'incident', 'restart-guest', incident.reference, '--wait');
  assert.equal(after.reference, incident.reference);
  assert.equal((await world.machine('acme', id)).state, 'RUNNING', 'it runs when the command returns');
});

test('down says what it stopped, and a failed backup leaves nothing running', { timeout: patience }, async () => {
  await world.stop();
  const down = await world.phoenix('down');
  assert.equal(down.code, 0, down.stderr);
  assert.match(down.stdout, /database stopped/);
  const again = await world.phoenix('down');
  assert.equal(again.code, 0, again.stderr);
  assert.equal(again.stdout, '', 'nothing ran');
  const exists = path.join(world.base, 'exists');
  fs.mkdirSync(exists);
  fs.writeFileSync(path.join(world.base, 'file'), '');
  for (const target of [exists, path.join(world.base, 'file/backup')]) {
    const failed = await world.phoenix('db', 'backup', target);
    assert.equal(failed.code, 1, failed.stdout);
    assert.equal(world.postgres(), undefined, `PostgreSQL is not left running: ${failed.stderr}`);
  }
  await world.serve();
});

const root = process.getuid?.() === 0;

test('a full disk is told by every check, and down needs no space', { timeout: 2 * patience, skip: !root && 'mounting a small file system needs root' }, async () => {
  const mount = fs.mkdtempSync(path.join(os.tmpdir(), 'phx-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400m,mode=0711', 'tmpfs', mount]);
  const before = process.env.TMPDIR;
  try {
    process.env.TMPDIR = mount;
    const small = await World.start({ settings: { image: 'none' } }).finally(() => {
      if (before === undefined) delete process.env.TMPDIR; else process.env.TMPDIR = before;
    });
    const get = async (target) => { const answer = await fetch(small.url + target); return { status: answer.status, text: await answer.text() }; };
    const free = async () => Number(/^sankofa_data_free_bytes (\S+)$/m.exec((await get('/metrics')).text)[1]);
    const low = JSON.parse((await small.phoenix('doctor', '--json')).stdout).checks.find((one) => one.check === 'disk');
    assert.equal(low.status, 'warning', JSON.stringify(low));  // 400 MiB is little
    assert.ok(await free() > 64 << 20);

    const filler = fs.openSync(path.join(mount, 'filler'), 'w');
    try { for (;;) fs.writeSync(filler, Buffer.alloc(1 << 20)); } catch (error) { assert.equal(error.code, 'ENOSPC'); }
    try { for (;;) fs.writeSync(filler, Buffer.alloc(4096)); } catch (error) { assert.equal(error.code, 'ENOSPC'); }
    fs.closeSync(filler);

    const ready = await get('/ready');
    assert.equal(ready.status, 503);
    assert.deepEqual(JSON.parse(ready.text).failed, ['disk']);
    const health = JSON.parse((await get('/health')).text);
    assert.equal(health.status, 'degraded');
    assert.match(health.dependencies.find((one) => one.name === 'disk').detail, /^full: 0 MiB of 400 MiB free/);
    assert.ok(await free() < 64 << 20);
    assert.match((await get('/metrics')).text, /^sankofa_dependency_up_bool\{dependency="disk"\} 0$/m);
    const doctor = await small.phoenix('doctor');
    assert.equal(doctor.code, 1);
    assert.match(doctor.stdout, /FAILED\s+disk/);
    assert.match(doctor.stdout, /next: Free space on the file system of/);
    const not = await small.ctlFails('ready');
    assert.equal(not.reason, 'ctl.not_ready');
    assert.match(not.message, /disk/);

    // Pages that are there still take rows; the first one that needs a new page is refused.
    let refused;
    for (let i = 0; i < 500 && !refused; ++i)
      refused = (await small.ask('mutation($i: CreateTenantInput!) { createTenant(input: $i) { tenant { id } } }', { i: { name: `full-${i}` } })).errors?.[0];
    assert.equal(refused?.extensions.reason, 'pg.disk_full', JSON.stringify(refused));
    assert.match(refused.extensions.nextAction, /Free space/);

    const down = await small.phoenix('down');
    assert.equal(down.code, 0, down.stderr);
    assert.match(down.stdout, /server stopped/);
    assert.match(down.stdout, /database stopped/);
    assert.deepEqual(small.processes(), [], 'nothing is left running');

    fs.rmSync(path.join(mount, 'filler'));
    await small.serve();
    assert.equal((await get('/ready')).status, 200);
    await small.createTenant('room-again');
    await small.close();
  } finally {
    await until('the file system to be idle', () => {
      try { execFileSync('umount', [mount], { stdio: 'ignore' }); return true; } catch { return false; }
    }).catch(() => execFileSync('umount', ['-l', mount]));
    fs.rmdirSync(mount);
  }
});
