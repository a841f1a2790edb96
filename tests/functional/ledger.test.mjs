// The audit trail's ledger as an auditor meets it: checkpoints that are kept, exports that are checked without a server,
// files and databases that were tampered with, and a server that is killed while it appends.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { World, patience, run, until } from './harness.mjs';

let world;
let key;
let kept;  // the first checkpoint

const file = (name) => path.join(world.base, name);

const psql = ['/usr/lib/postgresql/15/bin/psql', '/usr/bin/psql'].find((one) => fs.existsSync(one));
let connection;  // psql's words for the world's database
const sql = (text) => execFileSync(psql, [...connection, '-c', text], { encoding: 'utf8' }).trim();

async function ledger(...words) {
  const answer = await world.phoenix('ledger', ...words);
  assert.equal(answer.code, 0, `phoenix ledger ${words.join(' ')}: ${answer.stderr}${answer.stdout}`);
  return answer.stdout;
}

/// As somebody does who has the file and nothing else: no data folder, no database, no server.
const verify = (name, ...words) => run(['ledger', 'verify', file(name), ...words]);

async function verified(name, ...words) {
  const answer = await verify(name, ...words);
  assert.equal(answer.code, 0, answer.stderr);
  return answer.stdout;
}

async function found(what, name, ...words) {
  const answer = await verify(name, ...words);
  assert.equal(answer.code, 1, `this should have been found: ${answer.stdout}`);
  assert.match(answer.stderr, what);
}

const sizeOf = (checkpoint) => Number(checkpoint.split('\n')[1]);

/// The first checkpoint that covers all audit rows there are now.
async function covered() {
  const rows = Number(sql('select count(*) from phoenix.audit_log'));
  return until('a checkpoint of all audit rows', async () => {
    const { code, stdout } = await world.phoenix('ledger', 'checkpoint');
    return code === 0 && sizeOf(stdout) >= rows && stdout;
  });
}

const edited = (from, to, change) => fs.writeFileSync(file(to), change(fs.readFileSync(file(from), 'utf8').split('\n')).join('\n'));

before(async () => {
  world = await World.start();
  connection = ['-XAtq', '-h', path.join(world.data, 'postgres/socket'), '-U', 'phoenix_owner', '-d', 'phoenix'];
  await world.createTenant('acme');
  await world.createTenant('other');
  for (let i = 0; i < 3; ++i) await world.ctlJson('--tenant', 'acme', 'incident', 'declare', '--title', `Number ${i}`, '--severity', 'P3');
  await world.ctlJson('--tenant', 'other', 'incident', 'declare', '--title', 'Of the other', '--severity', 'P3');
  kept = await covered();
  fs.writeFileSync(file('kept'), kept);
  key = (await ledger('key')).trim();
}, { timeout: patience });
after(() => world?.close(), { timeout: patience });

test('every audit row is soon under a signed checkpoint', async () => {
  assert.match(kept, /^sankofa-phoenix\/audit\/[0-9a-z]+\n\d+\n[A-Za-z0-9+/]{43}=\n\n— sankofa-phoenix\/audit\/[0-9a-z]+ [A-Za-z0-9+/]+=*\n$/);
  assert.ok(sizeOf(kept) >= 6);
  assert.equal(sql('select count(*) from phoenix.audit_inbox'), '0');
  await until('the metrics to say so', async () => {
    const metrics = await (await fetch(`${world.url}/metrics`)).text();
    return metrics.includes(`\nsankofa_ledger_size_leaves ${sizeOf(kept)}\n`) && metrics.includes('\nsankofa_ledger_lag_seconds 0\n');
  });
});

test('its key is a file for the server alone', () => {
  const info = fs.statSync(path.join(world.data, 'ledger.key'));
  assert.equal(info.mode & 0o777, 0o600);
  assert.equal(info.size, 32);
});

test('an export verifies with nothing but the file and the key', async () => {
  await ledger('export', '--out', file('all'));
  assert.equal(fs.statSync(file('all')).mode & 0o777, 0o600);
  const told = await verified('all', '--key', key, '--since', file('kept'));
  assert.match(told, new RegExp(`^verified: ${sizeOf(kept)} entries$`, 'm'));
  assert.match(told, new RegExp(`^key: +${key.replaceAll('+', '\\+')}$`, 'm'));
  const lines = fs.readFileSync(file('all'), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(lines.length, sizeOf(kept) + 2);
  const declared = lines.filter(({ row }) => row?.action === 'declareIncident');
  assert.equal(declared.length, 4);
  assert.equal(declared[0].row.outcome, 'OK');
  const again = await world.phoenix('ledger', 'export', '--out', file('all'));
  assert.equal(again.code, 1, 'an export is never written over');
});

// From the published formats alone, sharing no code with the binary: RFC 6962, C2SP signed-note, and docs/ledger.md.
test('another program verifies the export, too', () => {
  const hash = (...parts) => crypto.createHash('sha256').update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest();
  const root = (leaves) => {
    if (leaves.length === 0) return hash();
    if (leaves.length === 1) return hash([0], leaves[0]);
    let split = 1;
    while (split * 2 < leaves.length) split *= 2;
    return hash([1], root(leaves.slice(0, split)), root(leaves.slice(split)));
  };
  const [, name, id, encoded] = /^(.+?)\+([0-9a-f]{8})\+(.+)$/.exec(key);
  const raw = Buffer.from(encoded, 'base64');
  assert.equal(raw[0], 1);
  assert.equal(hash(name, '\n', raw).subarray(0, 4).toString('hex'), id);
  const publicKey = crypto.createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.subarray(1).toString('base64url') }, format: 'jwk' });
  const open = (note) => {
    const end = note.lastIndexOf('\n\n');
    const [, signer, signature] = /^— (\S+) (\S+)\n$/.exec(note.slice(end + 2));
    const bytes = Buffer.from(signature, 'base64');
    assert.equal(signer, name);
    assert.equal(bytes.subarray(0, 4).toString('hex'), id);
    assert.ok(crypto.verify(null, Buffer.from(note.slice(0, end + 1)), publicKey, bytes.subarray(4)));
    return note.slice(0, end + 1).split('\n');
  };
  const text = fs.readFileSync(file('all'), 'utf8');
  const lines = text.trimEnd().split('\n');
  const [header, leaves, seal] = [JSON.parse(lines[0]), lines.slice(1, -1).map((line) => JSON.parse(line)), JSON.parse(lines.at(-1)).seal];
  const [origin, size, signed] = open(header.checkpoint);
  assert.deepEqual([origin, Number(size)], [name, leaves.length]);
  assert.equal(root(leaves.map((leaf) => Buffer.from(leaf.canonical, 'base64'))).toString('base64'), signed);
  for (const leaf of leaves) {
    const commitment = hash(Buffer.from(leaf.salt, 'base64'), Buffer.from(leaf.content, 'base64'));
    assert.deepEqual(Buffer.from(leaf.canonical, 'base64').subarray(-32), commitment);
  }
  const before = text.slice(0, text.length - lines.at(-1).length - 1);
  assert.deepEqual(open(seal), [`${name}/export`, String(lines.length - 1), hash(before).toString('base64'), '']);
});

test('what was done to the file is found, with the line', async () => {
  edited('all', 'changed', (lines) => lines.map((line, i) => (i === 3 ? line.replace('"outcome":"OK"', '"outcome":"NO"') : line)));
  await found(/Line 4: /, 'changed', '--key', key);
  edited('all', 'missing', (lines) => lines.filter((_, i) => i !== 3));
  await found(/Line 4: /, 'missing');
  edited('all', 'doubled', (lines) => lines.flatMap((line, i) => (i === 3 ? [line, line] : [line])));
  await found(/Line 5: /, 'doubled');
  edited('all', 'moved', (lines) => lines.map((line, i) => (i === 3 ? lines[4] : i === 4 ? lines[3] : line)));
  await found(/Line 4: /, 'moved');
  edited('all', 'cut', (lines) => lines.slice(0, 4));
  await found(/Line \d+: /, 'cut');
  const stranger = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
  await found(/not with the key asked for/, 'all', '--key', stranger);
  await found(/cannot be read/, 'nowhere');
});

test("a tenant's export has its own rows, with proofs", async () => {
  await ledger('export', '--out', file('acme'), '--tenant', 'acme', '--since', file('kept'));
  const text = fs.readFileSync(file('acme'), 'utf8');
  const other = (await world.graphql('{ tenants(filter: { name: { eq: "other" } }) { nodes { id } } }')).tenants.nodes[0].id;
  assert.ok(text.includes('Number 2') && !text.includes('Of the other') && !text.includes(other));
  assert.match(await verified('acme', '--key', key, '--since', file('kept')), /entries of tenant [0-9a-f-]{36} in a ledger of/);
  edited('acme', 'acme-changed', (lines) => lines.map((line, i) => (i === 2 ? line.replace('declareIncident', 'forgetIncident') : line)));
  await found(/Line 3: /, 'acme-changed');
  const unknown = await world.phoenix('ledger', 'export', '--out', file('nobody'), '--tenant', 'nobody');
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /no tenant 'nobody'/);
  assert.ok(!fs.existsSync(file('nobody')));
});

test('content can be erased, and everything stays proven', async () => {
  const row = sql("select id from phoenix.audit_log where action = 'declareIncident' and after::text like '%Number 1%'");
  sql(`update phoenix.audit_log set content = null, salt = null, actor = 'erased', on_behalf_of = null, remote_address = null, before = null, after = null where id = '${row}'`);
  await world.createTenant('later');
  await covered();
  await ledger('export', '--out', file('erased'));
  assert.match(await verified('erased', '--key', key, '--since', file('kept')), /the content of 1 of them erased/);
  assert.ok(!fs.readFileSync(file('erased'), 'utf8').includes('Number 1'));
  await verified('all', '--key', key);
});

async function doctor() {
  const { code, stdout } = await world.phoenix('doctor', '--json');
  const { checks } = JSON.parse(stdout);
  return { code, ...checks.find(({ check }) => check === 'ledger') };
}

test('the doctor finds a ledger that is well', async () => {
  const told = await doctor();
  assert.deepEqual([told.code, told.status, told.detail], [0, 'ok', '']);
});

test('the doctor finds a key that others may read, and one that is not the signer', async () => {
  const real = path.join(world.data, 'ledger.key');
  fs.chmodSync(real, 0o644);
  const open = await doctor();
  assert.deepEqual([open.code, open.status], [1, 'failed']);
  assert.match(open.detail, /mode 0600/);
  fs.chmodSync(real, 0o600);
  fs.renameSync(real, `${real}.away`);
  try {
    assert.match((await doctor()).detail, /cannot be read/);
    fs.writeFileSync(real, crypto.randomBytes(32), { mode: 0o600 });
    fs.chownSync(real, fs.statSync(`${real}.away`).uid, fs.statSync(`${real}.away`).gid);
    assert.match((await doctor()).detail, /not signed with/);
  } finally {
    fs.renameSync(`${real}.away`, real);
  }
  assert.equal((await doctor()).status, 'ok');
});

test('the doctor finds a ledger that is behind', async () => {
  const holder = spawn(psql, [...connection, '-c', 'select pg_advisory_lock(7310583927102); select pg_sleep(600)']);
  const ended = new Promise((resolve) => holder.on('close', resolve));
  try {
    await until('the lock', () => sql("select count(*) from pg_stat_activity where query like '%pg_sleep(600)' and wait_event = 'PgSleep'") === '1');
    await world.createTenant('waits');
    sql("update phoenix.audit_inbox set at = at - interval '1 minute'");
    const told = await doctor();
    assert.deepEqual([told.code, told.status], [1, 'failed']);
    assert.match(told.detail, /has waited for 1m/);
    assert.match(told.nextAction, /ledger\.failed/);
  } finally {
    sql("select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(600)' and pid <> pg_backend_pid()");
    await ended;
  }
  await until('the ledger to catch up', async () => (await doctor()).status === 'ok');
});

test('fsck finds what was done to the database', async () => {
  const row = sql("select id from phoenix.audit_log where action = 'createTenant' order by at limit 1");
  sql(`update phoenix.audit_log set outcome = 'DENIED' where id = '${row}'`);
  const changed = await world.phoenix('fsck');
  assert.equal(changed.code, 1);
  assert.match(changed.stdout, /^ledger: leaf \d+: the audit row's columns do not say what its bytes say$/m);
  sql(`update phoenix.audit_log set outcome = 'OK' where id = '${row}'`);
  const whole = await world.phoenix('fsck');
  assert.equal(whole.code, 0, whole.stdout);
});

test('a server killed while it appends leaves no gap and no doubled leaf', { timeout: 2 * patience }, async () => {
  for (const point of ['engine.ledger.before_commit', 'engine.ledger.after_commit']) {
    await world.stop();
    const dying = await world.serve({ env: { PHOENIX_CRASH_POINT: point }, ready: false });
    await world.ready().catch(() => {});  // the server before may have left it a row to die of
    await world.createTenant(`dies-${point.split('.')[2].replace('_', '-')}`).catch(() => {});  // it may die before it answers
    assert.equal((await dying.done).signal, 'SIGKILL', point);
    assert.deepEqual(world.events('crash_point.killed').map((event) => event.name), [point]);
    await world.serve();
    await covered();
    assert.equal(sql('select count(*) - count(distinct audit_id) + max(index) + 1 - count(*) from phoenix.audit_leaves'), '0');
  }
  const name = 'survived';
  await ledger('export', '--out', file(name), '--since', file('kept'));
  await verified(name, '--key', key, '--since', file('kept'));
  assert.equal((await ledger('key')).trim(), key, 'the key is the same after every start');
});
