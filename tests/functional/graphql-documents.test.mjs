// A deployment that serves trusted documents only: its portal and its operator's terminal work, nothing else does.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { World, portal } from './harness.mjs';

const hashOf = (text) => createHash('sha256').update(text).digest('hex');
const own = 'query Mine { __typename }';
let world;
before(async () => {
  world = await World.start({ serve: false });
  const manifest = path.join(world.base, 'manifest.json');
  fs.writeFileSync(manifest, JSON.stringify({ mine: own }));
  world.settings = { ...world.settings, documents: 'trusted', 'trusted-documents': manifest };
  await world.serve();
});
after(() => world?.close());

async function ask(parameters) {
  const response = await fetch(`${world.url}/graphql`, { method: 'POST', headers: world.headers(), body: JSON.stringify(parameters) });
  return response.json();
}
const reasonOf = async (parameters) => (await ask(parameters)).errors[0].extensions.reason;

test('a trusted document is served by its id, its hash and its text', async () => {
  const expected = { data: { __typename: 'Query' } };
  assert.deepEqual(await ask({ documentId: 'mine' }), expected);
  assert.deepEqual(await ask({ documentId: `sha256:${hashOf(own)}` }), expected);
  assert.deepEqual(await ask({ extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(own) } } }), expected);
  assert.deepEqual(await ask({ query: own }), expected);
});

test('everything else is refused, and cannot be registered', async () => {
  const other = '{ __typename }';
  assert.equal(await reasonOf({ query: other }), 'graphql.document_not_trusted');
  assert.equal(await reasonOf({ query: other, extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(other) } } }), 'graphql.document_not_trusted');
  assert.equal(await reasonOf({ documentId: 'theirs' }), 'graphql.document_unknown');
  assert.equal(await reasonOf({ documentId: 'mine', query: other }), 'graphql.persisted_query_hash');
  const socket = await world.subscribeTo();
  const stream = socket.subscribe(other);
  await new Promise((resolve) => socket.socket.once('message', resolve));
  assert.equal(stream.errors[0].extensions.reason, 'graphql.document_not_trusted');
  socket.close();
});

test('the terminal on the server works', async () => {
  assert.equal((await world.ctl('tenant', 'list')).code, 0);
});

test('what the portal asks is trusted', async () => {
  const documents = JSON.parse(fs.readFileSync(path.join(portal, 'documents.json'), 'utf8'));
  assert.ok(Object.keys(documents).length > 10);
  for (const [hash, text] of Object.entries(documents)) {
    assert.equal(hash, hashOf(text));
    if (!/^\s*query/.test(text)) continue;
    const { errors } = await ask({ query: text });
    assert.ok(!errors || errors[0].extensions.reason !== 'graphql.document_not_trusted', text);
  }
});

test('a manifest that cannot be read stops the start', async () => {
  const broken = path.join(world.base, 'broken.json');
  fs.writeFileSync(broken, '[]');
  const other = await World.start({ serve: false, settings: { 'trusted-documents': broken } });
  const serving = await other.serve({ ready: false });
  assert.notEqual((await serving.done).code, 0);
  assert.match(other.log() + fs.readFileSync(serving.log, 'utf8'), /broken\.json/);
  await other.close({ fsck: false });
});
