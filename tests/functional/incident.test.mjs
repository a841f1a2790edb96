// A guest is killed. The platform notices, opens an incident, says what to do, and closes it when it is over.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { World, patience, refusal, until } from './harness.mjs';

const kIncident = `id reference severity status title affectedServices origin relapses startedAt declaredAt responseDueAt respondedAt
  resolutionDueAt identifiedAt monitoringSince monitoringUntil resolvedAt commander channel declaredBy
  tenant { name } virtualMachine { id name }
  alerts { nodes { status name source endsAt deliveries virtualMachine { name } } }
  timeline(first: 200, orderBy: AT) { nodes { at kind body actor } }`;

let world;
let machine;
let incident;

// The watch is long at first, so that a relapse meets it however slow the machine is.
before(async () => {
  world = await World.start({ settings: { 'incident-watch-seconds': 3600 } });
  await world.createTenant('acme');
  machine = (await world.ctlJson('vm', 'create', '--image', 'micro', '--name', 'db-1', '--memory-mib', '96', '--wait')).id;
}, { timeout: patience });
after(() => world?.close(), { timeout: patience });

const incidents = async () => (await world.graphql(`{ incidents(orderBy: STARTED_AT) { nodes { ${kIncident} } } }`, {}, { tenant: 'acme' })).incidents.nodes;
const load = async () => (await world.graphql(`query($id: ID!) { incident(id: $id) { ${kIncident} } }`, { id: incident.id }, { tenant: 'acme' })).incident;
const reaches = (status) => until(`the incident to be ${status}`, async () => { const now = await load(); return now.status === status && now; });
const restart = async () => (await world.graphql(
  'mutation($id: ID!) { restartIncidentGuest(id: $id) { incident { id } operation { id kind state } } }', { id: incident.id }, { tenant: 'acme' })).restartIncidentGuest;

async function killGuest() {
  const { pid } = world.guest(machine);
  process.kill(pid, 'SIGKILL');
  await world.machineIn('acme', machine, 'LOST');
}

test('while all is well, the doctor finds nothing', async () => {
  const answer = await world.phoenix('doctor', '--json');
  assert.equal(answer.code, 0, answer.stdout + answer.stderr);
  const checks = JSON.parse(answer.stdout.split('\n').filter((line) => line.startsWith('{"healthy"'))[0]).checks;
  assert.deepEqual(checks.map((check) => check.check).sort(), ['API', 'clock', 'database', 'disk', 'identity', 'ledger', 'portal', 'workloads']);
  for (const check of checks) assert.equal(check.status, 'ok', JSON.stringify(check));
});

test('a killed guest is LOST, alerts, and opens an incident', { timeout: patience }, async () => {
  await killGuest();
  const lost = await world.machine('acme', machine);
  assert.equal(lost.desiredState, 'RUNNING', 'nobody asked for its end');
  assert.match(lost.stateReason, /nobody asked for it/);
  assert.ok(lost.nextAction);
  incident = await until('an incident', async () => (await incidents())[0]);
  assert.equal((await incidents()).length, 1);
  assert.equal(incident.reference, 'INC-1');
  assert.equal(incident.severity, 'P2');
  assert.equal(incident.status, 'INVESTIGATING');
  assert.equal(incident.origin, 'alert');
  assert.equal(incident.tenant.name, 'acme');
  assert.deepEqual(incident.virtualMachine, { id: machine, name: 'db-1' });
  assert.match(incident.title, /db-1/);
  assert.ok(incident.affectedServices.some((service) => service.includes('db-1')));
  assert.match(incident.channel, /^incident-\d{4}-\d\d-\d\d-guest-db-1-is-down$/);
  // P2: an hour to respond, a day to resolve.
  assert.equal(Date.parse(incident.responseDueAt) - Date.parse(incident.declaredAt), 3600_000);
  assert.equal(Date.parse(incident.resolutionDueAt) - Date.parse(incident.startedAt), 86_400_000);
  assert.equal(incident.respondedAt, null);
  assert.equal(incident.resolvedAt, null);
  assert.deepEqual(incident.alerts.nodes.map(({ status, name, source, virtualMachine }) => [status, name, source, virtualMachine.name]),
                   [['FIRING', 'GuestDown', 'probe', 'db-1']]);
});

test('the doctor names guest and tenant', async () => {
  const answer = await world.phoenix('doctor');
  assert.equal(answer.code, 1);
  assert.match(answer.stdout, /FAILED\s+workloads/);
  assert.match(answer.stdout, /guest db-1 of tenant acme is LOST/);
  assert.match(answer.stdout, /next: \S/);
  assert.match(answer.stdout, /ok\s+database/);
});

test('somebody takes it: the response clock stops', async () => {
  await world.ctlJson('incident', '--tenant', 'acme', 'ack', 'INC-1');
  const taken = await load();
  assert.ok(taken.respondedAt);
  assert.equal(taken.commander, 'admin@localhost');
  await world.ctlJson('incident', '--tenant', 'acme', 'note', 'INC-1', '--body', 'Somebody pulled the plug.');
});

test('one press starts the guest again; the incident watches', { timeout: patience }, async () => {
  const { operation } = await restart();
  assert.equal(operation.kind, 'vm.restart');
  await world.machineIn('acme', machine, 'RUNNING');
  const watching = await reaches('MONITORING');
  assert.equal(Date.parse(watching.monitoringUntil) - Date.parse(watching.monitoringSince), 3600_000);
  assert.equal(watching.alerts.nodes[0].status, 'RESOLVED');
  assert.equal((await world.phoenix('doctor')).code, 0);
});

test('a second kill during the watch opens the same incident again', { timeout: patience }, async () => {
  await killGuest();
  const again = await until('the relapse', async () => { const now = await load(); return now.relapses === 1 && now; });
  assert.equal(again.status, 'INVESTIGATING');
  assert.equal(again.monitoringUntil, null);
  assert.equal((await incidents()).length, 1);
  assert.deepEqual(again.alerts.nodes.map((alert) => alert.status).sort(), ['FIRING', 'RESOLVED']);
});

test('without a relapse it resolves by itself', { timeout: 2 * patience }, async () => {
  assert.deepEqual(await world.stop(), { code: 0, signal: null });
  world.settings['incident-watch-seconds'] = 1;
  await world.serve();
  await restart();
  const over = await reaches('RESOLVED');
  assert.ok(over.resolvedAt);
  const lines = over.timeline.nodes.map(({ kind, body }) => `${kind}: ${body}`);
  const road = [/^declared: /, /^alert: Firing/, /^response: admin@localhost took/, /^note: Somebody pulled the plug/, /^action: .*(start|Start|restart)/,
                /^action: Operation vm\.restart ended: SUCCEEDED/, /^status: .*Monitoring/, /^alert: Firing/, /^status: Monitoring → Investigating/,
                /^action: Operation vm\.restart ended: SUCCEEDED/, /^status: Investigating → Monitoring/, /^status: Monitoring → Resolved/];
  for (const line of road) assert.ok(lines.some((text) => line.test(text)), `${line} is missing in\n${lines.join('\n')}`);
  const at = over.timeline.nodes.map((line) => line.at);
  assert.deepEqual(at, [...at].sort());
  // What a restart of the server must not do: say it twice.
  assert.equal(lines.filter((line) => /^status: Monitoring → Resolved/.test(line)).length, 1);
});

test('the report has every section of the runbook', async () => {
  await world.graphql(`mutation($id: ID!) { updateIncident(id: $id, input: { rootCause: "A person with a kill command.",
    resolution: "The guest was started again.", impact: "The database did not answer." }) { incident { id } } }`,
                      { id: incident.id }, { tenant: 'acme' });
  const answer = await world.ctl('incident', '--tenant', 'acme', 'report', 'INC-1');
  assert.equal(answer.code, 0, answer.stderr);
  const report = answer.stdout;
  assert.match(report, /^# Incident Report: \d{4}-\d\d-\d\d - Guest db-1 is down\n/);
  const sections = [...report.matchAll(/^## (.+)$/gm)].map((found) => found[1]);
  assert.deepEqual(sections, ['Summary', 'Timeline', 'Root Cause', 'Impact', 'Resolution', 'Prevention', 'Follow-up']);
  for (const text of ['A person with a kill command.', 'The guest was started again.', 'The database did not answer.', 'Tenant: acme', 'Guest: db-1',
                      '**Users Affected**', '**Duration**', '**Services Affected**', 'Incident detected', 'Service restored', '- [ ] '])
    assert.ok(report.includes(text), text);
  assert.ok(!report.includes('not yet'), 'every moment has come');
});

test('a guest that dies after the end is a new incident', { timeout: patience }, async () => {
  await killGuest();
  await until('the second incident', async () => (await incidents()).length === 2);
  const [first, second] = await incidents();
  assert.equal(first.status, 'RESOLVED');
  assert.equal(second.reference, 'INC-2');
  // Deleting the machine ends its alert and with it the incident.
  await world.ctlJson('vm', 'delete', 'db-1', '--wait');
  incident = second;
  const over = await reaches('RESOLVED');
  assert.equal(over.virtualMachine, null);
  assert.match(over.title, /db-1/, 'history keeps the name');
});

test('by hand: declared once, moved by the rules, with reasons', async () => {
  const declared = await world.ctlJson('incident', '--tenant', 'acme', 'declare', '--title', 'Customers cannot sign in', '--severity', 'P1', '--service', 'portal');
  assert.equal(declared.status, 'INVESTIGATING');
  const input = { title: 'Same thing', severity: 'P3', correlationKey: 'k1' };
  const declare = () => world.graphql('mutation($input: DeclareIncidentInput!) { declareIncident(input: $input) { incident { id } } }', { input }, { tenant: 'acme' });
  assert.deepEqual(await declare(), await declare());
  incident = declared;
  const harsher = (more) => world.graphql(`mutation($id: ID!, $input: UpdateIncidentInput!) { updateIncident(id: $id, input: $input) { incident { severity } } }`,
                                          { id: declared.id, input: { severity: 'P0', ...more } }, { tenant: 'acme' });
  assert.equal((await refusal(harsher({}))).field, 'input.reason');
  assert.equal((await harsher({ reason: 'Everybody is affected.' })).updateIncident.incident.severity, 'P0');
  const guestless = await refusal(restart());
  assert.equal(guestless.reason, 'incident.no_guest');
  // Longer than a page: the terminal shows the whole timeline.
  const id = declared.id;
  for (let i = 0; i < 201; ++i)
    await world.graphql('mutation($id: ID!, $body: String!) { addIncidentNote(id: $id, body: $body) { incident { id } } }', { id, body: `note ${i}` }, { tenant: 'acme' });
  const { timeline } = await world.ctlJson('incident', '--tenant', 'acme', 'show', declared.reference);
  assert.deepEqual(timeline.nodes.map((line) => line.body).filter((body) => body.startsWith('note ')), Array.from({ length: 201 }, (_, i) => `note ${i}`));
  await world.ctlJson('incident', '--tenant', 'acme', 'resolve', declared.reference, '--note', 'Over.');
  const wrong = await world.ctlFails('incident', '--tenant', 'acme', 'status', declared.reference, '--to', 'MONITORING');
  assert.equal(wrong.reason, 'incident.illegal_transition');
  assert.equal(wrong.field, 'status');
  assert.ok((await load()).resolvedAt);
});

test('texts that would lie or beep are refused by field', async () => {
  const declare = (input) => world.graphql('mutation($input: DeclareIncidentInput!) { declareIncident(input: $input) { incident { id } } }',
                                           { input: { title: 'Plain', severity: 'P3', ...input } }, { tenant: 'acme' });
  const { id } = (await declare({ correlationKey: 'texts' })).declareIncident.incident;
  const update = (input) => world.graphql('mutation($id: ID!, $input: UpdateIncidentInput!) { updateIncident(id: $id, input: $input) { incident { id } } }',
                                          { id, input }, { tenant: 'acme' });
  const note = (body) => world.graphql('mutation($id: ID!, $body: String!) { addIncidentNote(id: $id, body: $body) { incident { id } } }', { id, body }, { tenant: 'acme' });
  const bad = [
    ['input.title', () => declare({ title: 'a\nb' })], ['input.title', () => declare({ title: '\u001b[31mred' })], ['input.title', () => declare({ title: '\u00a0\u3000' })],
    ['input.title', () => declare({ title: 'a\u0000b' })], ['input.impact', () => declare({ impact: 'bell\u0007' })],
    ['input.affectedServices', () => declare({ affectedServices: [''] })], ['input.affectedServices', () => declare({ affectedServices: ['\u2003'] })],
    ['input.correlationKey', () => declare({ correlationKey: 'x'.repeat(10_000) })], ['input.correlationKey', () => declare({ correlationKey: 'a\u0000' })],
    ['input.title', () => update({ title: 'a\u0007' })], ['input.rootCause', () => update({ rootCause: 'a\u0000' })],
    ['input.reason', () => update({ severity: 'P0', reason: ' \u3000' })], ['input.reason', () => update({ severity: 'P0', reason: 'x'.repeat(1_001) })],
    ['input.reason', () => update({ severity: 'P0', reason: 'a\u0000b' })], ['body', () => note('\u00a0 \n')], ['body', () => note('\u001b]0;owned\u0007')],
  ];
  for (const [field, wrong] of bad) {
    const error = await refusal(wrong());
    assert.equal(error.code, 'VALIDATION_ERROR', `${wrong}: ${JSON.stringify(error)}`);
    assert.equal(error.field, field, `${wrong}`);
  }
});

test('a resolved incident restarts nobody', { timeout: patience }, async () => {
  const { id: machineId } = await world.createMachine('acme', 'healthy');
  await world.machineIn('acme', machineId, 'RUNNING');
  const declared = await world.ctlJson('incident', '--tenant', 'acme', 'declare', '--title', 'Over', '--severity', 'P3', '--vm', 'healthy');
  await world.ctlJson('incident', '--tenant', 'acme', 'resolve', declared.reference, '--note', 'It was nothing.');
  const { pid } = world.guest(machineId);
  const error = await world.ctlFails('--tenant', 'acme', 'incident', 'restart-guest', declared.reference);
  assert.equal(error.reason, 'incident.resolved');
  assert.equal(error.field, 'id');
  assert.equal(world.guest(machineId).pid, pid);
  assert.equal((await world.machine('acme', machineId)).state, 'RUNNING');
});
