// What a newcomer sees, in a real Chromium against the real server: from the one-time link to a guest's console, from a
// killed guest to the report. Each page is clean for axe in both themes, and the Content-Security-Policy refused nothing.
//
// PHX_SCREENSHOTS=folder keeps a picture of each page.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test as nodeTest } from 'node:test';
import { axe, launch } from '../../portal/test/browser-kit.mjs';
import { World, patience, until } from '../functional/harness.mjs';

const password = 'a long enough sentence';
let world;
let browser;
let page;

// One story: after a chapter that failed the next ones tell nothing.
let broken = false;
const test = (name, chapter) => nodeTest(name, async () => {
  assert.ok(!broken, 'an earlier chapter failed');
  broken = true;
  try {
    await chapter();
    broken = false;
  } catch (error) {
    error.message += `\nat ${page.url()}\n${(await page.locator('body').innerText().catch(() => '')).slice(0, 1500)}`;
    throw error;
  }
});

const seen = (locator, timeout = patience / 2) => locator.first().waitFor({ timeout });
const state = () => page.getByTestId('machine-state');
const stateIs = (word) => until(`the page to say ${word}`, async () => (await state().textContent()).includes(word));
const live = () => seen(page.locator('[data-testid="connection"][data-phase="live"]'));

/// The page as people and assistive programs find it, in both themes.
async function inspect(name) {
  for (const theme of ['dark', 'light']) {
    await page.evaluate((wanted) => document.documentElement.setAttribute('data-theme', wanted), theme);
    // Colours on their way are nobody's colours.
    await page.evaluate(() => Promise.allSettled(document.getAnimations().map((one) => one.finished)));
    assert.deepEqual(await axe(page), [], `${name} in ${theme}`);
    if (process.env.PHX_SCREENSHOTS) {
      fs.mkdirSync(process.env.PHX_SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: path.join(process.env.PHX_SCREENSHOTS, `${name}-${theme}.png`) });
    }
  }
  await page.evaluate(() => document.documentElement.setAttribute('data-theme', 'dark'));
  assert.deepEqual(browser.findings, [], `${name}: refused by the policy, or thrown`);
}

before(async () => {
  world = await World.start({ settings: { 'incident-watch-seconds': 4 } });
  browser = await launch();
  page = browser.page;
  page.setDefaultTimeout(patience / 2);
});
after(async () => {
  await browser?.close();
  await world?.close();
});

test('a newcomer signs in by the link and sets a password', async () => {
  const link = (await world.ctl('sign-in-link')).stdout.trim();
  await page.goto(link);
  await page.getByLabel('New password').fill(password);
  assert.ok(!page.url().includes('token'), 'the token leaves the address at once');
  await inspect('set-password');
  await page.getByRole('button', { name: 'Set password' }).click();
  await seen(page.getByRole('button', { name: 'Create the first tenant' }));
  await world.signIn();  // a new password ended the tokens made before it
  await live();
  await inspect('first-run');
});

test('creates a tenant and a machine, and watches it come up without a reload', async () => {
  await page.getByRole('button', { name: 'Create the first tenant' }).click();
  await page.getByLabel('Display name').fill('Acme Ghana');
  await inspect('create-tenant');
  await page.getByRole('dialog').getByRole('button', { name: 'Create tenant' }).click();
  await page.waitForURL(/\/t\/acme-ghana\/virtual-machines/);
  await page.getByRole('button', { name: 'Create the first one' }).click();
  await page.getByLabel('Name', { exact: true }).fill('web-1');
  await seen(page.getByText('Free', { exact: true }));
  await inspect('create-machine');
  const before = await page.evaluate(() => performance.timeOrigin);
  await page.keyboard.press('Control+Enter');
  await page.waitForURL(/virtual-machines\/[0-9a-f-]{36}/);
  await stateIs('Running');
  assert.equal(await page.evaluate(() => performance.timeOrigin), before, 'nobody pressed reload');
  assert.equal(world.guests().length, 1, 'a real guest runs');
  await inspect('machine');
});

test('types at its serial console', async () => {
  await page.getByRole('link', { name: 'Console' }).click();
  const terminal = page.getByTestId('terminal');
  await seen(terminal.getByText('web-1 login:'));
  await page.keyboard.type('root\n');
  await seen(terminal.getByText('web-1:'));
  await page.keyboard.type('echo six times seven is $((6*7))\n');
  await seen(terminal.getByText('six times seven is 42'));
  await inspect('console');
});

test('the list is live, the operations drawer tells what was done', async () => {
  await page.goto(`${world.url}/t/acme-ghana/virtual-machines`);
  const row = page.getByRole('grid', { name: 'Virtual machines' }).locator('[data-row]').filter({ hasText: 'web-1' });
  await seen(row.getByText('Running'));
  await live();
  await world.ctlJson('vm', 'create', '--tenant', 'acme-ghana', '--image', 'micro', '--name', 'web-2');
  await seen(page.getByText('web-2'));
  await inspect('machines');
});

test('stops and starts it', async () => {
  await page.getByRole('grid', { name: 'Virtual machines' }).locator('[data-row]').filter({ hasText: 'web-1' }).click();
  await page.waitForURL(/virtual-machines\/[0-9a-f-]{36}/);
  await stateIs('Running');
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await stateIs('Stopped');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await stateIs('Running');
});

test('a killed guest becomes an incident, one press brings it back, and it resolves by itself', async () => {
  const tenant = 'acme-ghana';
  const list = (await world.graphql('{ virtualMachines(filter: { name: { eq: "web-1" } }) { nodes { id } } }', {}, { tenant }));
  const id = list.virtualMachines.nodes[0].id;
  await page.goto(`${world.url}/t/${tenant}/incidents`);
  await live();
  process.kill(world.guest(id).pid, 'SIGKILL');
  const row = page.getByRole('grid', { name: 'Incidents' }).locator('[data-row]').filter({ hasText: 'Guest web-1 is down' });
  await seen(row);
  await inspect('incidents');
  await row.click();
  await page.waitForURL(/incidents\/INC-1/);
  const clock = page.getByTestId('response-clock');
  const first = await clock.textContent();
  await until('the clock to count', async () => (await clock.textContent()) !== first);
  await seen(page.getByTestId('guest-state').getByText('Lost'));
  await inspect('incident-room');
  const doctor = await world.phoenix('doctor');
  assert.equal(doctor.code, 1);
  assert.match(doctor.stdout, /guest web-1 of tenant acme-ghana is LOST/);

  await page.getByRole('button', { name: 'Restart guest' }).click();
  await seen(page.getByTestId('guest-state').getByText('Running'));
  await seen(page.getByTestId('incident-status').getByText('Monitoring'));
  await seen(page.getByTestId('incident-status').getByText('Resolved'));
  await page.getByRole('link', { name: 'Report' }).click();
  for (const section of ['Summary', 'Timeline', 'Root Cause', 'Impact', 'Resolution', 'Prevention', 'Follow-up'])
    await seen(page.getByRole('heading', { name: section, exact: false }));
  await inspect('report');
});

test('deletes the machine, and nothing is left of it', async () => {
  await page.goto(`${world.url}/t/acme-ghana/virtual-machines`);
  await page.getByRole('grid', { name: 'Virtual machines' }).locator('[data-row]').filter({ hasText: 'web-1' }).click();
  await page.waitForURL(/virtual-machines\/[0-9a-f-]{36}/);
  await page.getByRole('button', { name: 'More actions' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await page.getByLabel('Type web-1 to confirm').fill('web-1');
  await page.getByRole('button', { name: 'Delete machine and disks' }).click();
  await until('one guest to be left', () => world.guests().length === 1);
  await until('one folder to be left', () => world.guestFolders().length === 1);
});

test('signs out and in again with the password', async () => {
  await page.getByRole('button', { name: /your menu/ }).click();
  await page.getByRole('menuitem', { name: /Sign out/ }).click();
  await page.waitForURL(/sign-in/);
  await inspect('sign-in');
  await page.getByLabel('Email').fill('admin@localhost');
  await page.getByLabel('Password').fill('not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await seen(page.getByText('do not match'));
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(/platform|\/t\//);
  await live();
});

test('the badge tells the truth when the server goes and comes', async () => {
  await world.stop();
  await seen(page.locator('[data-testid="connection"]:not([data-phase="live"])'));
  await world.serve({ settings: { listen: `127.0.0.1:${world.port}` } });
  await live();
  assert.deepEqual(browser.findings, []);
});
