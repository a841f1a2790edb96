// Sockets that all watch one filtered list: what each costs the server, how long one change takes until the last of them
// has it, and how many statements the database ran for it. The clients are in this process and share the machine.
//
//   SUBSCRIBERS (10000)  CHANGES (5)
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { inWorld, median, table } from './common.mjs';

const WebSocket = createRequire(new URL('../portal/package.json', import.meta.url))('ws');
const subscribers = Number(process.env.SUBSCRIBERS ?? 10_000);
const changes = Number(process.env.CHANGES ?? 5);
const query = 'subscription { incidents(first: 20, orderBy: NUMBER, direction: DESC, filter: { severity: { eq: P3 } }) { totalCount nodes { id reference title severity status } } }';

const memory = (pid) => Number(/^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
async function statements(world) {
  const text = await (await fetch(`${world.url}/metrics`, { headers: world.headers() })).text();
  return [...text.matchAll(/^sankofa_pg_statement_seconds_count\{statement="api\.incidents[^}]*\} (\d+)/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
}

await inWorld({ settings: { 'max-connections': subscribers + 100 } }, async (world) => {
  await world.createTenant('bench');
  const declare = () => world.graphql('mutation { declareIncident(input: { title: "A change", severity: P3 }) { incident { id } } }', {}, { tenant: 'bench' });
  let pages = 0;
  let wanted = Infinity;
  let all = () => {};
  const open = () => new Promise((resolve, reject) => {
    const socket = new WebSocket(`${world.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { perMessageDeflate: false });
    socket.on('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { tenant: 'bench', token: world.token } })));
    socket.on('message', (text) => {
      if (text.length < 40) return void socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query } }));
      if (++pages >= wanted) all();
      resolve(socket);
    });
  });
  await open();
  const before = memory(world.serving.pid);
  const began = process.hrtime.bigint();
  for (let done = 1; done < subscribers; done += 100) await Promise.all(Array.from({ length: Math.min(100, subscribers - done) }, open));
  const opened = Number(process.hrtime.bigint() - began) / 1e9;
  const each = (memory(world.serving.pid) - before) / (subscribers - 1);

  const delivered = [];
  const read = await statements(world);
  for (let i = 0; i < changes; ++i) {
    pages = 0;
    wanted = subscribers;
    const everybody = new Promise((resolve) => (all = resolve));
    await declare();
    const from = process.hrtime.bigint();
    await everybody;
    delivered.push(Number(process.hrtime.bigint() - from) / 1e6);
  }
  table(['subscribers', 'KiB each', 'opened in s', 'change to all, ms', 'statements a change'],
        [[subscribers, each.toFixed(1), opened.toFixed(1), median(delivered).toFixed(0), ((await statements(world) - read) / changes).toFixed(1)]]);
});
