// The audit log for people and their other programs: exported as JSON lines and CSV, filtered, safe in a spreadsheet, and
// itself on record.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { World, patience } from './harness.mjs';

const kFormula = '=HYPERLINK("http://evil.example","click")';

let world;
const declare = (title) => world.ctlJson('--tenant', 'acme', 'incident', 'declare', '--title', title, '--severity', 'P3');
const exported = async (...words) => {
  const { code, stdout, stderr } = await world.phoenix('ctl', '--tenant', 'acme', 'audit', 'export', ...words);
  assert.equal(code, 0, stderr);
  return stdout;
};
/// Instants are written as short as they can be; as texts of one length they have their order.
const when = (row) => row.at.replace('Z', '').padEnd(26, '0');
const lines = (text) => text.trimEnd().split('\n').filter(Boolean).map((line) => JSON.parse(line));

/// RFC 4180, by a reader of its own.
function csv(text) {
  const out = [[]];
  for (const [, cell, end] of text.matchAll(/((?:"(?:[^"]|"")*"|[^",\r\n]*))(,|\r\n)/g)) {
    out.at(-1).push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (end !== ',') out.push([]);
  }
  assert.deepEqual(out.pop(), []);
  return out;
}

before(async () => {
  world = await World.start();
  await world.createTenant('acme');
  await world.createTenant('other');
  await declare('First');
  await declare('Second, of two');
  await world.ctlJson('--tenant', 'other', 'incident', 'declare', '--title', 'Of the other', '--severity', 'P3');
}, { timeout: patience });
after(() => world?.close(), { timeout: patience });

test('JSON lines: every row of the tenant, oldest first, with what changed', async () => {
  const rows = lines(await exported());
  assert.deepEqual(rows.filter((row) => row.action === 'declareIncident').map((row) => row.after.title), ['First', 'Second, of two']);
  assert.deepEqual(rows.map(when), rows.map(when).sort());
  assert.equal(new Set(rows.map((row) => row.tenantId)).size, 1);
  assert.ok(rows.every((row) => row.outcome && row.requestId && row.actor));
});

test('that it was exported is a row of its own', async () => {
  await exported('--action', 'declare');
  const rows = lines(await exported('--action', 'exportAuditLog'));
  assert.ok(rows.length >= 1);
  assert.deepEqual(rows.at(-1).after, { format: 'jsonl', action: 'exportAuditLog' }, 'also the export that is being read');
});

test('filters', async () => {
  const all = lines(await exported());
  const second = all.find((row) => row.after?.title?.startsWith('Second'));
  assert.equal(lines(await exported('--object', second.objectId)).length, 1);
  assert.equal(lines(await exported('--action', 'DECLARE')).length, 2);
  assert.equal(lines(await exported('--actor', 'nobody-of-that-name')).length, 0);
  assert.deepEqual(lines(await exported('--until', second.at)).map((row) => row.id), all.filter((row) => when(row) < when(second)).map((row) => row.id));
  assert.equal(lines(await exported('--since', second.at))[0].id, second.id);
  assert.equal(lines(await exported('--outcome', 'VALIDATION_ERROR')).length, 0);
});

test('CSV that spreadsheets read and do not run', async () => {
  await declare(kFormula);
  // Who acts may choose a name; an address is as free.
  const email = '=1+1@evil.example';
  const { userId } = (await world.graphql('mutation($i: CreateUserInput!) { createUser(input: $i) { userId } }',
    { i: { email, name: 'x', password: 'correct horse battery staple' } })).createUser;
  await world.graphql('mutation($u: ID!) { addUserToTenant(userId: $u, role: TENANT_ADMIN) { membership { id } } }', { u: userId }, { tenant: 'acme' });
  const signedIn = await fetch(`${world.url}/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email, password: 'correct horse battery staple' }) });
  const cookie = signedIn.headers.get('set-cookie').split(';')[0];
  const answer = await fetch(`${world.url}/audit/export?format=csv&tenant=acme`, { headers: { cookie } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'text/csv; charset=utf-8; header=present');
  assert.match(answer.headers.get('content-disposition'), /^attachment; filename="audit-acme-\d{4}-\d\d-\d\d\.csv"$/);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
  const [header, ...rows] = csv(await answer.text());
  assert.deepEqual(header, ['at', 'id', 'tenantId', 'actor', 'onBehalfOf', 'remoteAddress', 'action', 'objectType', 'objectId', 'outcome', 'requestId', 'before', 'after']);
  for (const row of rows) {
    assert.equal(row.length, header.length);
    for (const cell of row) assert.ok(!/^[=+\-@\t\r]/.test(cell), cell);
  }
  assert.equal(rows.at(-1)[header.indexOf('actor')], `'${email}`);
  assert.ok(rows.some((row) => row[header.indexOf('after')] && JSON.parse(row[header.indexOf('after')]).title === kFormula), 'within JSON it is no formula');
});

test('to a file: for nobody else, and never over another', async () => {
  const file = path.join(world.base, 'audit.csv');
  assert.equal(await exported('--format', 'csv', '--out', file), '');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  const whole = fs.readFileSync(file, 'utf8');
  assert.match(whole, /^at,id,/);
  const again = await world.phoenix('ctl', '--tenant', 'acme', 'audit', 'export', '--out', file);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /exists/);
  assert.equal(fs.readFileSync(file, 'utf8'), whole);
});

test('all tenants and the platform itself, for its administrators', async () => {
  const { code, stdout } = await world.phoenix('ctl', 'audit', 'export', '--all');
  assert.equal(code, 0);
  const tenants = new Set(lines(stdout).map((row) => row.tenantId));
  assert.equal(tenants.size, 3, 'two of tenants, and null');
});

test('what is not understood is refused, never passed over', async () => {
  const ask = async (query) => {
    const answer = await fetch(`${world.url}/audit/export?${query}`, { headers: world.headers({ tenant: 'acme' }) });
    return [answer.status, (await answer.json()).error.reason];
  };
  assert.deepEqual(await ask('actr=ada'), [400, 'audit.unknown_parameter']);
  assert.deepEqual(await ask('format=xlsx'), [400, 'audit.bad_filter']);
  assert.deepEqual(await ask('since=yesterday'), [400, 'audit.bad_filter']);
  assert.deepEqual(await ask('object=%27%20or%201'), [400, 'audit.bad_filter']);
  assert.deepEqual(await ask('actor=a&actor=b'), [400, 'url.repeated_parameter']);
  const refused = await world.phoenix('ctl', '--tenant', 'nobody', 'audit', 'export', '--out', path.join(world.base, 'nothing'));
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /no such tenant/);
  assert.ok(!fs.existsSync(path.join(world.base, 'nothing')));
});
