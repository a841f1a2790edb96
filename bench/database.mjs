// Runs events_bench or queue_bench on the cluster of a server that has been stopped, so that nothing else uses it.
//
//   node bench/database.mjs events|queue        EVENT_SECONDS (8)  WRITERS (32)  QUEUE_SECONDS (60)
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { conninfo, inWorld, output, table } from './common.mjs';

const what = process.argv[2];
const writers = process.env.WRITERS ?? '32';
const lines = (out) => out.trim().split('\n').map((line) => JSON.parse(line));

/// Restarts the world's cluster with the slow fdatasync preloaded, as the user that owns it.
async function slowDown(world) {
  const library = path.join(world.base, 'slow_fdatasync.so');
  execFileSync('clang-19', ['-shared', '-fPIC', '-O2', '-o', library, 'bench/slow_fdatasync.c', '-ldl']);
  const data = path.join(world.data, 'postgres/data');
  const { stdout: bin } = { stdout: execFileSync('pg_config', ['--bindir'], { encoding: 'utf8' }).trim() };
  const owner = execFileSync('stat', ['-c', '%U', data], { encoding: 'utf8' }).trim();
  const words = ['env', `LD_PRELOAD=${library}`, `${bin}/pg_ctl`, '-D', data, '-w', '-m', 'fast', '-l', path.join(data, 'bench.log'), 'restart'];
  if (process.getuid() === 0) words.unshift('runuser', '-u', owner, '--');
  execFileSync(words[0], words.slice(1), { stdio: 'ignore' });
}

await inWorld({ settings: { 'probe-every-ms': 600_000 } }, async (world) => {
  await world.stop();
  if (what === 'events') {
    const rows = [];
    for (const disk of ['native', 'fdatasync +2 ms']) {
      if (disk !== 'native') await slowDown(world);
      for (let run = 1; run <= 2; ++run) {
        const [got] = lines(await output('build/events_bench', [conninfo(world), writers, process.env.EVENT_SECONDS ?? '8']));
        rows.push([disk, got.plain.per_s, got.events.per_s, got.ratio.toFixed(3), got.plain.database_cpu_ms_per_1000, got.events.database_cpu_ms_per_1000]);
      }
    }
    table(['events', 'plain/s', 'with an event/s', 'ratio', 'PG CPU ms/1k plain', 'with an event'], rows);
  } else {
    const got = lines(await output('build/queue_bench', [conninfo(world), '8', process.env.QUEUE_SECONDS ?? '60']));
    table(['queue: snapshot', 'jobs/s', 'claim p50 ms', 'claim p99 ms'],
      got.map((line) => [line.snapshot, line.jobs_per_s, line.claim_p50_ms, line.claim_p99_ms]));
    console.log(`p99 with a snapshot held: ${(got[1].claim_p99_ms / got[0].claim_p99_ms).toFixed(2)} times that without`);
  }
});
