// A real Alertmanager (Debian's prometheus-alertmanager) pointed at the webhook, and every delivery that one could imagine.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { World, freePort, patience, sleep, until } from './harness.mjs';

let world;
let token;         // acme's own
let alertmanager;  // { child, url }

async function startAlertmanager() {
  const folder = path.join(world.base, 'alertmanager');
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'token'), token);
  fs.writeFileSync(path.join(folder, 'config.yml'), `route:
  receiver: phoenix
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 2s
receivers:
  - name: phoenix
    webhook_configs:
      - url: ${world.url}/webhooks/alertmanager
        send_resolved: true
        http_config:
          authorization:
            type: Bearer
            credentials_file: ${path.join(folder, 'token')}
`);
  const port = await freePort();
  const out = fs.openSync(path.join(folder, 'log'), 'a');
  const child = spawn('prometheus-alertmanager', [`--config.file=${path.join(folder, 'config.yml')}`, `--storage.path=${path.join(folder, 'storage')}`,
    `--web.listen-address=127.0.0.1:${port}`, '--cluster.listen-address='], { stdio: ['ignore', out, out] });
  fs.closeSync(out);
  const ended = new Promise((resolve) => { child.on('exit', resolve); child.on('error', resolve); });
  alertmanager = { child, ended, url: `http://127.0.0.1:${port}` };
  await until('Alertmanager to be ready', async () => (await fetch(`${alertmanager.url}/-/ready`)).ok);
}

before(async () => {
  world = await World.start({ settings: { 'incident-watch-seconds': 1 } });
  await world.createTenant('acme');
  await world.createTenant('globex');
  token = (await world.ctl('--tenant', 'acme', 'token', '--ttl', '36000')).stdout.trim();
}, { timeout: patience });
after(async () => {
  if (alertmanager) { alertmanager.child.kill('SIGTERM'); await alertmanager.ended; }
  await world?.close();
}, { timeout: patience });

const alerts = async (name) => (await world.graphql(
  `{ alerts(first: 500) { nodes { id fingerprint status labels annotations startsAt endsAt name summary source deliveries incident { id reference severity status title affectedServices } } pageInfo { hasNextPage endCursor } } }`,
  {}, { tenant: 'acme' })).alerts.nodes.filter((alert) => alert.name === name);
const incidentsNamed = async (text) => (await world.graphql('{ incidents(first: 500) { nodes { id title status relapses timeline(orderBy: AT) { nodes { kind body } } } } }', {}, { tenant: 'acme' })).incidents.nodes
  .filter((incident) => incident.title.includes(text));

const push = async (list) => {
  const response = await fetch(`${alertmanager.url}/api/v2/alerts`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(list) });
  assert.ok(response.ok, await response.text());
};

/// A delivery by hand.
async function deliver(body, { headers = {}, bearer = token, query = '' } = {}) {
  const response = await fetch(`${world.url}/webhooks/alertmanager${query}`, {
    method: 'POST', headers: { 'content-type': 'application/json', ...(bearer ? { authorization: `Bearer ${bearer}` } : {}), ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body), signal: AbortSignal.timeout(60_000) });
  const text = await response.text();
  let json;
  try { json = JSON.parse(text); } catch { /* not JSON */ }
  return { status: response.status, text, error: json?.error };
}
const one = (name, more = {}) => ({ version: '4', alerts: [{ status: 'firing', labels: { alertname: name }, annotations: {}, startsAt: '2026-05-01T10:00:00Z', ...more }] });

// --- with the real one

test('a firing alert opens one incident; repetitions do nothing', { timeout: patience }, async () => {
  await startAlertmanager();
  const startsAt = new Date().toISOString();
  const alert = { labels: { alertname: 'ApiDown', severity: 'critical', service: 'api' }, annotations: { summary: 'The API does not answer' }, startsAt };
  await push([alert]);
  await until('the alert', async () => (await alerts('ApiDown')).length === 1);
  // Alertmanager repeats every two seconds; three deliveries are enough to see that they change nothing.
  await until('repetitions', async () => (await alerts('ApiDown'))[0].deliveries >= 3);
  const [seen] = await alerts('ApiDown');
  assert.equal(seen.status, 'FIRING');
  assert.equal(seen.source, 'alertmanager');
  assert.match(seen.fingerprint, /^[0-9a-f]{16}$/);
  assert.deepEqual(seen.labels, { alertname: 'ApiDown', severity: 'critical', service: 'api' });
  assert.deepEqual(seen.annotations, { summary: 'The API does not answer' });
  assert.equal(Date.parse(seen.startsAt), Date.parse(startsAt));
  assert.equal(seen.endsAt, null);
  assert.equal(seen.incident.severity, 'P1');
  assert.equal(seen.incident.status, 'INVESTIGATING');
  assert.deepEqual(seen.incident.affectedServices, ['api']);
  const incidents = await incidentsNamed('The API does not answer');
  assert.equal(incidents.length, 1);
  assert.equal(incidents[0].timeline.nodes.filter((line) => line.kind === 'alert').length, 1, 'repetitions are not told');
});

test('when it ends, the incident goes to Monitoring and to Resolved', { timeout: patience }, async () => {
  const [{ labels, startsAt }] = await alerts('ApiDown');
  await push([{ labels, annotations: { summary: 'The API does not answer' }, startsAt, endsAt: new Date().toISOString() }]);
  await until('the end', async () => (await alerts('ApiDown'))[0].status === 'RESOLVED');
  await until('Resolved', async () => (await alerts('ApiDown'))[0].incident.status === 'RESOLVED');
  const [incident] = await incidentsNamed('The API does not answer');
  const moves = incident.timeline.nodes.filter((line) => line.kind === 'status').map((line) => line.body);
  assert.equal(moves.length, 2);
  assert.match(moves[0], /Investigating → Monitoring/);
  assert.match(moves[1], /Monitoring → Resolved/);
  assert.ok((await alerts('ApiDown'))[0].endsAt);
});

test('while the database is down the answer is 5xx, and Alertmanager brings it again', { timeout: 2 * patience }, async () => {
  // Held still, PostgreSQL cannot be replaced by the server before a delivery has met the trouble.
  const pid = world.postgres();
  process.kill(pid, 'SIGKILL');
  const direct = await deliver(one('Meanwhile'));
  if (direct.status !== 200) assert.ok(direct.status >= 500, `${direct.status} ${direct.text}: anything else would lose the alert`);
  await push([{ labels: { alertname: 'DuringTheOutage' }, annotations: {}, startsAt: new Date().toISOString() }]);
  await until('the alert to land', async () => (await alerts('DuringTheOutage')).length === 1, patience);
  if (direct.status !== 200) assert.equal((await alerts('Meanwhile')).length, 0, 'what was refused is not half there');
});

test('a database that does not answer: 5xx within the limit, then it lands', { timeout: 2 * patience }, async () => {
  const pid = world.postgres();
  const backends = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((name) => {
    try { return Number(/^PPid:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${name}/status`, 'utf8'))[1]) === pid; } catch { return false; }
  }).map(Number);
  for (const one of [pid, ...backends]) process.kill(one, 'SIGSTOP');
  let answer;
  try {
    answer = await deliver(one('Frozen'));
  } finally {
    for (const one of [pid, ...backends]) try { process.kill(one, 'SIGCONT'); } catch { /* replaced meanwhile */ }
  }
  assert.ok(answer.status >= 500, `${answer.status} ${answer.text}`);
  await until('it to land', async () => { await deliver(one('Frozen')); return (await alerts('Frozen')).length === 1; }, patience);
  assert.equal((await incidentsNamed('Frozen')).length, 1);
});

// --- by hand

test('who calls, and whose alerts they are', async () => {
  assert.equal((await deliver(one('Nobody'), { bearer: null })).status, 401);
  assert.equal((await deliver(one('Nobody'), { bearer: 'wrong' })).status, 401);
  assert.equal((await deliver(one('Nobody'), { query: '?tenant=globex' })).status, 404, "another tenant's door");
  assert.equal((await deliver(one('Nobody'), { query: '?tenant=nowhere' })).status, 404);
  assert.equal((await deliver(one('Nobody'), { headers: { origin: 'https://evil.example' } })).status, 403);
  assert.deepEqual(await alerts('Nobody'), []);
  // The platform's own alerts are nobody's tenant's.
  assert.equal((await deliver(one('RackOnFire'), { bearer: world.token })).status, 200);
  assert.deepEqual(await alerts('RackOnFire'), []);
  assert.equal((await world.graphql('{ alerts { nodes { name tenant { id } } } }')).alerts.nodes.find((alert) => alert.name === 'RackOnFire').tenant, null);
});

const kMalformed = [
  ['nonsense', ''], ['', ''], ['[]', ''], ['{"alerts":[]}', 'version'], ['{"version":"3","alerts":[]}', 'version'], ['{"version":"4"}', 'alerts'],
  ['{"version":"4","alerts":{}}', 'alerts'], ['{"version":"4","alerts":[7]}', 'alerts[0]'], ['{"version":"4","alerts":[{}]}', 'alerts[0].status'],
  [one('X', { status: 'burning' }), 'alerts[0].status'], [one('X', { labels: {} }), 'alerts[0].labels'], [one('X', { labels: { alertname: 7 } }), 'alerts[0].labels.alertname'],
  [one('X', { annotations: [] }), 'alerts[0].annotations'],
  [one('X', { startsAt: 'yesterday' }), 'alerts[0].startsAt'], [one('X', { startsAt: undefined }), 'alerts[0].startsAt'], [one('X', { status: 'resolved', endsAt: 'never' }), 'alerts[0].endsAt'],
  [one('X', { labels: { alertname: 'x'.repeat(70_000) } }), 'alerts[0].labels'],
  [{ version: '4', alerts: [...one('X', { status: 'burning' }).alerts, ...one('X', { labels: {} }).alerts] }, 'alerts[0].status'],
];
test('malformed deliveries get 400 and the name of the field, and store nothing', async () => {
  const count = async () => (await world.graphql('{ alerts { totalCount } incidents { totalCount } }', {}, { tenant: 'acme' }));
  const before = await count();
  for (const [body, field] of kMalformed) {
    const answer = await deliver(body);
    const what = typeof body === 'string' ? body : JSON.stringify(body).slice(0, 200);
    assert.equal(answer.status, 400, `${what}: ${answer.text}`);
    assert.equal(answer.error.field ?? '', field, `${what}: ${answer.text}`);
  }
  assert.equal((await deliver('['.repeat(100_000))).status, 400);
  assert.deepEqual(await count(), before);
});

test('one poisoned alert keeps none of the others out', async () => {
  const noise = crypto.randomBytes(3000).toString('base64');
  const answer = await deliver({ version: '4', alerts: [
    ...one('Unread', { status: 'burning' }).alerts, ...one('LongOne', { labels: { alertname: 'LongOne', service: noise } }).alerts,
    ...one('Nul', { labels: { alertname: 'N\u0000\u001b[31mul' } }).alerts, ...one('GoodBeside').alerts] });
  assert.equal(answer.status, 200, answer.text);
  const told = JSON.parse(answer.text);
  assert.equal(told.accepted, 3);
  assert.deepEqual(told.refused.map((one) => one.field), ['alerts[0].status']);
  assert.equal((await alerts('GoodBeside')).length, 1);
  assert.equal((await alerts('LongOne')).length, 1);
  assert.equal((await alerts('N\uFFFD\uFFFD[31mul')).length, 1);
});

test('a hundred at once of the same are one alert and one incident', { timeout: patience }, async () => {
  const answers = await Promise.all(Array.from({ length: 100 }, async () => {
    for (;;) {
      const answer = await deliver(one('Storm'));
      if (answer.status < 500) return answer;
      await sleep(50);  // as Alertmanager: 5xx comes again
    }
  }));
  assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200]);
  const seen = await alerts('Storm');
  assert.equal(seen.length, 1);
  assert.equal(seen[0].deliveries, 100);
  assert.equal((await incidentsNamed('Storm')).length, 1);
});

test('the end before the beginning opens nothing', async () => {
  const times = { startsAt: '2026-05-02T10:00:00Z' };
  assert.equal((await deliver(one('Backwards', { ...times, status: 'resolved', endsAt: '2026-05-02T10:05:00Z' }))).status, 200);
  assert.equal((await deliver(one('Backwards', times))).status, 200);
  const [seen, ...more] = await alerts('Backwards');
  assert.deepEqual(more, []);
  assert.equal(seen.status, 'RESOLVED');
  assert.equal((await incidentsNamed('Backwards')).length, 0);
  // A new occurrence is a new alert and an incident; a late word about the old one does not end it.
  assert.equal((await deliver(one('Backwards', { startsAt: '2026-05-02T11:00:00Z' }))).status, 200);
  assert.equal((await deliver(one('Backwards', { ...times, status: 'resolved', endsAt: '2026-05-02T10:06:00Z' }))).status, 200);
  assert.deepEqual((await alerts('Backwards')).map((alert) => alert.status).sort(), ['FIRING', 'RESOLVED']);
  assert.deepEqual((await incidentsNamed('Backwards')).map((incident) => incident.status), ['INVESTIGATING']);
});

test("a label that names another tenant's machine stays a label", { timeout: patience }, async () => {
  const theirs = await world.createMachine('globex', 'theirs');
  assert.equal((await deliver(one('Foreign', { labels: { alertname: 'Foreign', vm: theirs.id } }))).status, 200);
  const [seen] = await alerts('Foreign');
  assert.ok(seen.incident);
  assert.ok(!seen.incident.title.includes('theirs'));
  assert.equal((await world.graphql('{ incidents { totalCount } alerts { totalCount } }', {}, { tenant: 'globex' })).incidents.totalCount, 0);
  await world.ctlJson('--tenant', 'globex', 'vm', 'delete', 'theirs', '--wait');
});

test('the contract of alerts(first, after, filter)', async () => {
  const many = { version: '4', alerts: Array.from({ length: 7 }, (_, i) => one(`Page${i}`, { labels: { alertname: 'Paged', n: String(i) } }).alerts[0]) };
  assert.equal((await deliver(many)).status, 200);
  const seen = [];
  for (let after = null, more = true; more;) {
    const { alerts: page } = await world.graphql(
      'query($after: String) { alerts(first: 3, after: $after, filter: { status: { eq: FIRING } }) { nodes { fingerprint status labels annotations startsAt endsAt } pageInfo { hasNextPage endCursor } } }',
      { after }, { tenant: 'acme' });
    assert.ok(page.nodes.length <= 3);
    seen.push(...page.nodes);
    more = page.pageInfo.hasNextPage;
    after = page.pageInfo.endCursor;
  }
  assert.equal(seen.filter((alert) => alert.labels.alertname === 'Paged').length, 7);
  assert.equal(new Set(seen.map((alert) => alert.fingerprint + alert.startsAt)).size, seen.length);
  for (const alert of seen) assert.equal(typeof alert.labels, 'object');
});
