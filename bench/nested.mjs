// Lists in lists in one request, which is one statement of ours: 5 incidents, 20 alerts of each, and of the machine behind
// each alert 5 operations. (Sites have no list of their resources in the schema; this is its deepest true nesting.) Beside
// the peers that load by DataLoader or by loaders of their own, and PostGraphile, which plans. The answers are compared
// first; in pairs, as bench/peers.mjs.
//
//   ROUNDS (5)  SECONDS (4)  CLIENTS (8)  TENANTS (100)  PEERS (all but mercurius_tuned)
import os from 'node:os';
import { fillResources, inWorld, measured, median, psql, statementOf, table, tenantTokens, wrk, writeResults } from './common.mjs';
import { compareAnswers, peers, withPeers } from './peers/servers.mjs';

const rounds = Number(process.env.ROUNDS ?? 5);
const seconds = Number(process.env.SECONDS ?? 4);
const clients = Number(process.env.CLIENTS ?? 8);
const tenants = Number(process.env.TENANTS ?? 100);
const names = process.env.PEERS?.split(',') ?? ['mercurius', 'apollo', 'yoga', 'postgraphile'];
const data = { tenants, perTenant: 300, operations: 6, incidents: 6, alerts: 24 };  // more than is asked for, at every level

const text = (id, incidents) => `{ ${incidents}(first: 5) { nodes { ${id} reference title severity alerts(first: 20) { nodes { ${id} name status ` +
  `virtualMachine { ${id} name operations(first: 5) { nodes { ${id} kind state progress } } } } } } } }`;

/// Each alert of a tenant is about another machine.
function fillIncidents(world) {
  psql(world, `
    insert into phoenix.incidents (id, tenant_id, number, reference, title, severity, status, channel, origin, declared_by,
        started_at, declared_at, response_due_at, resolution_due_at)
      select gen_random_uuid(), t.id, n, 'INC-' || n, 'Incident ' || n, 'P' || n % 4, 'INVESTIGATING', 'incident-' || n, 'manual', 'bench',
             phoenix.now(), phoenix.now(), phoenix.now() + interval '1 day', phoenix.now() + interval '2 days'
        from phoenix.tenants t cross join generate_series(1, ${data.incidents}) n where t.name like 'bench-%';
    insert into phoenix.alerts (id, tenant_id, source, fingerprint, status, name, labels, starts_at, incident_id, virtual_machine_id)
      select gen_random_uuid(), i.tenant_id, 'alertmanager', lpad(to_hex(i.number * 1000 + n), 16, '0'), 'FIRING', 'Alert ' || n, '{}',
             i.started_at, i.id, m.id
        from phoenix.incidents i cross join generate_series(1, ${data.alerts}) n
        join phoenix.virtual_machines m on m.tenant_id = i.tenant_id and m.name = 'vm-' || ((i.number - 1) * ${data.alerts} + n)`, 'phoenix_owner');
  psql(world, 'vacuum analyze');
}

await inWorld({ settings: { 'probe-every-ms': 600_000 } }, async (world) => {
  const load = os.loadavg()[0];
  await new Promise((resolve) => setTimeout(resolve, 1000));  // past the workers' only round
  fillResources(world, data);
  fillIncidents(world);
  const ourTokens = await tenantTokens(world, tenants);
  await withPeers(world, { names, tenants, ourTokens, queryOf: (name) => (name === 'postgraphile' ? text('id: rowId', 'incidents: allIncidents') : text('id', 'incidents')) }, async (servers) => {
    const sample = [1, Math.ceil(tenants / 2), tenants];
    console.log(await compareAnswers(servers, sample, ({ incidents: { nodes } }) => {
      const alerts = nodes.flatMap((incident) => incident.alerts.nodes);
      const operations = alerts.flatMap((alert) => alert.virtualMachine.operations.nodes);
      if (nodes.length !== 5 || alerts.length !== 100 || operations.length !== 500) throw new Error('the pages are not full');
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
    writeResults('nested', { query: text('id', 'incidents'), statement: sql, clients, data, load_average_before: load, answers_compared: sample, rounds: all }, ratios);
  });
});
