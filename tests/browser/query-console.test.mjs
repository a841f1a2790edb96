// The query console in a real Chromium: for signed-in users only, under its own policy, which refuses nothing it needs;
// it asks, it completes, and its subscriptions are live.
//
// PHX_SCREENSHOTS=folder keeps a picture.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { launch } from '../../portal/test/browser-kit.mjs';
import { World, patience, until } from '../functional/harness.mjs';

let world;
let browser;
let page;

before(async () => {
  world = await World.start();
  await world.createTenant('harbour');
  browser = await launch();
  page = browser.page;
  page.setDefaultTimeout(patience / 2);
});
after(async () => {
  await browser?.close();
  await world?.close();
});

const write = async (text) => {
  await page.locator('.graphiql-query-editor .CodeMirror').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.insertText(text);
};
/// Presses the button until the answer shows: GraphiQL reads what was typed only after a moment.
const answers = (what, text) => until(what, async () => {
  if ((await result()).includes(text)) return true;
  await page.getByRole('button', { name: /Execute query/ }).click({ timeout: 1_000 }).catch(() => {});
  return until(what, async () => (await result()).includes(text), 2_000);
});
const result = () => page.locator('.graphiql-response').innerText();

test('who is not signed in is led to the sign-in, and the file itself is not served', async () => {
  const answer = await fetch(`${world.url}/graphql/console`, { redirect: 'manual' });
  assert.equal(answer.status, 303);
  assert.equal(answer.headers.get('location'), '/sign-in');
  assert.equal((await fetch(`${world.url}/graphql-console.html`)).status, 404);
});

test('a signed-in user queries, and sees changes come', async () => {
  await page.goto((await world.ctl('sign-in-link')).stdout.trim());
  await page.getByLabel('New password').waitFor();
  await page.getByLabel('New password').fill('a long enough sentence');
  await page.getByRole('button', { name: 'Set password' }).click();
  await until('the password to be set', async () => !page.url().includes('sign-in'));
  await world.signIn();
  const answer = await page.goto(`${world.url}/graphql/console`);
  const policy = answer.headers()['content-security-policy'];
  assert.match(policy, /script-src 'self';/);
  assert.doesNotMatch(policy, /unsafe-eval/);
  await page.locator('.graphiql-query-editor .CodeMirror').waitFor();
  await write('{ me { email } __typename }');
  await answers('the answer', 'admin@localhost');
  await page.getByRole('button', { name: /documentation/i }).first().click();
  await page.getByText('Root Types').waitFor();
  await page.getByRole('link', { name: 'Query' }).first().click();
  await page.getByText('eventCursor').first().waitFor();
  if (process.env.PHX_SCREENSHOTS) {
    fs.mkdirSync(process.env.PHX_SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: path.join(process.env.PHX_SCREENSHOTS, 'query-console.png') });
  }
  await page.getByLabel('Tenant').selectOption('harbour');
  await page.locator('.graphiql-query-editor .CodeMirror').waitFor();
  await write('subscription { incidents { totalCount nodes { title } } }');
  await answers('the first page', '"totalCount": 0');
  await world.graphql('mutation { declareIncident(input: { title: "Seen live", severity: P3 }) { incident { id } } }', {}, { tenant: 'harbour' });
  await until('the change', async () => (await result()).includes('Seen live'));
  assert.deepEqual(browser.findings, [], 'refused by the policy, or thrown');
});
