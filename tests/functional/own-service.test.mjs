// The platform watches itself: an outage of its own services, a snapshot that is held too long, guests that nobody
// knows. Each is an alert of the platform, an incident that goes its way by itself, and a line of the doctor's or an
// order what to do.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { World, alive, patience, until } from './harness.mjs';

const kSnapshotSeconds = 3;
const kIncident = `reference severity status title affectedServices origin startedAt resolvedAt tenant { name }
  alerts { nodes { status name source summary labels annotations startsAt endsAt } }
  timeline(first: 200, orderBy: AT) { nodes { kind body } }`;

let world;

before(async () => {
  world = await World.start({ settings: { 'incident-watch-seconds': 1, 'service-probe-every-ms': 300, 'snapshot-alert-seconds': kSnapshotSeconds } });
  await world.createTenant('acme');
}, { timeout: patience });
after(() => world?.close(), { timeout: patience });

/// The platform's own incidents about a service, the oldest first.
const incidentsOf = async (service) => (await world.graphql(`{ incidents(first: 100, orderBy: STARTED_AT) { nodes { ${kIncident} } } }`)).incidents.nodes
  .filter((one) => one.tenant === null && one.affectedServices.includes(service));

const firing = (service) => until(`an alert of ${service}`, async () => (await incidentsOf(service)).find((one) => one.alerts.nodes.some((alert) => alert.status === 'FIRING')));

/// The incident is over without anybody's help, and its timeline tells how.
async function endsByItself(service, nth) {
  const over = await until(`incident ${nth} of ${service} to be resolved`, async () => {
    const found = await incidentsOf(service);
    assert.ok(found.length <= nth, JSON.stringify(found));
    return found.length === nth && found[nth - 1].status === 'RESOLVED' && found[nth - 1];
  });
  assert.ok(over.resolvedAt);
  assert.ok(over.alerts.nodes.every((alert) => alert.status === 'RESOLVED' && alert.source === 'probe'), JSON.stringify(over.alerts));
  const lines = over.timeline.nodes.map(({ kind, body }) => `${kind}: ${body}`);
  for (const line of [/^declared: /, /^alert: Firing/, /^alert: Ended/, /^status: Investigating → Monitoring/, /^status: Monitoring → Resolved/])
    assert.equal(lines.filter((text) => line.test(text)).length, 1, `${line} in\n${lines.join('\n')}`);
  return over;
}

const unwell = (service) => world.events('service_probe.unwell').filter((event) => event.service === service).length;
const ready = () => until('the server to be ready again', async () => (await fetch(`${world.url}/ready`)).ok, patience);

async function gauge(name) {
  const text = await (await fetch(`${world.url}/metrics`)).text();
  const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(text);
  return found && Number(found[1]);
}

/// What waited for the database asks it again every two seconds, so the doctor may come a moment too early.
async function doctorIsContent() {
  await until('the doctor to be content', async () => {
    const doctor = await world.phoenix('doctor');
    assert.equal(doctor.code, 0, doctor.stdout);
    return true;
  }, 10_000);
}

/// The doctor, who has to ask past a server that cannot prove who he is, finds the database unwell; and the server says
/// so itself, as long as it lasts.
async function doctorNamesTheDatabase() {
  const doctor = await world.phoenix('doctor');
  assert.equal(doctor.code, 1, doctor.stdout);
  assert.match(doctor.stdout, /^FAILED\s+database .*\n\s+\S.*\n\s+next: \S/m);
  assert.match(doctor.stdout, /^FAILED\s+API .*\n\s+\/health answers 503: .*database/m);
  // What needs the database has not failed: nothing is known of it.
  for (const check of ['workloads', 'identity', 'clock', 'ledger'])
    assert.match(doctor.stdout, new RegExp(`^NOT CHECKED\\s+${check} .*\\n\\s+It needs the database`, 'm'));
  assert.match(doctor.stdout, /^\d ok, \d warning, 3 failed, 4 not checked$/m);
  const health = await fetch(`${world.url}/health`, { signal: AbortSignal.timeout(30_000) });
  assert.equal(health.status, 503);
  assert.equal((await health.json()).dependencies.find((one) => one.name === 'database').status, 'failed');
}

test('while all is well, nothing is said', async () => {
  await until('two looks', async () => (await gauge('sankofa_compute_unknown_guests')) === 0);
  assert.equal((await world.graphql('{ alerts { totalCount } }')).alerts.totalCount, 0);
  // Nor by the looks themselves: they are asked for what is there, and leave no line each.
  const metrics = await (await fetch(`${world.url}/metrics`)).text();
  const looks = new RegExp('^http_request_duration_seconds_count\\{(?=.*method="GET")(?=.*route="/graphql").*\\} (\\d+)$', 'gm');
  const counted = [...metrics.matchAll(looks)];
  assert.equal(counted.length, 1, counted.join('\n'));
  assert.ok(counted[0][0].includes('status="200"') && Number(counted[0][1]) > 0, counted[0][0]);
  assert.deepEqual(world.events('http.request').filter(({ method, path: of }) => method === 'GET' && ['/', '/graphql'].includes(of.split('?')[0])), []);
  await doctorIsContent();
});

test('a database that hangs is an incident as soon as it can be stored, with its true times', { timeout: 3 * patience }, async () => {
  const pid = world.postgres();
  const children = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((name) => {
    try { return Number(/^PPid:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${name}/status`, 'utf8'))[1]) === pid; } catch { return false; }
  });
  const stopped = Date.now();
  for (const one of [pid, ...children]) process.kill(one, 'SIGSTOP');
  let continued;
  try {
    await until('the probe to see it', () => unwell('database') === 1, patience);
    await doctorNamesTheDatabase();
  } finally {
    continued = Date.now();
    for (const one of [pid, ...children]) try { process.kill(one, 'SIGCONT'); } catch { /* it has ended */ }
  }
  await ready();
  const over = await endsByItself('database', 1);
  assert.equal(over.severity, 'P1');
  assert.equal(over.title, 'Service database is down');
  assert.equal(over.origin, 'alert');
  const [alert] = over.alerts.nodes;
  assert.equal(over.alerts.nodes.length, 1);
  assert.equal(alert.name, 'ServiceDown');
  assert.equal(alert.labels.service, 'database');
  assert.match(alert.summary, /Service database does not answer: \S/);
  assert.ok(Date.parse(over.startedAt) > stopped - 10_000 && Date.parse(over.startedAt) < continued, 'it began while the database hung');
  assert.ok(Date.parse(alert.endsAt) >= continued, 'and ended after it');
  assert.equal(world.postgres(), pid, 'nothing was restarted for it');
  assert.deepEqual(await incidentsOf('identity'), [], 'what the database took with it is not told apart');
  await doctorIsContent();
});

test('a database that is killed and cannot start is one, too', { timeout: 3 * patience }, async () => {
  const rules = path.join(world.data, 'postgres/data/pg_hba.conf');
  const pid = world.postgres();
  fs.renameSync(rules, `${rules}.away`);
  try {
    process.kill(pid, 'SIGKILL');
    await until('the probe to see it', () => unwell('database') === 2, patience);
    await doctorNamesTheDatabase();
    const asked = await world.phoenix('doctor', '--json');
    assert.equal(asked.code, 1);
    const { healthy, summary, checks } = JSON.parse(asked.stdout);
    assert.equal(healthy, false);
    assert.deepEqual([summary.ok + summary.warning, summary.failed, summary.notChecked], [1, 3, 4]);
    assert.deepEqual(checks.filter((one) => one.status === 'not_checked').map(({ check, latencyMs }) => [check, latencyMs]),
                     [['workloads', null], ['identity', null], ['clock', null], ['ledger', null]]);
  } finally {
    fs.renameSync(`${rules}.away`, rules);
  }
  await ready();
  assert.notEqual(world.postgres(), pid);
  const over = await endsByItself('database', 2);
  assert.equal(over.severity, 'P1');
  await doctorIsContent();
});

test('a snapshot that is held too long names its holder until it is gone', { timeout: 2 * patience }, async () => {
  const psql = ['/usr/lib/postgresql/15/bin/psql', '/usr/bin/psql'].find((file) => fs.existsSync(file));
  const as = (role) => ['-XAtq', '-h', path.join(world.data, 'postgres/socket'), '-U', role, '-d', 'phoenix'];
  const ask = (statement) => execFileSync(psql, [...as('phoenix_maintenance'), '-c', statement], { encoding: 'utf8' }).trim();
  const holder = spawn(psql, as('phoenix_owner'), { env: { ...process.env, PGAPPNAME: 'a long report' }, stdio: ['pipe', 'ignore', 'ignore'] });
  holder.stdin.on('error', () => {});
  try {
    holder.stdin.write('begin isolation level repeatable read;\nselect 1;\n');
    const pid = await until('the snapshot', () => ask("select pid from pg_stat_activity where application_name = 'a long report' and backend_xmin is not null"));
    const open = await firing('snapshots');
    const alert = open.alerts.nodes.find((one) => one.status === 'FIRING');
    assert.equal(alert.name, 'SnapshotHeld');
    assert.equal(open.severity, 'P1');
    assert.equal(open.status, 'INVESTIGATING');
    assert.match(alert.summary, new RegExp(`held open for \\d+ s by process ${pid} \\(phoenix_owner, a long report\\)`));
    assert.ok(Number(/for (\d+) s/.exec(alert.summary)[1]) >= kSnapshotSeconds);
    await until('the gauge', async () => (await gauge('sankofa_pg_oldest_snapshot_seconds')) > kSnapshotSeconds);
    // What the alert says is to be done helps.
    const [, statement] = /as phoenix_maintenance, (select pg_terminate_backend\(\d+\))/.exec(alert.annotations.next);
    assert.equal(ask(statement), 't');
  } finally {
    holder.stdin.end();
    holder.kill();
  }
  await endsByItself('snapshots', 1);
});

test('a guest that a restored database does not know is told, listed, and removed when somebody asks', { timeout: 4 * patience }, async () => {
  const kept = await world.createMachine('acme', 'kept');
  await world.machineIn('acme', kept.id, 'RUNNING');
  const backup = path.join(world.base, 'backup');
  const made = await world.phoenix('db', 'backup', backup);
  assert.equal(made.code, 0, made.stderr);
  const stray = await world.createMachine('acme', 'stray');
  await world.machineIn('acme', stray.id, 'RUNNING');
  const pids = { kept: world.guest(kept.id).pid, stray: world.guest(stray.id).pid };

  // The database is lost, and what there is is older than the second machine.
  await world.stop();
  process.kill(world.postgres(), 'SIGINT');
  await until('the end of the database', () => !world.postgres());
  fs.rmSync(path.join(world.data, 'postgres'), { recursive: true });
  const restored = await world.phoenix('db', 'restore', backup);
  assert.equal(restored.code, 0, restored.stderr);
  await world.serve();

  await world.machineIn('acme', kept.id, 'RUNNING');
  assert.equal(world.guest(kept.id).pid, pids.kept);
  assert.deepEqual((await world.ctlJson('vm', 'orphans', 'list')).map(({ id, name, tenantName, running }) => ({ id, name, tenantName, running })),
                   [{ id: stray.id, name: 'stray', tenantName: 'acme', running: true }]);
  const doctor = await world.phoenix('doctor');
  assert.equal(doctor.code, 1);
  assert.match(doctor.stdout, /^FAILED\s+workloads/m);
  assert.ok(doctor.stdout.includes(`guest stray (${stray.id}) of tenant acme is on this host and runs, and no record knows it`), doctor.stdout);
  assert.match(doctor.stdout, /next: .*phoenix ctl vm orphans remove/);
  await until('the gauge', async () => (await gauge('sankofa_compute_unknown_guests')) === 1);
  const open = await firing('guests');
  assert.equal(open.severity, 'P3');
  const [alert] = open.alerts.nodes;
  assert.equal(alert.name, 'UnknownGuests');
  assert.ok(alert.summary.includes(`stray (${stray.id})`), alert.summary);
  assert.ok(alive(pids.stray), 'telling removes nothing');

  assert.equal((await world.ctlFails('vm', 'orphans', 'remove', kept.id)).reason, 'guest.absent');
  await world.ctlJson('vm', 'orphans', 'remove', stray.id, '--wait');
  assert.ok(!alive(pids.stray), 'its process is gone');
  assert.deepEqual(world.guestFolders(), [kept.id], 'and its disks');
  assert.deepEqual(await world.ctlJson('vm', 'orphans', 'list'), []);
  await endsByItself('guests', 1);
  assert.equal(await gauge('sankofa_compute_unknown_guests'), 0);
  assert.equal(world.guest(kept.id).pid, pids.kept);
  await doctorIsContent();
});

test('none of it is a tenant\'s to see', async () => {
  const seen = await world.graphql('{ incidents { totalCount } alerts { totalCount } }', {}, { tenant: 'acme' });
  assert.deepEqual(seen, { incidents: { totalCount: 0 }, alerts: { totalCount: 0 } });
  const all = await world.graphql('{ alerts(filter: { source: { eq: "probe" } }) { totalCount } }');
  assert.ok(all.alerts.totalCount > 0);
});
