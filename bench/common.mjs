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

/// Adds a run to bench/results/<date>.json: the machine, the raw figures, and `ratios`.
export function writeResults(name, figures, ratios) {
  const folder = path.join(import.meta.dirname, 'results');
  fs.mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${new Date().toISOString().slice(0, 10)}.json`);
  const all = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : { ratios: {} };
  all.machine = { cpu: os.cpus()[0].model, cores: os.cpus().length, memory_gib: Math.round(os.totalmem() / 2 ** 30), kernel: os.release(),
                  load_average: os.loadavg().map((load) => Number(load.toFixed(2))) };
  all.ratios = { ...all.ratios, ...ratios };
  all[name] = figures;
  fs.writeFileSync(file, `${JSON.stringify(all, null, 1)}\n`);
  console.log(`written to bench/results/${path.basename(file)}`);
}

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
