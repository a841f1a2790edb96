// Latency at a fixed rate: 70 % of what the server bears, the requests due at fixed times and latency counted from then
// (build/open_loop; wrk's closed loop would leave out what a stall keeps it from sending). Beside mercurius at 70 % of
// what it bears. First the generator itself is checked against a server that stalls once.
//
//   ROUNDS (5)  SECONDS (5)  CLIENTS (32)  SHARE (0.7)  TENANTS (200)  PER_TENANT (500)  PEERS (mercurius; empty: none)
import fs from 'node:fs';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { fillResources, inWorld, measured, median, output, table, tenantTokens, wrk, writeResults } from './common.mjs';
import { compareAnswers, peers, withPeers } from './peers/servers.mjs';

const rounds = Number(process.env.ROUNDS ?? 5);
const seconds = Number(process.env.SECONDS ?? 5);
const clients = Number(process.env.CLIENTS ?? 32);
const share = Number(process.env.SHARE ?? 0.7);
const tenants = Number(process.env.TENANTS ?? 200);
const perTenant = Number(process.env.PER_TENANT ?? 500);
const names = (process.env.PEERS ?? 'mercurius').split(',').filter(Boolean);
const query = '{ resources(first: 20, filter: {status: {eq: RUNNING}}) { nodes { id name type status site { id name region } } } }';

async function openLoop(port, { tokenFile, rate, span, connections }) {
  const got = JSON.parse(await output('build/open_loop', [port, rate, span, connections].map(String),
    { env: { ...process.env, BENCH_TOKENS: tokenFile, BENCH_BODY: JSON.stringify({ query }) } }));
  if (got.errors || got.answered !== got.due) throw new Error(`of ${got.due} requests ${got.answered} were answered, ${got.errors} with errors`);
  return { ...got, rate, requests: got.answered };
}

/// 200 requests a second for 2 s, and half a second in the middle without answers: a quarter of them must count as late,
/// 250 ms and more half of those. A closed loop would have seen one.
async function checkGenerator(folder) {
  let stalled = 0;
  const waiting = [];
  const server = createServer((request, response) => {
    const answer = () => response.end('{"data":{}}');
    request.resume().on('end', () => {
      if (stalled === 0 && performance.now() - began > 800) {
        stalled = 1;
        setTimeout(() => { stalled = 2; for (const one of waiting.splice(0)) one(); }, 500);
      }
      if (stalled === 1) waiting.push(answer);
      else answer();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const tokenFile = path.join(folder, 'stall-tokens');
  fs.writeFileSync(tokenFile, 'none\n');
  const began = performance.now();
  const got = await openLoop(server.address().port, { tokenFile, rate: 200, span: 2, connections: 1 });
  server.close();
  if (got.p90 < 200 || got.max < 450 || got.p50 > 200) throw new Error(`the generator omits what a stall holds up: ${JSON.stringify(got)}`);
}

await inWorld({ settings: { 'probe-every-ms': 600_000 } }, async (world) => {
  const load = os.loadavg()[0];
  await checkGenerator(world.base);
  fillResources(world, { tenants, perTenant });
  const ourTokens = await tenantTokens(world, tenants);
  await withPeers(world, { names, tenants, ourTokens, queryOf: () => query }, async (servers) => {
    await compareAnswers(servers, [1, tenants], () => {});
    const all = Object.fromEntries(Object.keys(servers).map((name) => [name, []]));
    for (let round = 0; round <= rounds; ++round) {
      for (const { name, pid, url, tokenFile } of Object.values(servers)) {
        // What it bears is measured right before, since a busy machine changes by the second.
        const full = await wrk(url, { tokenFile, query, clients, seconds: Math.min(seconds, 3) });
        const rate = Math.round(full.rate * share);
        const got = await measured(world, pid, () => openLoop(new URL(url).port, { tokenFile, rate, span: seconds, connections: clients }));
        if (round) all[name].push({ ...got, full_rate: full.rate });  // the first round is the warm-up
      }
    }
    const figure = (name, pick) => median(all[name].map(pick));
    table([`open loop at ${share * 100} %`, 'requests/s', 'p50 ms', 'p90 ms', 'p99 ms', 'max ms', 'foreign cores', 'p99/p50'],
      Object.keys(servers).map((name) => [peers[name] ?? name, figure(name, (got) => got.rate).toFixed(0),
        ...['p50', 'p90', 'p99', 'max', 'foreign_cores'].map((what) => figure(name, (got) => got[what]).toFixed(2)), figure(name, (got) => got.p99 / got.p50).toFixed(2)]));
    writeResults('open_loop', { query, clients, share, tenants, per_tenant: perTenant, load_average_before: load, rounds: all },
                 { open_loop_p99_over_p50: figure('ours', (got) => got.p99 / got.p50) });
  });
});
