// The list everybody asks for (bench/resources.mjs) beside the servers that users would otherwise pick, each in its
// recommended production setting, as programs of their own in bench/peers/: same database, same rows, same row-level
// security, tokens of 200 tenants verified, same address. Before anything is measured, all answers are compared.
//
// Each round measures every peer and us one right after the other, so that what else the machine does hits both; a
// ratio is that of such a pair. After that the same with a single client, beside mercurius.
//
//   ROUNDS (5)  SECONDS (4)  CLIENTS (32)  TENANTS (200)  PER_TENANT (500)  PEERS (all; names separated by commas)
import os from 'node:os';
import { fillResources, inWorld, measured, median, peakMemory, table, tenantTokens, wrk, writeResults } from './common.mjs';
import { compareAnswers, peers, withPeers } from './peers/servers.mjs';

const rounds = Number(process.env.ROUNDS ?? 5);
const seconds = Number(process.env.SECONDS ?? 4);
const clients = Number(process.env.CLIENTS ?? 32);
const tenants = Number(process.env.TENANTS ?? 200);
const perTenant = Number(process.env.PER_TENANT ?? 500);
const names = process.env.PEERS?.split(',') ?? Object.keys(peers);

const query = '{ resources(first: 20, filter: {status: {eq: RUNNING}}) { nodes { id name type status site { id name region } } } }';
// Its names are its own, its answer is the same.
const postgraphile = '{ resources: allResources(first: 20, condition: {status: "RUNNING"}) { nodes { id: rowId name type status site { id: rowId name region } } } }';

await inWorld({ settings: { 'probe-every-ms': 600_000 } }, async (world) => {
  const load = os.loadavg()[0];
  await new Promise((resolve) => setTimeout(resolve, 1000));  // past the workers' only round
  fillResources(world, { tenants, perTenant });
  const ourTokens = await tenantTokens(world, tenants);
  await withPeers(world, { names, tenants, ourTokens, queryOf: (name) => (name === 'postgraphile' ? postgraphile : query) }, async (servers) => {
    const sample = [...new Set([1, 2, Math.ceil(tenants / 3), Math.ceil(tenants / 2), tenants - 1, tenants])];
    console.log(await compareAnswers(servers, sample, ({ resources: { nodes } }) => {
      if (nodes.length !== 20 || nodes.some((node) => node.status !== 'RUNNING' || !node.site.region)) throw new Error('the page is not full');
    }));
    const turn = (name, { clients: many, seconds: span }) =>
      measured(world, servers[name].pid, () => wrk(servers[name].url, { ...servers[name], clients: many, seconds: span }));
    for (const name of Object.keys(servers)) await turn(name, { clients, seconds: 3 });  // until V8 has compiled it

    /// Pairs of [ours, the peer's], now one first and now the other.
    const pairs = async (list, how) => {
      const out = Object.fromEntries(list.map((name) => [name, []]));
      for (let round = 0; round < rounds; ++round) {
        for (const name of list) {
          const got = {};
          for (const who of round % 2 ? [name, 'ours'] : ['ours', name]) got[who] = await turn(who, how);
          out[name].push({ ours: got.ours, peer: got[name] });
        }
      }
      return out;
    };
    const loaded = await pairs(names, { clients, seconds });
    const rss = Object.fromEntries(Object.values(servers).map(({ name, pid }) => [name, peakMemory(pid)]));
    const alone = names.includes('mercurius') ? (await pairs(['mercurius'], { clients: 1, seconds: Math.min(seconds, 3) })).mercurius : [];

    const ratios = Object.fromEntries(names.map((name) => [name, median(loaded[name].map(({ ours, peer }) => ours.rate / peer.rate))]));
    const all = names.flatMap((name) => loaded[name].map(({ ours }) => ours));
    // Steadier than requests/s on a machine that others use too: what a request takes of server and database together.
    const cpu = (turned) => turned.server_cpu_ms + turned.database_cpu_ms;
    const cpuRatios = Object.fromEntries(names.map((name) => [`cpu_${name}`, median(loaded[name].map(({ ours, peer }) => cpu(peer) / cpu(ours)))]));
    const row = (name, turns, more) => [name, ...['rate', 'p50', 'p99', 'server_cpu_ms', 'database_cpu_ms', 'foreign_cores']
      .map((what) => median(turns.map((turned) => turned[what])).toFixed(what === 'rate' ? 0 : 2)), ...more];
    table([`peers, ${clients} clients`, 'requests/s', 'p50 ms', 'p99 ms', 'server CPU ms/1k', 'PG CPU ms/1k', 'foreign cores', 'peak MiB', 'ours/its requests/s', 'its/our server CPU', 'its/our CPU in all'],
      [row('ours', all, [rss.ours.toFixed(0), '', '', '']),
       ...names.map((name) => row(peers[name], loaded[name].map(({ peer }) => peer), [rss[name].toFixed(0), ratios[name].toFixed(2),
         median(loaded[name].map(({ ours, peer }) => peer.server_cpu_ms / ours.server_cpu_ms)).toFixed(1), cpuRatios[`cpu_${name}`].toFixed(1)]))]);
    if (alone.length) {
      ratios.one_client_p50_mercurius = median(alone.map(({ ours, peer }) => ours.p50 / peer.p50));
      console.log(`one client: p50 ${median(alone.map(({ ours }) => ours.p50)).toFixed(3)} ms, mercurius ${median(alone.map(({ peer }) => peer.p50)).toFixed(3)} ms, ` +
        `ours/its ${ratios.one_client_p50_mercurius.toFixed(3)} (floor 0.25)`);
    }
    writeResults('peers', { query, clients, tenants, per_tenant: perTenant, load_average_before: load, answers_compared: sample, peak_rss_mib: rss, rounds: loaded, one_client: alone },
                 { ...ratios, ...cpuRatios });
  });
});
