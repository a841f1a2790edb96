// Compares the schema of the built binary with the committed docs/schema.graphql.
//
// Whatever takes something away from clients (a type, field, argument, enum value or union member removed, a type or
// default changed, an argument that became required, …) fails, unless its line stands in docs/schema-changes.txt, where
// it is declared together with the reason. What only adds fails until docs/schema.graphql is written anew, so that the
// difference is seen in review; `--write` (./dev golden) does that, and refuses what is breaking and not declared.
import { buildSchema, findBreakingChanges, findDangerousChanges } from 'graphql';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

/// Breaking and dangerous changes from one SDL to the next, as lines, without those declared.
export function undeclaredChanges(before, now, declared) {
  const known = new Set(declared.split('\n').map((line) => line.trim()).filter((line) => line && !line.startsWith('#')));
  const [old, next] = [buildSchema(before), buildSchema(now)];
  // New enum values and optional arguments are "dangerous" in graphql-js's words and additive in ours; changed defaults
  // are not: the same request would mean something else.
  const changes = [...findBreakingChanges(old, next), ...findDangerousChanges(old, next).filter(({ type }) => type === 'ARG_DEFAULT_VALUE_CHANGE')];
  return changes.map(({ type, description }) => `${type}: ${description}`).filter((line) => !known.has(line));
}

function main() {
  const golden = path.join(root, 'docs/schema.graphql');
  const printed = spawnSync(path.resolve(root, process.env.PHX_BINARY ?? 'build/phoenix'), ['schema', 'print'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (printed.status !== 0) throw new Error(`phoenix schema print: ${printed.stderr}`);
  const before = fs.readFileSync(golden, 'utf8');
  const found = undeclaredChanges(before, printed.stdout, fs.readFileSync(path.join(root, 'docs/schema-changes.txt'), 'utf8'));
  if (found.length > 0) {
    console.error(`This takes something away from clients. Undo it, or declare each line in docs/schema-changes.txt:\n${found.join('\n')}`);
    process.exit(1);
  }
  if (before === printed.stdout) return;
  if (process.argv.includes('--write')) {
    fs.writeFileSync(golden, printed.stdout);
    return;
  }
  console.error('The schema has grown: run ./dev golden, and review the difference of docs/schema.graphql.');
  process.exit(1);
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) main();
