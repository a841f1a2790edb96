// The committed schema is the binary's, and what would break clients does not pass unseen.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { undeclaredChanges } from '../schema-changes.mjs';
import { root } from './harness.mjs';

test('the committed schema is that of the binary', () => {
  const answer = spawnSync(process.execPath, [path.join(root, 'tests/schema-changes.mjs')], { encoding: 'utf8' });
  assert.equal(answer.status, 0, answer.stderr);
});

const base = `
  directive @mark on FIELD
  enum Colour { RED GREEN }
  union Thing = Ship | Port
  input Wanted { name: String, colour: Colour }
  type Ship { id: ID! name: String! }
  type Port { id: ID! }
  type Query { ship(id: ID!, first: Int = 50): Ship things(by: Wanted): [Thing!]! }`;
const breaking = {
  'a type removed': [/\btype Port \{ id: ID! \}/, '', /\| Port/, ''],
  'a field removed': [/ name: String! \}/, ' }'],
  'a field that may be null now': [/name: String!/, 'name: String'],
  'a field of another type': [/name: String! \}/, 'name: Int! }'],
  'an argument removed': [/, first: Int = 50/, ''],
  'an argument of another type': [/first: Int = 50/, 'first: String'],
  'a default changed': [/first: Int = 50/, 'first: Int = 10'],
  'a new argument that is required': [/ship\(id: ID!/, 'ship(id: ID!, key: ID!'],
  'an enum value removed': [/ GREEN/, ''],
  'a union member removed': [/ \| Port/, ''],
  'a new input field that is required': [/input Wanted \{/, 'input Wanted { size: Int!'],
  'a directive removed': [/directive @mark on FIELD/, ''],
};
for (const [what, edits] of Object.entries(breaking))
  test(`${what} is breaking, unless declared`, () => {
    let next = base;
    for (let i = 0; i < edits.length; i += 2) next = next.replace(edits[i], edits[i + 1]);
    assert.notEqual(next, base);
    const found = undeclaredChanges(base, next, '# nothing\n');
    assert.ok(found.length > 0);
    assert.deepEqual(undeclaredChanges(base, next, `# why\n${found.join('\n')}\n`), []);
  });

test('what only adds is not breaking', () => {
  const next = base.replace('GREEN', 'GREEN BLUE').replace('type Ship {', 'type Ship { size: Int').replace('things(', 'harbour: Port things(')
    .replace('input Wanted {', 'input Wanted { size: Int').replace('first: Int = 50', 'first: Int = 50, after: ID').replace('Ship | Port', 'Ship | Port | Dock')
    .concat('\n type Dock { id: ID! }');
  assert.deepEqual(undeclaredChanges(base, next, ''), []);
});
