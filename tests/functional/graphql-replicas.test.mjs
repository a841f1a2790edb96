// Two server processes on one database: what one changes, subscribers of the other see, and a cursor given out by one is
// good at the other. And many sockets that watch one list: one read for all of them.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { World, until } from './harness.mjs';

const tenant = 'replicas';
let first;
let second;

before(async () => {
  first = await World.start();
  await first.createTenant(tenant);
  const [, , , port, folder] = fs.readFileSync(path.join(first.data, 'postgres/data/postmaster.pid'), 'utf8').split('\n');
  second = await World.start({ settings: { 'database-url': `host=${folder} port=${port} dbname=phoenix`, site: 'second' } });
});
after(async () => {
  await second?.close({ fsck: false });
  await first?.close();
});

const declare = (world, title) => world.graphql(
  'mutation($t: String!) { declareIncident(input: { title: $t, severity: P3 }) { incident { id } } }', { t: title }, { tenant });
const changes = 'subscription($after: String) { incidentChanged(after: $after) { kind cursor node { title } } }';
const list = 'subscription { incidents(first: 5, orderBy: NUMBER, direction: DESC) { totalCount nodes { title } } }';

test('what one server changes, subscribers of the other see once and in order', async () => {
  const live = await second.subscribeTo({ tenant });
  const seen = live.subscribe(changes);
  const page = live.subscribe(list);
  await until('the first page', () => page.items.length === 1);
  for (const [world, title] of [[first, 'one'], [second, 'two'], [first, 'three']]) await declare(world, title);
  await until('the changes', () => seen.items.length === 3);
  assert.deepEqual(seen.items.map(({ node }) => node.title), ['one', 'two', 'three']);
  await until('the page', () => page.items.at(-1).nodes[0].title === 'three');
  assert.equal(page.items.at(-1).totalCount, 3);
  // The connection breaks; the client comes back to the other server with the cursor it has.
  live.drop();
  const again = await first.subscribeTo({ tenant });
  const rest = again.subscribe(changes, { after: seen.items[0].cursor });
  await until('the rest', () => rest.items.length === 2);
  assert.deepEqual(rest.items.map(({ node }) => node.title), ['two', 'three']);
  again.close();
});

async function reads(world) {
  const text = await (await fetch(`${world.url}/metrics`, { headers: world.headers() })).text();
  return [...text.matchAll(/^sankofa_pg_statement_seconds_count\{statement="api\.incidents[^}]*\} (\d+)/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
}

test('five hundred sockets that watch one list cost one read a change', async () => {
  const sockets = [];
  for (let i = 0; i < 10; ++i) sockets.push(...await Promise.all(Array.from({ length: 50 }, () => first.subscribeTo({ tenant }))));
  const pages = sockets.map((socket) => socket.subscribe(list));
  await until('all first pages', () => pages.every(({ items }) => items.length === 1));
  const before = await reads(first);
  await declare(first, 'for all');
  await until('the change at all of them', () => pages.every(({ items }) => items.at(-1).nodes[0].title === 'for all'));
  const used = await reads(first) - before;
  // The mutation reads its own answer; the list is a page and its total, and may be read once more for a later event of
  // the same change.
  assert.ok(used >= 1 && used <= 6, `${used} statements`);
  for (const socket of sockets) socket.close();
});
