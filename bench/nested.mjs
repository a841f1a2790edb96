// Lists in lists in one request, which is one statement of ours: 5 sites, 20 resources of each, 5 operations of each of
// those. Beside the peers that load by DataLoader or by loaders of their own, and PostGraphile, which plans. The answers
// are compared first; in pairs, as bench/peers.mjs.
//
//   ROUNDS (5)  SECONDS (4)  CLIENTS (8)  TENANTS (100)  PEERS (all but mercurius_tuned)
import os from 'node:os';
import { fillResources, inWorld, measured, median, statementOf, table, tenantTokens, wrk, writeResults } from './common.mjs';
import { compareAnswers, peers, withPeers } from './peers/servers.mjs';

const rounds = Number(process.env.ROUNDS ?? 5);
const seconds = Number(process.env.SECONDS ?? 4);
const clients = Number(process.env.CLIENTS ?? 8);
const tenants = Number(process.env.TENANTS ?? 100);
const names = process.env.PEERS?.split(',') ?? ['mercurius', 'apollo', 'yoga', 'postgraphile'];
const data = { tenants, sites: 9, perTenant: 300, operations: 6 };  // more than is asked for, at every level

const text = (id, sites) => `{ ${sites}(first: 5) { nodes { ${id} name region resources(first: 20) { nodes { ${id} name status ` +
  `operations(first: 5) { nodes { ${id} kind state progress } } } } } } }`;

await inWorld({ settings: { 'probe-every-ms': 600_000 } }, async (world) => {
  const load = os.loadavg()[0];
  await new Promise((resolve) => setTimeout(resolve, 1000));  // past the workers' only round
  fillResources(world, data);
  const ourTokens = await tenantTokens(world, tenants);
  await withPeers(world, { names, tenants, ourTokens, queryOf: (name) => (name === 'postgraphile' ? text('id: rowId', 'sites: allSites') : text('id', 'sites')) }, async (servers) => {
    const sample = [1, Math.ceil(tenants / 2), tenants];
    console.log(await compareAnswers(servers, sample, ({ sites: { nodes } }) => {
      const resources = nodes.flatMap((site) => site.resources.nodes);
      const operations = resources.flatMap((resource) => resource.operations.nodes);
      if (nodes.length !== 5 || resources.length !== 100 || operations.length !== 500) throw new Error('the pages are not full');
    }));
    const { sql } = await statementOf(world, 'phoenix_tenant', 'operations', () => servers.ours.ask(1));
    console.log(`statement: ${sql}`);
    const turn = (name, span) => measured(world, servers[name].pid, () => wrk(servers[name].url, { ...servers[name], clients, seconds: span }));
    for (const name of Object.keys(servers)) await turn(name, 3);
    const all = Object.fromEntries(names.map((name) => [name, []]));
    for (let round = 0; round < rounds; ++round) {
      for (const name of names) {
        const got = {};
        for (const who of round % 2 ? [name, 'ours'] : ['ours', name]) got[who] = await turn(who, seconds);
        all[name].push({ ours: got.ours, peer: got[name] });
      }
    }
    const ratios = Object.fromEntries(names.map((name) => [`nested_${name}`, median(all[name].map(({ ours, peer }) => ours.rate / peer.rate))]));
    const row = (name, turns, more) => [name, ...['rate', 'p50', 'p99', 'server_cpu_ms', 'database_cpu_ms', 'foreign_cores']
      .map((what) => median(turns.map((turned) => turned[what])).toFixed(what === 'rate' ? 0 : 2)), more];
    table([`nested, ${clients} clients`, 'requests/s', 'p50 ms', 'p99 ms', 'server CPU ms/1k', 'PG CPU ms/1k', 'foreign cores', 'ours/its requests/s'],
      [row('ours', names.flatMap((name) => all[name].map(({ ours }) => ours)), ''),
       ...names.map((name) => row(peers[name], all[name].map(({ peer }) => peer), ratios[`nested_${name}`].toFixed(2)))]);
    writeResults('nested', { query: text('id', 'sites'), statement: sql, clients, data, load_average_before: load, answers_compared: sample, rounds: all }, ratios);
  });
});
