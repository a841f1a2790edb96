// What the benches share: a server on a data folder of its own (as the functional tests have it), its database from
// the shell, and tables.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
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
