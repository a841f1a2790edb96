// Sockets that all watch one filtered list: what each costs the server, how long one change takes until the last of them
// has it, and how many statements the database ran for it. The clients share the machine; they are
// subscribers_client.cpp, which does as little as it can, and its CPU is shown beside the server's.
//
//   SUBSCRIBERS (10000)  CHANGES (9)  CLIENTS (1) processes that they are spread over
//
// The ratios written are of the goals: 10 KiB a socket, 250 ms until all have a change.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { cpuOf, inWorld, median, table, writeResults } from './common.mjs';

const subscribers = Number(process.env.SUBSCRIBERS ?? 10_000);
const changes = Number(process.env.CHANGES ?? 9);
const processes = Number(process.env.CLIENTS ?? 1);
const program = path.resolve(import.meta.dirname, '../build/subscribers_client');
const query = 'subscription { incidents(first: 20, orderBy: NUMBER, direction: DESC, filter: { severity: { eq: P3 } }) { totalCount nodes { id reference title severity status } } }';

const memory = (pid) => Number(/^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
async function statements(world) {
  const text = await (await fetch(`${world.url}/metrics`, { headers: world.headers() })).text();
  return [...text.matchAll(/^sankofa_pg_statement_seconds_count\{statement="api\.incidents[^}]*\} (\d+)/gm)].reduce((sum, [, n]) => sum + Number(n), 0);
}

/// One process of clients; `line()` is the next thing it says.
function swarm(world, count) {
  const child = spawn(program, [new URL(world.url).port, String(count), 'bench', query], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write(`${world.token}\n`);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async line() {
      const { value, done } = await lines.next();
      if (done) throw new Error('the clients ended');
      return value.split(' ');
    },
    end: () => child.stdin.end(),
  };
}

const goals = { kib: 10, ms: 250 };

await inWorld({ settings: { 'max-connections': subscribers + 100 } }, async (world) => {
  const load = os.loadavg()[0];
  await world.createTenant('bench');
  const declare = () => world.graphql('mutation { declareIncident(input: { title: "A change", severity: P3 }) { incident { id } } }', {}, { tenant: 'bench' });
  for (let i = 0; i < 20; ++i) await declare();
  const first = swarm(world, 1);  // what the first one costs is not what each costs
  await first.line();
  const before = memory(world.serving.pid);
  const began = process.hrtime.bigint();
  const opening = cpuOf(world.serving.pid);
  const swarms = Array.from({ length: processes }, (_, i) => swarm(world, Math.floor(subscribers / processes) + (i < subscribers % processes ? 1 : 0)));
  await Promise.all(swarms.map((each) => each.line()));
  const opened = Number(process.hrtime.bigint() - began) / 1e9;
  const openingCpu = cpuOf(world.serving.pid) - opening;
  const each = (memory(world.serving.pid) - before) / subscribers;

  const delivered = [];
  const server = [];
  const clients = [];
  const read = await statements(world);
  for (let i = 0; i < changes; ++i) {
    const cpu = cpuOf(world.serving.pid);
    await declare();
    const from = process.hrtime.bigint();
    const pages = await Promise.all(swarms.map((one) => one.line()));
    delivered.push(Number(pages.map(([, at]) => BigInt(at)).reduce((a, b) => (a > b ? a : b)) - from) / 1e6);
    server.push((cpuOf(world.serving.pid) - cpu) * 1e3);
    clients.push(pages.reduce((sum, [, , ms]) => sum + Number(ms), 0));
  }
  const after = (memory(world.serving.pid) - before) / subscribers;
  const perChange = (await statements(world) - read) / changes;
  table(['subscribers', 'client processes', 'KiB each', 'after the changes', 'opened in s', 'server CPU s', 'change to all, ms', 'least', 'most', 'server CPU ms', 'clients CPU ms', 'statements a change'],
        [[subscribers, processes, each.toFixed(1), after.toFixed(1), opened.toFixed(1), openingCpu.toFixed(1), median(delivered).toFixed(0), Math.min(...delivered).toFixed(0), Math.max(...delivered).toFixed(0),
          median(server).toFixed(0), median(clients).toFixed(0), perChange.toFixed(1)]]);
  for (const one of [first, ...swarms]) one.end();
  writeResults('subscribers', { query, subscribers, client_processes: processes, load_average_before: load, kib_each: each, kib_each_after: after, opened_s: opened,
                                opening_server_cpu_s: openingCpu, delivered_ms: delivered, server_cpu_ms: server, clients_cpu_ms: clients, statements_a_change: perChange },
               { subscribers_kib: after / goals.kib, subscribers_ms: median(delivered) / goals.ms });
});
