// What the benches share: a server on a data folder of its own (as the functional tests have it), its database from
// the shell, and tables.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { World } from '../tests/functional/harness.mjs';

export { World };

/// `connections` over the socket; also of a server that has ended, while its cluster runs on.
export function conninfo(world, user) {
  const [, , , port, folder] = fs.readFileSync(path.join(world.data, 'postgres/data/postmaster.pid'), 'utf8').split('\n');
  return `host=${folder} port=${port} dbname=phoenix${user ? ` user=${user}` : ''}`;
}

export function psql(world, sql, user = 'postgres') {
  return execFileSync('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', conninfo(world, user)], { input: sql, encoding: 'utf8' }).trim();
}

/// Runs to the end; its output. Its errors are shown.
export function output(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
    let text = '';
    child.stdout.on('data', (data) => (text += data));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`${command} ended with ${code}\n${text}`))));
  });
}

/// The statement about `relation` as the server prepared it, and its parameters, from the database's own log.
export async function statementOf(world, role, relation, ask) {
  psql(world, "alter system set log_statement = 'all'");
  psql(world, 'alter system set log_parameter_max_length = -1');
  psql(world, 'select pg_reload_conf()');
  const files = () => output('find', [path.join(world.data, 'postgres'), '-name', '*.log*', '-type', 'f']).then((out) => out.trim().split('\n'));
  const before = Object.fromEntries((await files()).map((file) => [file, fs.statSync(file).size]));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await ask();
  await new Promise((resolve) => setTimeout(resolve, 300));
  psql(world, 'alter system reset all');
  psql(world, 'select pg_reload_conf()');
  let text = '';
  for (const file of await files()) text += fs.readFileSync(file).subarray(before[file] ?? 0).toString();
  const found = new RegExp(`${role}@\\S+ LOG:  execute [^:]*: ((?:(?!\\n\\d{4}-)[^])*${relation}(?:(?!\\n\\d{4}-)[^])*)\\n[^\\n]*DETAIL:  parameters: ([^\\n]*)`, 'i').exec(text);
  if (!found) throw new Error(`the statement is not in the log:\n${text.split('\n').filter((line) => line.includes(role)).join('\n')}`);
  const parameters = [...found[2].matchAll(/\$(\d+) = (NULL|'(?:[^']|'')*')/g)];
  return { sql: found[1].replace(/\s+/g, ' ').trim(), values: parameters.map(([, , value]) => value.replace(/^'|'$/g, '')) };
}

const ticks = 100;  // USER_HZ, what /proc counts in
const statOf = (pid) => fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ').map(Number);

/// CPU seconds that a process has used. On a machine that others use too this can be compared; requests/s cannot.
export const cpuOf = (pid) => { const stat = statOf(pid); return (stat[11] + stat[12]) / ticks; };

/// The same of the whole cluster: the postmaster, its children, and those that have ended.
export function databaseCpu(world) {
  const postmaster = Number(fs.readFileSync(path.join(world.data, 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]);
  const stat = statOf(postmaster);
  let sum = stat[11] + stat[12] + stat[13] + stat[14];
  for (const name of fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const child = statOf(name);
      if (child[1] === postmaster) sum += child[11] + child[12];
    } catch (gone) {
      if (gone.code !== 'ENOENT' && gone.code !== 'ESRCH') throw gone;
    }
  }
  return sum / ticks;
}

const idOf = (n) => `('0193a7d2-0000-7000-8000-' || lpad((${n})::text, 12, '0'))::uuid`;

/// The id of the tenant `bench-<n>`.
export const tenantId = (n) => `0193a7d2-0000-7000-8000-${String(n).padStart(12, '0')}`;

/// `sites` sites, and `perTenant` resources in each of the tenants bench-<from> to bench-<from + tenants - 1>, of which
/// `runningPercent` run, each with `operations` operations that succeeded. As the owner: no quota is asked, no guest made.
export function fillResources(world, { from = 1, tenants = 200, perTenant = 500, sites = 50, runningPercent = 40, operations = 0 } = {}) {
  psql(world, `
    insert into phoenix.sites (id, name, region)
      select gen_random_uuid(), 'site-' || n, 'region-' || n % 7 from generate_series(1, ${sites}) n on conflict (name) do nothing;
    insert into phoenix.tenants (id, name, display_name)
      select ${idOf('n')}, 'bench-' || n, 'Bench ' || n from generate_series(${from}, ${from + tenants - 1}) n;
    insert into phoenix.virtual_machines (id, tenant_id, name, image_id, site_id, vcpus, memory_mib, disk_gib, desired_state,
        state, state_since, created_by, created_at)
      select gen_random_uuid(), ${idOf('t')}, 'vm-' || n, (select id from phoenix.images limit 1), s.id, 1, 128, 1,
             'STOPPED', case when (n * 7 + t) % 100 < ${runningPercent} then 'RUNNING' else 'STOPPED' end, phoenix.now(), 'bench',
             phoenix.now() - (n * ${tenants} + t) * interval '1 second'
        from generate_series(1, ${perTenant}) n cross join generate_series(${from}, ${from + tenants - 1}) t
        join (select id, row_number() over (order by name) as place, count(*) over () as sites from phoenix.sites) s
          on s.place = 1 + (n + t) % s.sites;
    insert into phoenix.operations (id, tenant_id, kind, state, object_type, object_id, object_name, progress, step,
        requested_by, work_queue, work_key, time_allowed, deadline_at, created_at, started_at, finished_at)
      select gen_random_uuid(), m.tenant_id, 'vm.start', 'SUCCEEDED', 'VirtualMachine', m.id, m.name, 100, 'done',
             'bench', 'bench', m.id::text, interval '1 hour', m.created_at + interval '1 hour', m.created_at, m.created_at, m.created_at
        from phoenix.virtual_machines m cross join generate_series(1, ${operations}) n
       where m.created_by = 'bench' and m.tenant_id >= ${idOf(from)} and m.tenant_id <= ${idOf(from + tenants - 1)}`, 'phoenix_owner');
  psql(world, 'vacuum analyze');
}

/// A bearer token in each of the tenants bench-1 to bench-<tenants>.
export async function tenantTokens(world, tenants) {
  const tokens = [];
  for (let n = 1; n <= tenants; ++n) tokens.push((await world.ctl('token', '--tenant', `bench-${n}`, '--ttl', '36000')).stdout.trim());
  return tokens;
}

/// Adds a run to bench/results/<date>.json (BENCH_RESULTS: another folder): the machine, the raw figures, and `ratios`.
export function writeResults(name, figures, ratios) {
  const folder = process.env.BENCH_RESULTS ?? path.join(import.meta.dirname, 'results');
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${new Date().toISOString().slice(0, 10)}.json`);
  const all = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : { ratios: {} };
  all.machine = { cpu: os.cpus()[0].model, cores: os.cpus().length, memory_gib: Math.round(os.totalmem() / 2 ** 30), kernel: os.release(),
                  load_average: os.loadavg().map((load) => Number(load.toFixed(2))) };
  all.ratios = { ...all.ratios, ...ratios };
  all[name] = figures;
  fs.writeFileSync(file, `${JSON.stringify(all, null, 1)}\n`);
  console.log(`written to ${path.relative('.', file)}`);
}

/// CPU seconds that all of the machine has used, and those of the programs this process has run to their end.
function machineCpu() {
  const [user, nice, system, , , irq, softirq] = /^cpu +(.*)$/m.exec(fs.readFileSync('/proc/stat', 'utf8'))[1].split(' ').map(Number);
  return (user + nice + system + irq + softirq) / ticks;
}
const childrenCpu = () => { const stat = statOf('self'); return (stat[11] + stat[12] + stat[13] + stat[14]) / ticks; };

/// What `run` gave ({requests, …}), with the CPU time that 1,000 of its requests took of the process `pid` and of
/// PostgreSQL, and how many cores something else used meanwhile: the measure of how far requests/s can be trusted.
export async function measured(world, pid, run) {
  const now = () => ({ server: cpuOf(pid), database: databaseCpu(world), ours: childrenCpu(), all: machineCpu(), at: performance.now() });
  const before = now();
  const got = await run();
  await new Promise((resolve) => setTimeout(resolve, 300));  // until the postmaster has buried sessions that ended
  const after = now();
  const used = (what) => after[what] - before[what];
  return { ...got, server_cpu_ms: 1e6 * used('server') / got.requests, database_cpu_ms: 1e6 * used('database') / got.requests,
           foreign_cores: Math.max(0, (used('all') - used('server') - used('database') - used('ours')) / (used('at') / 1000)) };
}

/// wrk with one thread on `url`/graphql: the same body each time, the tokens in turn. Any failed request is an error.
export async function wrk(url, { tokenFile, query, clients, seconds }) {
  const out = await output('wrk', ['-t1', `-c${clients}`, `-d${seconds}s`, '--timeout', '30s', '-s', 'bench/resources.lua', url],
                           { env: { ...process.env, BENCH_TOKENS: tokenFile, BENCH_BODY: JSON.stringify({ query }) } });
  const got = JSON.parse(/JSON (.*)/.exec(out)[1]);
  if (got.errors) throw new Error(`${got.errors} of ${got.requests} requests failed`);
  return { ...got, rate: got.requests / got.seconds };
}

/// The most memory that a process ever had resident, in MiB.
export const peakMemory = (pid) => Number(/VmHWM:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

export function table(header, rows) {
  const lines = [header, ...rows].map((row) => row.map(String));
  const widths = header.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  for (const line of lines)
    console.log(line.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ').trimEnd());
}

/// A measurement that fails must take down what it started.
export async function inWorld(options, measure) {
  const world = await World.start(options);
  try {
    await measure(world);
  } finally {
    await world.close({ fsck: false });
  }
}
