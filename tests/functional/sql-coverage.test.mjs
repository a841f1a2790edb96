// The last check of ./dev test is one itself: it must name what no test has executed, and only that.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { root } from './harness.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'phx-sql-'));
after(() => fs.rmSync(folder, { recursive: true }));

const check = (...words) => spawnSync(path.join(root, 'tools/check_sql_coverage.py'), words, { encoding: 'utf8' });
const wrote = (process, names) => fs.writeFileSync(path.join(folder, process), names.map((name) => `${name}\n`).join(''));

/// What processes note down: module and file.
const statements = fs.readdirSync(path.join(root, 'src'), { recursive: true }).filter((file) => file.endsWith('.sql'))
  .map((file) => ({ file: `src/${file}`, name: `${file.replace(/^(domains|adapters)\//, '').split('/')[0]}.${path.basename(file, '.sql')}` }));

test('statements that nobody executed are named', () => {
  const [missing, also, ...executed] = statements.filter(({ name }) => !name.startsWith('pg.'));
  const ours = statements.filter(({ name }) => name.startsWith('pg.'));
  wrote('1', executed.map(({ name }) => name));
  wrote('2', [...ours.map(({ name }) => name), 'test.of_a_test']);
  const answer = check(folder);
  assert.equal(answer.status, 1, answer.stderr);
  assert.deepEqual(answer.stdout.match(/^src\/\S+(?=:)/gm).sort(), [missing.file, also.file].sort());
  wrote('3', [missing.name, also.name]);
  assert.equal(check(folder).status, 0);
});

test('a folder in which nobody noted anything is no pass', () => {
  const empty = path.join(folder, 'empty');
  assert.notEqual(check(empty).status, 0);
  fs.mkdirSync(empty);
  const answer = check(empty);
  assert.equal(answer.status, 1);
  assert.match(answer.stdout, /^src\/engine\/sql\/claim_work\.sql: no test has executed this statement$/m);
  fs.rmdirSync(empty);
});
