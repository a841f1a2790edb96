// From the click (the mutation is sent) to RUNNING and to the login prompt (bootedAt), one guest at a time on TCG;
// the idle server's memory after a minute; how long a second ./dev up takes.
//
//   BOOT_TIMES (10)  IDLE_SECONDS (60)  DEV_UP (1; 0 leaves it out)
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { inWorld, median, table } from './common.mjs';

const times = Number(process.env.BOOT_TIMES ?? 10);
const idle = Number(process.env.IDLE_SECONDS ?? 60);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

await inWorld({}, async (world) => {
  await sleep(idle * 1000);
  const status = fs.readFileSync(`/proc/${world.serving.pid}/status`, 'utf8');
  console.log(`idle: ${(Number(/VmRSS:\s+(\d+)/.exec(status)[1]) / 1024).toFixed(1)} MiB resident after ${idle} s`);

  await world.createTenant('bench');
  const running = [];
  const booted = [];
  for (let i = 0; i < times; ++i) {
    const click = Date.now();
    const { id } = await world.createMachine('bench', `boot-${i}`);
    let machine;
    for (let seen = false; ; await sleep(20)) {
      machine = await world.machine('bench', id);
      if (machine.state === 'RUNNING' && !seen) { seen = true; running.push((Date.now() - click) / 1000); }
      if (machine.bootedAt) break;
      if (Date.now() - click > 120_000) throw new Error(`no login prompt after 120 s; the machine is ${machine.state}`);
    }
    booted.push((new Date(machine.bootedAt) - click) / 1000);
    await world.graphql('mutation($id: ID!) { deleteVirtualMachine(id: $id) { operation { id } } }', { id }, { tenant: 'bench' });
    while (await world.machine('bench', id)) await sleep(50);
  }
  const row = (name, values) => [name, Math.min(...values).toFixed(2), median(values).toFixed(2), Math.max(...values).toFixed(2)];
  table([`boot, ${times} times`, 'least s', 'median s', 'most s'], [row('to RUNNING', running), row('to the login prompt', booted)]);
});

if (process.env.DEV_UP !== '0') {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'phx-bench-'));
  fs.chmodSync(base, 0o711);
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const env = { ...process.env, PHOENIX_DATA: path.join(base, 'data'), PHOENIX_LISTEN: `127.0.0.1:${port}` };
  const dev = (command) => execFileSync('./dev', [command], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    dev('up');
    const start = Date.now();
    dev('up');
    console.log(`second ./dev up, server running: ${((Date.now() - start) / 1000).toFixed(1)} s`);
    dev('down');
    const again = Date.now();
    dev('up');
    console.log(`./dev up after ./dev down: ${((Date.now() - again) / 1000).toFixed(1)} s`);
  } finally {
    dev('down');
    fs.rmSync(base, { recursive: true, force: true });
  }
}
