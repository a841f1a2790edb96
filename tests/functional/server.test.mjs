// The server as operators meet it: health, metrics, headers, settings, schema, backup and restore.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { RawConnection, World, patience, portal, root, run, until } from './harness.mjs';

let world;

before(async () => { world = await World.start(); await world.createTenant('acme'); }, { timeout: patience });
after(() => world?.close(), { timeout: patience });

const get = (target, options) => fetch(world.url + target, options);

test('health names its dependencies and how fast they answer', async () => {
  for (const target of ['/health', '/api/health']) {
    const response = await get(target);
    const body = await response.json();
    assert.equal(response.status, 200, JSON.stringify(body));
    assert.equal(response.headers.get('cache-control'), 'no-store');
    assert.equal(body.status, 'ok');
    assert.ok(body.version && !Number.isNaN(Date.parse(body.timestamp)));
    for (const name of ['database', 'hypervisor']) {
      const found = body.dependencies.find((one) => one.name === name);
      assert.equal(found.status, 'ok');
      assert.ok(found.latencyMs >= 0);
    }
  }
  assert.deepEqual(await (await get('/ready')).json(), { status: 'ready' });
});

test('metrics count requests by route, method and status', async () => {
  await world.graphql('{ images { totalCount } }', {}, { tenant: 'acme' });
  await get('/nowhere.txt');
  const text = await until('the metrics', async () => {
    const answer = await (await get('/metrics')).text();
    return answer.includes('route="/graphql"') && answer;
  });
  assert.match(text, /^# TYPE http_request_duration_seconds histogram$/m);
  assert.match(text, /^http_request_duration_seconds_count\{(?=[^}]*route="\/graphql")(?=[^}]*method="POST")(?=[^}]*status="200")[^}]*\} [1-9]/m);
  assert.match(text, /^http_request_duration_seconds_bucket\{(?=[^}]*route="\/health")[^}]*le="\+Inf"[^}]*\} [1-9]/m);
  assert.match(text, /^sankofa_dependency_up_bool\{dependency="database"\} 1$/m);
  assert.ok(!text.includes('nowhere'), 'what strangers type is no label');
});

test('every answer carries the security headers', async () => {
  for (const target of ['/health', '/nothing/here', '/graphql', '/']) {
    const { headers } = await get(target);
    assert.match(headers.get('content-security-policy'), /default-src 'none'.*require-trusted-types-for 'script'/, target);
    assert.ok(!/unsafe-/.test(headers.get('content-security-policy')));
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
    assert.match(headers.get('x-request-id'), /^[0-9a-f-]{36}$/);
  }
});

test('HEAD is GET without a body, and other methods are named', async () => {
  const connection = await RawConnection.open(world);
  const head = await connection.request('HEAD', '/health');
  assert.equal(head.status, 200);
  const after = await connection.request('GET', '/health');  // nothing of a body is in between
  assert.equal(after.status, 200);
  assert.equal(after.json().status, 'ok');
  connection.close();
  const wrong = await get('/health', { method: 'DELETE' });
  assert.equal(wrong.status, 405);
  assert.match(wrong.headers.get('allow'), /GET/);
});

test('the portal: pages are index.html, missing files are 404', { skip: !fs.existsSync(path.join(portal, 'index.html')) && 'no portal was built' }, async () => {
  const index = await (await get('/')).text();
  assert.match(index, /<!doctype html>/i);
  for (const page of ['/virtual-machines', '/incidents/some-id']) {
    const response = await get(page, { headers: { accept: 'text/html' } });
    assert.equal(response.status, 200);
    assert.equal(await response.text(), index);
  }
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(index)[1];
  const asset = await get(script);
  assert.equal(asset.status, 200);
  assert.match(asset.headers.get('content-type'), /javascript/);
  assert.match(asset.headers.get('cache-control'), /immutable/);
  for (const missing of ['/assets/missing.js', '/favicon-not-there.png', '/../server.key', '/%2e%2e/server.key', '/assets/..%2f..%2fserver.key'])
    assert.equal((await get(missing)).status, 404, missing);
});

test('a stopping server finishes what it has begun', { timeout: patience }, async () => {
  const key = 'drained';
  const many = Array.from({ length: 20 }, (_, i) => world.ask('mutation($i: CreateTenantInput!) { createTenant(input: $i) { tenant { id } } }', { i: { name: `drain-${i}` } }, { key: `${key}-${i}` })
    .then((answer) => answer.data?.createTenant.tenant.id, () => null));
  await Promise.race(many);
  const stopped = world.stop('SIGTERM');
  const told = (await Promise.all(many)).filter(Boolean);
  assert.deepEqual(await stopped, { code: 0, signal: null });
  assert.ok(told.length > 0);
  await world.serve();
  const there = new Set((await world.graphql('{ tenants(first: 100) { nodes { id } } }')).tenants.nodes.map((tenant) => tenant.id));
  for (const id of told) assert.ok(there.has(id), 'what was answered is there');
});

test('without its database the server says 503, and comes back', { timeout: patience }, async () => {
  const pid = world.postgres();
  const backends = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((name) => {
    try { return Number(/^PPid:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${name}/status`, 'utf8'))[1]) === pid; } catch { return false; }
  });
  for (const one of [pid, ...backends]) process.kill(one, 'SIGSTOP');
  try {
    const response = await get('/health');
    const body = await response.json();
    assert.equal(response.status, 503);
    assert.equal(body.status, 'degraded');
    const database = body.dependencies.find((one) => one.name === 'database');
    assert.equal(database.status, 'failed');
    assert.ok(database.detail);
    assert.equal((await get('/ready')).status, 503);
    const doctor = await world.phoenix('doctor');
    assert.equal(doctor.code, 1);
    assert.match(doctor.stdout, /FAILED\s+API/);
  } finally {
    for (const one of [pid, ...backends]) try { process.kill(one, 'SIGCONT'); } catch { /* it has ended */ }
  }
  await until('the recovery', async () => (await get('/ready')).status === 200);
});

test('settings: printed, masked, refused when unknown or wrong', async () => {
  const data = path.join(world.base, 'nowhere');
  const printed = await run(['serve', '--print-config', '--data', data, '--listen', '127.0.0.1:4711'], { env: { DATABASE_URL: 'postgres://me:secret@db/x' } });
  assert.equal(printed.code, 0, printed.stderr);
  assert.match(printed.stdout, /^listen = 127\.0\.0\.1:4711$/m);
  assert.match(printed.stdout, /^database-url = postgres:\/\/me:\*\*\*@db\/x$/m);
  for (const [args, env, what] of [[['--colour', 'red'], {}, /colour/], [[], { PHOENIX_COLOUR: 'red' }, /PHOENIX_COLOUR/], [['--probe-every-ms', 'often'], {}, /probe-every-ms/],
                                   [['--stop-grace-seconds', '-1'], {}, /stop-grace-seconds/], [['--listen', 'here'], {}, /listen/], [['--accelerator', 'magic'], {}, /accelerator/]]) {
    const answer = await run(['serve', '--data', data, ...args], { env });
    assert.notEqual(answer.code, 0);
    assert.match(answer.stderr + answer.stdout, what);
  }
  assert.ok(!fs.existsSync(data), 'nothing was made for it');
  fs.mkdirSync(data, { recursive: true });
  fs.writeFileSync(path.join(data, 'phoenix.conf'), '# comment\nprobe-every-ms = 700\nbogus = 1\n');
  const file = await run(['serve', '--print-config', '--data', data]);
  assert.equal(file.code, 1);
  assert.match(file.stderr, /bogus.*phoenix\.conf line 3/);
});

test('the printed schema is the committed one', async () => {
  const printed = await run(['schema', 'print']);
  assert.equal(printed.code, 0, printed.stderr);
  assert.equal(printed.stdout, fs.readFileSync(path.join(root, 'docs/schema.graphql'), 'utf8'), 'run: phoenix schema print > docs/schema.graphql');
  const served = await get('/graphql/schema', { headers: { authorization: `Bearer ${world.token}` } });
  assert.equal(await served.text(), printed.stdout);
});

test('migrations: listed, verified, and not taken back over data', async () => {
  const status = await world.phoenix('migrate', 'status');
  assert.equal(status.code, 0, status.stderr);
  const lines = status.stdout.trim().split('\n').filter((line) => /^\d{3}_/.test(line));
  assert.deepEqual(lines.map((line) => line.split(' ')[0]), fs.readdirSync(path.join(root, 'migrations')).filter((file) => /^\d{3}_.*\.sql$/.test(file)).map((file) => file.replace('.sql', '')).sort());
  assert.ok(!status.stdout.includes('pending') && !status.stdout.includes('EDITED'));
  assert.equal((await world.phoenix('migrate', 'verify')).code, 0);
  const under = await world.phoenix('migrate', 'down', '--to', '0');
  assert.equal(under.code, 1, 'a server works with it');
  assert.match(under.stderr, /A server \(pid \d+\) works with this schema/);
  await world.stop();
  const down = await world.phoenix('migrate', 'down', '--to', '0');
  assert.equal(down.code, 1, 'there is data');
  assert.match(down.stderr, /cannot be taken back/);
  const verified = await world.phoenix('migrate', 'verify');
  assert.equal(verified.code, 0, `nothing has changed: ${verified.stderr}`);
  await world.serve();
  assert.ok((await world.graphql('{ tenants { totalCount } }')).tenants.totalCount > 0);
});

test('backup and restore: the same rows, and a new epoch of events', { timeout: 2 * patience }, async () => {
  const rows = (w) => w.graphql('{ tenants(first: 100) { nodes { id name version quotas { nodes { dimension used maximum } } } } images { nodes { name sha256 } } incidents(first: 100) { nodes { id reference title timeline { nodes { body } } } } }');
  await world.ctlJson('--tenant', 'acme', 'incident', 'declare', '--title', 'Before the backup', '--severity', 'P3');
  const before = await rows(world);
  const cursor = (await world.graphql('{ eventCursor }')).eventCursor;
  const backup = path.join(world.base, 'backup');
  const made = await world.phoenix('db', 'backup', backup);
  assert.equal(made.code, 0, made.stderr);
  await world.createTenant('after-the-backup');
  assert.notEqual((await world.phoenix('db', 'backup', backup)).code, 0, 'a folder that exists is not overwritten');
  assert.notEqual((await world.phoenix('db', 'restore', backup)).code, 0, 'neither is a database');

  const other = await World.start({ serve: false });
  const restored = await other.phoenix('db', 'restore', backup);
  assert.equal(restored.code, 0, restored.stderr);
  // A crash while the new epoch begins must not let the old one go on.
  const dying = await other.serve({ env: { PHOENIX_CRASH_POINT: 'engine.epoch.before_commit' }, ready: false });
  assert.equal((await dying.done).signal, 'SIGKILL');
  await other.serve();
  assert.deepEqual(await rows(other), before);
  const now = (await other.graphql('{ eventCursor }')).eventCursor;
  const firstAfter = async (after) => {
    const live = await other.subscribeTo({});
    const stream = live.subscribe('subscription($after: String) { tenantChanged(after: $after) { kind cursor } }', { after });
    await until('a change', () => stream.items.length || stream.errors.length);
    live.close();
    return stream.items[0]?.kind ?? JSON.stringify(stream.errors);
  };
  assert.equal(await firstAfter(cursor), 'RESYNC', 'a new epoch');
  await other.stop();
  await other.serve();
  await other.createTenant('after-the-restore');
  assert.equal(await firstAfter(now), 'CREATED', 'the epoch and the key of cursors stay over a restart');
  await other.close();
});

test('the one-time link signs the first administrator in, once', async () => {
  const link = (await world.ctl('sign-in-link')).stdout.trim();
  assert.match(link, /\/sign-in#token=\S+$/);
  const token = link.split('#token=')[1];
  const use = () => fetch(`${world.url}/auth/one-time`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ token }) });
  const first = await use();
  assert.equal(first.status, 200);
  assert.equal((await first.json()).user.platformAdmin, true);
  assert.equal((await use()).status, 401);
  assert.ok(!world.log().includes(token), 'it never reaches the log');
});

test('commands say what is wrong and what to do', async () => {
  const none = await run(['ctl', '--data', path.join(world.base, 'empty'), 'tenant', 'list']);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /No server answers in/);
  assert.match(none.stderr, /next: /);
  assert.equal((await world.ctlFails('vm', 'show', 'ghost', '--tenant', 'acme')).reason, 'vm.not_found');
  assert.notEqual((await run(['frobnicate'])).code, 0);
  const settings = await run(['settings']);
  assert.match(settings.stdout, /\| `listen` \| `PHOENIX_LISTEN` \|/);
});
