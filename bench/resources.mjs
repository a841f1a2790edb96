// The list everybody asks for: 20 running resources of one tenant with their sites, of 100,000 resources in 200 tenants,
// each request with the token of another tenant; beside pgbench running the statement that the compiler makes for it
// (with set_config, pipelined, prepared, as the same role) on 4 connections. In turns, so that what else the machine does
// hits both. CPU time of the server and of PostgreSQL is what can be compared between machines and days.
//
//   ROUNDS (5)  SECONDS (5)  CLIENTS (32)  TENANTS (200)  PER_TENANT (500)
import fs from 'node:fs';
import path from 'node:path';
import { conninfo, cpuOf, databaseCpu, inWorld, median, output, psql, statementOf, table, writeResults } from './common.mjs';

const rounds = Number(process.env.ROUNDS ?? 5);
const seconds = Number(process.env.SECONDS ?? 5);
const clients = Number(process.env.CLIENTS ?? 32);
const tenants = Number(process.env.TENANTS ?? 200);
const perTenant = Number(process.env.PER_TENANT ?? 500);
const query = '{ resources(first: 20, filter: {status: {eq: RUNNING}}) { nodes { id name type status site { id name region } } } }';
const idOf = (n) => `'0193a7d2-0000-7000-8000-' || lpad((${n})::text, 12, '0')`;

function fill(world) {
  psql(world, `
    insert into phoenix.sites (id, name, region)
      select gen_random_uuid(), 'site-' || n, 'region-' || n % 7 from generate_series(1, 50) n;
    insert into phoenix.tenants (id, name, display_name)
      select (${idOf('n')})::uuid, 'bench-' || n, 'Bench ' || n from generate_series(1, ${tenants}) n;
    insert into phoenix.virtual_machines (id, tenant_id, name, image_id, site_id, vcpus, memory_mib, disk_gib, desired_state,
        state, state_since, created_by, created_at)
      select gen_random_uuid(), (${idOf('t')})::uuid, 'vm-' || n, (select id from phoenix.images limit 1), s.id, 1, 128, 1,
             'STOPPED', case when (n * 7 + t) % 10 < 4 then 'RUNNING' else 'STOPPED' end, phoenix.now(), 'bench',
             phoenix.now() - (n * ${tenants} + t) * interval '1 second'
        from generate_series(1, ${perTenant}) n cross join generate_series(1, ${tenants}) t
        join (select id, row_number() over (order by name) as place, count(*) over () as sites from phoenix.sites) s
          on s.place = 1 + (n + t) % s.sites`, 'phoenix_owner');
  psql(world, 'vacuum analyze', 'postgres');
}

await inWorld({ settings: { 'probe-every-ms': 600_000 } }, async (world) => {
  await new Promise((resolve) => setTimeout(resolve, 1000));  // past the workers' only round
  fill(world);
  const tokens = [];
  for (let n = 1; n <= tenants; ++n) tokens.push((await world.ctl('token', '--tenant', `bench-${n}`)).stdout.trim());
  const tokenFile = path.join(world.base, 'tokens');
  fs.writeFileSync(tokenFile, tokens.join('\n') + '\n');
  const ask = (token = tokens[0]) => world.graphql(query, undefined, { token });
  for (const token of [tokens[0], tokens.at(-1)]) {
    const { nodes } = (await ask(token)).resources;
    if (nodes.length !== 20 || nodes.some((node) => node.status !== 'RUNNING' || !node.site.region)) throw new Error('the page is not full');
  }

  const { sql, values } = await statementOf(world, 'phoenix_tenant', 'resources', ask);
  const script = path.join(world.base, 'resources.sql');
  const inlined = values.reduceRight((text, _, i) => text.replaceAll(`$${i + 1}`, `:p${i + 1}`), sql);
  fs.writeFileSync(script, `\\set n random(1, ${tenants})\n\\startpipeline\nselect set_config('phoenix.tenant_id', ${idOf(':n')}, true);\n${inlined};\n\\endpipeline\n`);
  console.log(`statement: ${sql}\nparameters: ${JSON.stringify(values)}`);

  const measured = async (run) => {
    const before = { server: cpuOf(world.serving.pid), database: databaseCpu(world) };
    const got = await run();
    await new Promise((resolve) => setTimeout(resolve, 300));  // until the postmaster has buried pgbench's sessions
    return { ...got, server_cpu_ms: 1e6 * (cpuOf(world.serving.pid) - before.server) / got.requests,
             database_cpu_ms: 1e6 * (databaseCpu(world) - before.database) / got.requests };
  };
  const env = { ...process.env, BENCH_TOKENS: tokenFile, BENCH_BODY: JSON.stringify({ query }) };
  const wrk = (span) => measured(async () => {
    const out = await output('wrk', ['-t1', `-c${clients}`, `-d${span}s`, '-s', 'bench/resources.lua', world.url], { env });
    const got = JSON.parse(/JSON (.*)/.exec(out)[1]);
    if (got.errors) throw new Error(`${got.errors} requests failed`);
    return { ...got, rate: got.requests / got.seconds };
  });
  const pgbench = (span) => measured(async () => {
    const out = await output('pgbench', ['-n', '-M', 'prepared', '-c', 4, '-j', 1, '-T', span, '-f', script,
      ...values.flatMap((value, i) => ['-D', `p${i + 1}=${value}`]), conninfo(world, 'phoenix_tenant')].map(String),
      { env: { ...process.env, PGOPTIONS: '-c search_path=phoenix,pg_catalog -c default_transaction_read_only=on' } });
    return { rate: Number(/tps = ([\d.]+)/.exec(out)[1]), requests: Number(/transactions actually processed: (\d+)/.exec(out)[1]) };
  });

  await wrk(2);
  await pgbench(2);
  const all = [];
  for (let round = 1; round <= rounds; ++round) {
    const got = {};
    for (const name of round % 2 ? ['server', 'pgbench'] : ['pgbench', 'server']) got[name] = await (name === 'server' ? wrk : pgbench)(seconds);
    all.push(got);
  }
  const figure = (pick) => median(all.map(pick));
  const ratios = { pgbench: figure(({ server, pgbench: p }) => server.rate / p.rate) };
  table(['resources', 'server/s', 'p50 ms', 'p99 ms', 'server CPU ms/1k', 'PG CPU ms/1k', 'pgbench/s', 'its PG CPU ms/1k', 'ratio'],
    all.map(({ server, pgbench: p }, i) => [`round ${i + 1}`, server.rate.toFixed(0), server.p50.toFixed(2), server.p99.toFixed(2),
      server.server_cpu_ms.toFixed(1), server.database_cpu_ms.toFixed(1), p.rate.toFixed(0), p.database_cpu_ms.toFixed(1),
      (server.rate / p.rate).toFixed(3)]));
  console.log(`medians: ratio ${ratios.pgbench.toFixed(3)}, CPU per 1,000 requests: server ${figure((r) => r.server.server_cpu_ms).toFixed(1)} ms, ` +
    `PostgreSQL ${figure((r) => r.server.database_cpu_ms).toFixed(1)} ms (pgbench ${figure((r) => r.pgbench.database_cpu_ms).toFixed(1)} ms)`);
  writeResults('resources', { query, statement: sql, clients, tenants, per_tenant: perTenant, rounds: all }, ratios);
});
