// A page of machines (20 of 10,000, in a tenant's scope, 10,000 more in another's) through the server, beside pgbench
// running the statement that the compiler makes for it, as the same role, in the same kind of pipelined segment, with
// as many connections. Both in turns, so that what else the machine does hits both.
//
//   ROUNDS (5)  SECONDS (8)  CONNECTIONS (16)
import fs from 'node:fs';
import path from 'node:path';
import { conninfo, inWorld, median, output, psql, statementOf, table } from './common.mjs';

const rounds = Number(process.env.ROUNDS ?? 5);
const seconds = Number(process.env.SECONDS ?? 8);
const connections = Number(process.env.CONNECTIONS ?? 16);
const query = `query Machines($first: Int!) {
  virtualMachines(first: $first) {
    nodes { id name state desiredState vcpus memoryMib createdAt }
    pageInfo { hasNextPage endCursor }
  }
}`;

function fill(world, tenant) {
  psql(world, `insert into phoenix.virtual_machines (id, tenant_id, name, image_id, site_id, vcpus, memory_mib, disk_gib,
      desired_state, state, state_since, created_by, created_at)
    select gen_random_uuid(), '${tenant}', 'vm-' || n, (select id from phoenix.images limit 1),
           (select id from phoenix.sites limit 1), 1, 128, 1, 'STOPPED', 'STOPPED', phoenix.now(), 'bench',
           phoenix.now() - n * interval '1 minute'
      from generate_series(1, 10000) n`, 'phoenix_owner');
}

await inWorld({ settings: { 'probe-every-ms': 600_000 } }, async (world) => {
  const tenant = await world.createTenant('bench');
  const other = await world.createTenant('other');
  await new Promise((resolve) => setTimeout(resolve, 1000));  // past the workers' only round
  fill(world, tenant.id);
  fill(world, other.id);
  psql(world, 'vacuum analyze phoenix.virtual_machines', 'phoenix_owner');
  const ask = () => world.graphql(query, { first: 20 }, { tenant: 'bench' });
  const answer = await ask();
  if (answer.virtualMachines.nodes.length !== 20) throw new Error('the page is not full');

  const { sql, values } = await statementOf(world, 'phoenix_tenant', 'virtual_machines', ask);
  const script = path.join(world.base, 'vm_list.sql');
  const inlined = values.reduceRight((text, value, i) => text.replaceAll(`$${i + 1}`, `:p${i + 1}`), sql);
  fs.writeFileSync(script, `\\startpipeline\nselect set_config('phoenix.tenant_id', :tenant, true);\n${inlined};\n\\endpipeline\n`);
  console.log(`statement: ${sql}\nparameters: ${JSON.stringify(values)}`);

  const env = { ...process.env, BENCH_TOKEN: world.token, BENCH_TENANT: 'bench', BENCH_BODY: JSON.stringify({ query, variables: { first: 20 } }) };
  const wrk = async (span) => {
    const out = await output('wrk', ['-t1', `-c${connections}`, `-d${span}s`, '-s', 'bench/vm_list.lua', `${world.url}/graphql`], { env });
    const got = JSON.parse(/JSON (.*)/.exec(out)[1]);
    if (got.errors) throw new Error(`${got.errors} requests failed`);
    return { rate: got.requests / got.seconds, p50: got.p50, p99: got.p99 };
  };
  const pgbench = async (span) => {
    const prefix = path.join(world.base, `pgbench-${Date.now()}`);
    const url = conninfo(world, 'phoenix_tenant');
    const out = await output('pgbench', ['-n', '-M', 'prepared', '-c', connections, '-j', '1', '-T', span, '-f', script, '-l', '--log-prefix', prefix,
      '-D', `tenant=${tenant.id}`, ...values.flatMap((value, i) => ['-D', `p${i + 1}=${value}`]), url].map(String),
      { env: { ...process.env, PGOPTIONS: '-c search_path=phoenix,pg_catalog -c default_transaction_read_only=on' } });
    const took = [];
    for (const file of fs.readdirSync(world.base).filter((name) => name.startsWith(path.basename(prefix))))
      for (const line of fs.readFileSync(path.join(world.base, file), 'utf8').split('\n')) if (line) took.push(Number(line.split(' ')[2]) / 1000);
    took.sort((a, b) => a - b);
    return { rate: Number(/tps = ([\d.]+)/.exec(out)[1]), p50: took[Math.floor(took.length / 2)], p99: took[Math.floor(took.length * 0.99)] };
  };

  await wrk(2);
  await pgbench(2);
  const rows = [];
  const ratios = [];
  for (let round = 1; round <= rounds; ++round) {
    const first = round % 2 ? wrk : pgbench;
    const a = await first(seconds);
    const b = await (first === wrk ? pgbench : wrk)(seconds);
    const [server, database] = first === wrk ? [a, b] : [b, a];
    ratios.push(server.rate / database.rate);
    rows.push([`round ${round}`, server.rate.toFixed(0), server.p50.toFixed(2), server.p99.toFixed(2), database.rate.toFixed(0), database.p50.toFixed(2),
      database.p99.toFixed(2), (server.rate / database.rate).toFixed(3)]);
  }
  const used = psql(world, "select count(*) from pg_stat_activity where usename = 'phoenix_tenant'");
  table(['vm_list', 'server/s', 'p50 ms', 'p99 ms', 'pgbench/s', 'p50 ms', 'p99 ms', 'ratio'], rows);
  console.log(`median ratio ${median(ratios).toFixed(3)}; ${connections} connections each; the server itself used ${used} to the database`);
});
