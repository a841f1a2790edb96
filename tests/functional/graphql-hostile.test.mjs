// Requests that are meant to hurt: each gets a refusal that names its limit, the server goes on serving, and its memory
// stays where it was.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { World, patience, until } from './harness.mjs';

let world;
before(async () => { world = await World.start(); });
after(() => world?.close());

const memory = () => Number(/^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${world.serving.pid}/status`, 'utf8'))[1]);
const reasonOf = (answer) => answer.errors?.[0].extensions.reason;
const serves = async () => assert.equal((await world.ask('{ __typename }')).data.__typename, 'Query');
const mebibyte = 1024;

/// Runs the attack a few times; what one of them leaves behind is small.
async function bounded(attack, rounds = 5) {
  await attack();
  const before = memory();
  for (let i = 0; i < rounds; ++i) await attack();
  await serves();
  assert.ok(memory() - before < 64 * mebibyte, `grew by ${(memory() - before) / mebibyte} MiB`);
}

const refusals = {
  '100,000 aliases': [`{ ${Array.from({ length: 100_000 }, (_, i) => `a${i}: __typename`).join(' ')} }`, 'limit.tokens'],
  '101 aliases': [`{ ${Array.from({ length: 101 }, (_, i) => `a${i}: __typename`).join(' ')} }`, 'limit.aliases'],
  'recursive fragments': ['{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }', 'graphql.validation'],
  'fragments that double': [`{ ...f0 } ${Array.from({ length: 40 }, (_, i) => `fragment f${i} on Query { x: __typename ...f${i + 1} ...f${i + 1} }`).join(' ')} fragment f40 on Query { __typename }`, 'limit.fields'],
  '100,000 directives': [`{ __typename ${'@skip(if: false) '.repeat(100_000)} }`, 'limit.tokens'],
  '101 directives': [`{ __typename ${'@include(if: true) '.repeat(101)} }`, 'limit.directives'],
  'nesting without end': [`${'{ a '.repeat(3_000)}${'}'.repeat(3_000)}`, 'limit.depth'],
  'a list of lists without end': [`{ __type(name: ${'['.repeat(100_000)}${']'.repeat(100_000)}) { name } }`, /^limit\.(tokens|depth)$/],
  'lists within lists': ['{ tenants(first: 500) { nodes { members(first: 500) { nodes { role } } quotas(first: 500) { nodes { used } } } } }', 'limit.cost'],
  'a page too large': ['{ tenants(first: 501) { nodes { id } } }', 'limit.page_size'],
  'a string that does not end': ['{ a(b: "', 'graphql.syntax'],
};
for (const [what, [query, expected]] of Object.entries(refusals))
  test(`${what}: refused by name, memory bounded`, () => bounded(async () => {
    const reason = reasonOf(await world.ask(query));
    if (expected instanceof RegExp) assert.match(reason, expected); else assert.equal(reason, expected);
  }));

/// A raw request; what the server says until it closes or `enough` says so.
function raw(bytes, enough = () => false) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(world.port, '127.0.0.1');
    let text = '';
    const end = () => { socket.destroy(); resolve(text); };
    socket.setTimeout(patience, () => reject(new Error(`no answer: ${text}`)));
    socket.on('data', (data) => { text += data.toString('latin1'); if (enough(text)) end(); });
    socket.on('close', () => resolve(text));
    socket.on('error', () => resolve(text));
    socket.write(bytes);
  });
}
const head = (length) => `POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer ${world.token}\r\nContent-Length: ${length}\r\n\r\n`;

test('malformed UTF-8 is refused as JSON, in a text, in a key and in a variable', () => bounded(async () => {
  for (const [before, after] of [['{"query":"{ __typename #', '"}'], ['{"qu', 'ery":"{ __typename }"}'], ['{"query":"{ __typename }","variables":{"a":"', '"}}']]) {
    const body = Buffer.concat([Buffer.from(before), Buffer.from([0xc3, 0x28, 0xed, 0xa0, 0x80]), Buffer.from(after)]);
    const answer = await raw(Buffer.concat([Buffer.from(head(body.length)), body]), (text) => text.includes('http.malformed_json'));
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, /http\.malformed_json/);
  }
}));

test('a body of 50 MB is refused by its announced length, and by its chunks', () => bounded(async () => {
  const announced = await raw(head(50_000_000) + '{'.repeat(100_000));
  assert.match(announced, /^HTTP\/1\.1 413 /);
  assert.match(announced, /body_too_large/);
  const chunk = `100000\r\n${'x'.repeat(1 << 20)}\r\n`;
  const chunked = await raw(head(0).replace('Content-Length: 0', 'Transfer-Encoding: chunked') + chunk.repeat(50));
  assert.ok(chunked === '' || chunked.startsWith('HTTP/1.1 413 '), chunked.slice(0, 200));
}, 2));

/// A masked text frame's beginning: its header says more than what comes.
function halfFrame(length, text) {
  const header = Buffer.alloc(14);
  header[0] = 0x81;
  header[1] = 0x80 | 127;
  header.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([header, Buffer.from(text)]);
}
const upgrade = 'GET /graphql HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n';

/// Upgrades, sends the bytes, and waits for the close frame: its code.
function closeOf(bytes) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(world.port, '127.0.0.1');
    let seen = Buffer.alloc(0);
    let upgraded = false;
    socket.setTimeout(patience, () => reject(new Error('neither closed nor answered')));
    socket.on('data', (data) => {
      seen = Buffer.concat([seen, data]);
      const end = seen.indexOf('\r\n\r\n');
      if (!upgraded && end >= 0) {
        upgraded = true;
        seen = seen.subarray(end + 4);
        socket.write(bytes);
      }
      if (upgraded && seen.length >= 4 && seen[0] === 0x88) { resolve(seen.readUInt16BE(2)); socket.destroy(); }
    });
    socket.on('close', () => resolve(0));
    socket.on('error', () => resolve(0));
    socket.write(upgrade);
  });
}

test('half a frame is waited for no longer than for connection_init', async () => {
  assert.equal(await closeOf(halfFrame(70_000, '{"type":')), 4408);
  await serves();
});

test('a frame that announces a gigabyte is refused before it comes', () => bounded(async () => {
  assert.equal(await closeOf(halfFrame(1 << 30, '{"type":')), 1009);
}));

test('a hundred sockets with half a frame each do not keep others waiting', async () => {
  const sockets = await Promise.all(Array.from({ length: 100 }, () => new Promise((resolve) => {
    const socket = net.connect(world.port, '127.0.0.1', () => socket.write(upgrade));
    socket.once('data', () => { socket.write(halfFrame(70_000, '{')); socket.resume(); resolve(socket); });
    socket.on('error', () => {});
  })));
  await serves();
  await until('the sockets to be closed', () => sockets.every((socket) => socket.destroyed || socket.readableEnded));
});
