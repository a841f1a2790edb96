// The portal in a real Chromium, under the strict headers, over the pretend server. Each test ends with nothing refused
// by the Content-Security-Policy and nothing thrown.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import decodeQR from "qr/decode.js";
import { axe, launch } from "../browser-kit.mjs";
import { startMock } from "../mock/server.mjs";

// Judged by what happens, never by how fast: a loaded machine takes its time.
const patience = 45_000;
const password = "correct horse battery";
let browser;
let mock;
let page;

const rows = (name) => page.getByRole("grid", { name }).locator("[data-row]");
const row = (name, text) => rows(name).filter({ hasText: text });
const badge = () => page.getByTestId("connection");
const machine = (name) => [...mock.world.tables.VirtualMachine.values()].find((one) => one.name === name);
const acme = () => [...mock.world.tables.Tenant.values()].find((one) => one.name === "acme");

async function until(what, check, ms = patience) {
  const end = Date.now() + ms;
  for (;;) {
    if (await check()) return;
    assert.ok(Date.now() < end, `timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
const seen = (locator, ms = patience) => locator.first().waitFor({ timeout: ms });
const live = () => page.locator('[data-testid="connection"][data-phase="live"]').waitFor({ timeout: patience });

async function fresh(options) {
  mock = await startMock({ stepMs: 250, ...options });
  page = await browser.context.newPage();
}
async function signIn(user = mock.world.admin) {
  await page.goto(`${mock.url}/sign-in`);
  await page.getByLabel("Email").fill(user.email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/platform|\/t\//);
}
const open = (path) => page.goto(mock.url + path);
/// PHX_SCREENSHOTS=folder keeps pictures.
const picture = async (name) => process.env.PHX_SCREENSHOTS && page.screenshot({ path: `${process.env.PHX_SCREENSHOTS}/${name}.png` });

/// The picture as a reader of QR codes wants it.
async function pixels(png) {
  const { data, ...size } = await page.evaluate(async (base64) => {
    const image = new Image();
    image.src = `data:image/png;base64,${base64}`;
    await image.decode();
    const { width, height } = image;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const pen = canvas.getContext("2d");
    pen.drawImage(image, 0, 0);
    return { width, height, data: [...pen.getImageData(0, 0, width, height).data] };
  }, png.toString("base64"));
  return { ...size, data: Uint8Array.from(data) };
}

before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(() => {
  browser.findings.length = 0;
});
afterEach(async () => {
  await page.evaluate(() => localStorage.clear()).catch(() => undefined);
  await page.close();
  await browser.context.clearCookies();
  await mock.close();
  assert.deepEqual(browser.findings, []);
});

describe("a newcomer", () => {
  it("comes from the one-time link to a running machine's console, and deletes it again", async () => {
    await fresh({ seeded: false });
    mock.world.admin.password = null;
    await page.goto(mock.link());
    await page.getByLabel("New password").fill(password);
    assert.ok(!page.url().includes("token"), "the token leaves the address at once");
    await page.getByRole("button", { name: "Set password" }).click();
    await page.getByRole("button", { name: "Create the first tenant" }).click();
    await page.getByLabel("Display name").fill("Acme Ghana");
    assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "acme-ghana");
    await page.getByRole("dialog").getByRole("button", { name: "Create tenant" }).click();
    await page.waitForURL(/\/t\/acme-ghana\/virtual-machines/);
    await page.getByRole("button", { name: "Create the first one" }).click();
    await page.getByLabel("Name", { exact: true }).fill("web-1");
    await seen(page.getByText("Free", { exact: true }));
    await page.keyboard.press("Control+Enter");
    await page.waitForURL(/virtual-machines\/[0-9a-f-]{36}/);

    const state = page.getByTestId("machine-state");
    const words = new Set();
    await until("it runs", async () => {
      words.add((await state.textContent()).trim().split(" ")[0].replace(/\d.*/, ""));
      return (await state.textContent()).includes("Running");
    });
    assert.ok(words.size > 1, `states passed by without a reload: ${[...words]}`);

    await page.getByRole("link", { name: "Console" }).click();
    const terminal = page.getByTestId("terminal");
    await seen(terminal.getByText("login: root"));
    await page.keyboard.type("uname -a");
    await page.keyboard.press("Enter");
    await seen(terminal.getByText("Linux web-1 6.1.0 x86_64"));

    await page.keyboard.press("Control+Alt+.");
    await page.getByRole("button", { name: "Stop", exact: true }).click();
    await seen(page.getByText("Stop of web-1 requested."));
    await until("it stops", async () => (await state.textContent()).includes("Stopped"));
    await seen(page.getByText("The guest is not running"));
    await seen(terminal.getByText("Linux web-1 6.1.0 x86_64"));

    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    const destroy = page.getByRole("button", { name: "Delete machine and disks" });
    assert.equal(await destroy.isDisabled(), true);
    await page.getByLabel("Type web-1 to confirm").fill("web-1");
    await destroy.click();
    await seen(page.getByText("web-1 was deleted."));
    await page.getByRole("link", { name: "All machines" }).first().click();
    await seen(page.getByText("has no virtual machines yet"));
  });

  it("is told why a link does not work twice", async () => {
    await fresh();
    const link = mock.link();
    await page.goto(link);
    await page.waitForURL(/platform/);
    await page.getByRole("button", { name: /your menu/ }).click();
    await page.getByRole("menuitem", { name: /Sign out/ }).click();
    await page.waitForURL(/sign-in/);
    await page.goto("about:blank");
    await page.goto(link);
    await seen(page.getByText("The link was used already"));
    await page.getByLabel("Email").fill(mock.world.admin.email);
    await page.getByLabel("Password").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await seen(page.getByText("Email and password do not match"));
  });
});

describe("a second factor", () => {
  it("is asked for at sign-in, and again by an act that is dangerous, which is then repeated", async () => {
    await fresh();
    mock.world.admin.code = "123456";
    await page.goto(`${mock.url}/sign-in`);
    await page.getByLabel("Email").fill(mock.world.admin.email);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
    await seen(page.getByText("Six digits from your authenticator app"));
    assert.deepEqual(await axe(page), []);
    await picture("sign-in-code");
    await page.getByLabel("Code").fill("000000");
    await page.keyboard.press("Enter");
    await seen(page.getByText("The code is not right"));
    await page.getByLabel("Code").fill("123456");
    await page.keyboard.press("Enter");
    await page.waitForURL(/platform/);

    mock.control.stale = true;
    await open(`/t/acme/virtual-machines/${machine("web-1").id}`);
    await live();
    await page.getByRole("button", { name: "More actions" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByLabel("Type web-1 to confirm").fill("web-1");
    await page.getByRole("button", { name: "Delete machine and disks" }).click();
    const question = page.getByRole("dialog", { name: "Confirm that it is you" });
    await seen(question);
    assert.deepEqual(await axe(page), []);
    await picture("step-up");
    await question.getByLabel("Code").fill("123456");
    await question.getByRole("button", { name: "Confirm" }).click();
    await question.waitFor({ state: "detached" });
    await seen(page.getByText("web-1 was deleted."));
  });
});

describe("one's own account", () => {
  it("sets an app up by its QR code, keeps the codes, ends sessions and changes the password", async () => {
    await fresh();
    await signIn();
    await page.getByRole("button", { name: /your menu/ }).click();
    await page.getByRole("menuitem", { name: "Security of your account" }).click();
    await page.waitForURL(/\/account\/security/);
    await seen(page.getByRole("row", { name: /Firefox on Linux/ }).getByText("This session"));
    assert.deepEqual(await axe(page), []);

    await page.getByRole("button", { name: "Set up an authenticator app" }).click();
    await page.getByLabel("Your password").fill("wrong");
    await page.keyboard.press("Enter");
    await seen(page.getByText("The password is not right."));
    await page.getByLabel("Your password").fill(password);
    await page.keyboard.press("Enter");
    const code = page.getByRole("img", { name: "QR code for the authenticator app" });
    await seen(code);
    await seen(page.getByText("JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"));
    assert.deepEqual(await axe(page), []);
    await picture("enrol");
    // What a phone sees.
    assert.match(decodeQR(await pixels(await code.screenshot())), /^otpauth:\/\/totp\/Sankofa%20Phoenix:ama%40sankofa.example\?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&/);
    await page.getByLabel("Code", { exact: true }).fill("654321");
    await page.keyboard.press("Enter");
    await seen(page.getByText("The code is not right"));
    await page.getByLabel("Code", { exact: true }).fill("123456");
    await page.keyboard.press("Enter");
    const codes = page.getByRole("dialog", { name: "Keep these recovery codes" });
    await seen(codes);
    assert.equal(await codes.getByRole("listitem").count(), 10);
    assert.deepEqual(await axe(page), []);
    await picture("recovery-codes");
    await page.keyboard.press("Escape");
    await seen(codes, 1000);
    const [download] = await Promise.all([page.waitForEvent("download"), codes.getByRole("button", { name: "Download" }).click()]);
    assert.equal(download.suggestedFilename(), "phoenix-recovery-codes.txt");
    await codes.getByRole("button", { name: "I have kept them" }).click();
    await codes.waitFor({ state: "detached" });
    assert.ok(!(await page.content()).includes("K7PM"), "shown once");
    await seen(page.getByText("10 of 10 recovery codes are left."));
    await picture("security");

    await page.getByRole("button", { name: /Sign out Safari on iOS/ }).click();
    await seen(page.getByText("Safari on iOS is signed out."));
    await page.getByRole("row", { name: /Safari on iOS/ }).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Sign out everywhere else" }).click();
    await page.getByRole("row", { name: /curl/ }).waitFor({ state: "detached" });
    await seen(page.getByRole("row", { name: /This session/ }));

    await page.getByLabel("Current password").fill("not this one");
    await page.getByLabel("New password").fill("a longer, newer password");
    await page.getByRole("button", { name: "Change password" }).click();
    await seen(page.getByText("The current password is not right."));
    await page.getByLabel("Current password").fill(password);
    await page.getByRole("button", { name: "Change password" }).click();
    await seen(page.getByText(/The password is changed/));
    assert.equal(mock.world.admin.password, "a longer, newer password");

    await page.getByRole("button", { name: "Turn off" }).click();
    await page.getByLabel("Code", { exact: true }).fill("123456");
    await page.keyboard.press("Enter");
    await seen(page.getByRole("button", { name: "Set up an authenticator app" }));
    assert.deepEqual(await axe(page), []);
  });
});

describe("an incident", () => {
  it("opens by itself, is taken, its guest restarted in one press, and resolved with a report", async () => {
    await fresh();
    await signIn();
    await open("/t/acme/incidents");
    await live();
    mock.world.killGuest(machine("web-1"));
    await seen(row("Incidents", "Guest web-1 is down"));
    await row("Incidents", "Guest web-1 is down").click();
    await page.waitForURL(/incidents\/INC-6/);
    const clock = page.getByTestId("response-clock");
    const first = await clock.textContent();
    await until("the clock counts", async () => (await clock.textContent()) !== first);
    await page.getByRole("button", { name: "Acknowledge" }).click();
    await until("the clock stops", async () => /Met in/.test(await clock.textContent()));
    await seen(page.getByText("ama@sankofa.example took the incident."));

    await seen(page.getByTestId("guest-state").getByText("Lost"));
    await page.getByRole("button", { name: "Restart guest" }).click();
    await seen(page.getByTestId("guest-state").getByText("Running"));
    await seen(page.getByTestId("incident-status").getByText("Monitoring"));
    await seen(page.getByText("Watching for a relapse."));
    await seen(page.getByText("✓ Resolved"));

    await page.getByLabel("Add a note").fill("It came back by itself.");
    await page.keyboard.press("Control+Enter");
    await seen(page.getByLabel("Timeline entries").getByText("It came back by itself."));
    await until("the composer is empty again", async () => (await page.getByLabel("Add a note").inputValue()) === "");

    await page.getByRole("button", { name: "Change severity" }).click();
    await page.getByRole("dialog").getByText("P2").click();
    assert.equal(await page.getByRole("dialog").getByRole("button", { name: "Change severity" }).isDisabled(), true);
    await page.getByLabel("Reason").fill("Nobody noticed.");
    await page.getByRole("dialog").getByRole("button", { name: "Change severity" }).click();
    await seen(page.getByText("P1 → P2: Nobody noticed."));

    await page.getByRole("group", { name: "Status" }).getByRole("button", { name: "Resolved" }).click();
    await page.getByRole("button", { name: "Set Resolved" }).click();
    await seen(page.getByTestId("incident-status").getByText("Resolved"));
    await page.getByRole("link", { name: "Report" }).click();
    await seen(page.getByRole("heading", { name: "Root cause" }));
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download .md" }).click()]);
    assert.equal(download.suggestedFilename(), "inc-6.md");
  });

  it("is declared by hand; the server's refusal stands at its field", async () => {
    await fresh();
    await signIn();
    await open("/t/acme/incidents");
    await live();
    await page.keyboard.press("c");
    await page.getByLabel("What is wrong").fill("no");
    await page.getByRole("button", { name: "Declare", exact: true }).click();
    await seen(page.getByText("Say what is wrong in at least three characters."));
    await page.getByLabel("What is wrong").fill("Payments fail");
    await page.getByRole("dialog").getByText("P0").click();
    await page.keyboard.press("Control+Enter");
    await page.waitForURL(/INC-6/);
    await seen(page.getByRole("heading", { name: "Payments fail" }));
  });
});

describe("live lists", () => {
  const many = (count, prefix) => {
    const model = machine("web-1");
    for (let index = 0; index < count; index++) {
      const { id: _id, ...fields } = model;
      mock.world.insert("VirtualMachine", { ...fields, __typename: "VirtualMachine", name: `${prefix}${String(index).padStart(3, "0")}`, version: 1 });
    }
  };

  it("page by cursor through a fleet and keep few rows in the page", async () => {
    await fresh();
    many(400, "vm-");
    await signIn();
    await open("/t/acme/virtual-machines");
    await live();
    const grid = page.getByRole("grid", { name: "Virtual machines" });
    assert.equal(await grid.getAttribute("aria-rowcount"), "408");
    await grid.focus();
    for (const _ of [1, 2, 3, 4, 5, 6]) {
      await page.keyboard.press("End");
      await page.waitForTimeout(150);
    }
    await seen(row("Virtual machines", "web-2"));
    assert.ok((await rows("Virtual machines").count()) < 80);
    const active = await grid.getAttribute("aria-activedescendant");
    assert.equal(await page.locator(`[id="${active}"]`).count(), 1, "the active row is always rendered");
  });

  it("never move what is being looked at; new rows wait behind a count", async () => {
    await fresh();
    many(120, "vm-");
    await signIn();
    await open("/t/acme/virtual-machines");
    await live();
    const grid = page.getByRole("grid", { name: "Virtual machines" });
    await grid.hover();
    await page.mouse.wheel(0, 700);
    await until("it scrolled", () => grid.evaluate((one) => one.scrollTop > 300));
    const before = await grid.evaluate((one) => one.scrollTop);
    // The name alone: how long ago it was seen goes on counting.
    const nameOf = (one) => one.getByRole("gridcell").first().textContent();
    const name = await nameOf(rows("Virtual machines").nth(20));
    many(50, "aa-");
    await seen(page.getByRole("button", { name: "50 new" }));
    assert.equal(await grid.evaluate((one) => one.scrollTop), before);
    assert.equal(await nameOf(rows("Virtual machines").nth(20)), name);
    await page.getByRole("button", { name: "50 new" }).click();
    await seen(row("Virtual machines", "aa-000"));
    assert.equal(await grid.evaluate((one) => one.scrollTop), 0);
  });

  it("strike a deleted row through under the pointer and take it away when the pointer leaves", async () => {
    await fresh();
    await signIn();
    await open("/t/acme/virtual-machines");
    await live();
    await row("Virtual machines", "web-1").hover();
    mock.world.remove("VirtualMachine", machine("batch-1").id);
    await seen(page.locator('[data-gone="true"]'));
    assert.equal(await rows("Virtual machines").count(), 7);
    await page.mouse.move(400, 20);
    await until("it left", async () => (await rows("Virtual machines").count()) === 6);
  });

  it("keep filter and order in the address, and Back brings the list again", async () => {
    await fresh();
    await signIn();
    await open("/t/acme/virtual-machines?q=web&sort=NAME&dir=DESC");
    await seen(row("Virtual machines", "web-2"));
    assert.deepEqual(await rows("Virtual machines").evaluateAll((all) => all.map((one) => one.querySelector("[role=gridcell]").textContent)), ["web-2", "web-1"]);
    await page.getByRole("columnheader", { name: "Name" }).click();
    await page.waitForURL(/dir=ASC/);
    await page.getByLabel("Filter by name").fill("zzz");
    await seen(page.getByText("No machine matches the filter"));
    await page.getByRole("button", { name: "Clear the filter" }).click();
    await seen(row("Virtual machines", "api-1"));
    await page.getByRole("button", { name: "Stopped", exact: true }).click();
    await until("one row", async () => (await rows("Virtual machines").count()) === 1);
    await row("Virtual machines", "batch-1").click();
    await seen(page.getByRole("heading", { name: "batch-1" }));
    await page.goBack();
    await page.waitForURL(/state=STOPPED/);
    await seen(row("Virtual machines", "batch-1"));
  });
});

describe("the connection badge", () => {
  it("says Stale within three seconds, and Live only with what was missed on screen", async () => {
    await fresh();
    await signIn();
    await open("/t/acme/virtual-machines");
    await live();
    await page.evaluate(() => {
      window.atLive = [];
      new MutationObserver(() => {
        const badge = document.querySelector('[data-testid="connection"]');
        if (badge.dataset.phase === "live") window.atLive.push(document.querySelector('[role="grid"]').textContent);
      }).observe(document.querySelector("header"), { subtree: true, attributes: true, attributeFilter: ["data-phase"] });
    });
    mock.control.refuseSockets = true;
    mock.dropSockets();
    await seen(badge().getByText(/Stale since/));
    mock.world.update("VirtualMachine", machine("batch-1").id, { state: "LOST" });
    mock.world.remove("VirtualMachine", machine("web-2").id);
    mock.control.refuseSockets = false;
    await badge().click();
    await live();
    const atLive = await page.evaluate(() => window.atLive);
    assert.equal(atLive.length, 1);
    assert.match(atLive[0], /batch-1.{0,40}Lost/);
    assert.doesNotMatch(atLive[0], /web-2/);
  });

  it("reads again when its cursor is too old to resume", async () => {
    await fresh();
    await signIn();
    await open("/t/acme/virtual-machines");
    await live();
    mock.control.refuseSockets = true;
    mock.dropSockets();
    await seen(badge().getByText(/Stale since/));
    mock.world.update("VirtualMachine", machine("batch-1").id, { state: "PAUSED" });
    mock.world.forget();
    mock.control.refuseSockets = false;
    await live();
    await seen(row("Virtual machines", "batch-1").getByText("Paused"));
    mock.world.update("VirtualMachine", machine("batch-1").id, { state: "RUNNING" });
    await seen(row("Virtual machines", "batch-1").getByText("Running"));
  });
});

describe("honest states", () => {
  it("an error has its request id and Retry, and the rest of the page works", async () => {
    await fresh();
    await signIn();
    mock.control.failing = "query MachineList";
    await open("/t/acme/virtual-machines");
    await seen(page.getByRole("alert").getByText(/Request [0-9a-f-]{36}/));
    await live();
    mock.control.failing = null;
    await page.getByRole("button", { name: "Retry" }).click();
    await seen(row("Virtual machines", "web-1"));
  });

  it("a viewer sees what is denied, and why", async () => {
    await fresh();
    await signIn(mock.world.viewer);
    await page.waitForURL(/\/t\/acme/);
    const create = page.getByRole("button", { name: "Create virtual machine" });
    assert.equal(await create.getAttribute("aria-disabled"), "true");
    await create.hover();
    await seen(page.getByRole("tooltip").getByText(/Needs the role TENANT_MEMBER; yours is TENANT_VIEWER/));
    await create.click({ force: true });
    assert.ok(!page.url().includes("/new"));
    await open("/platform/tenants");
    await seen(page.getByText("The platform's pages are for its administrators"));
    await open("/t/volta-bank/virtual-machines");
    await seen(page.getByText('No tenant "volta-bank" for you'));
  });

  it("an ended session asks for the password over the page and loses nothing", async () => {
    await fresh();
    await signIn();
    await open("/t/acme/virtual-machines/new");
    await page.getByLabel("Name", { exact: true }).fill("draft-1");
    await seen(page.getByText("Free", { exact: true }));
    mock.forgetSessions();
    await page.keyboard.press("Control+Enter");
    await seen(page.getByText("Your session has ended"));
    await page.getByLabel("Password").fill(password);
    await page.getByRole("dialog").getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "draft-1");
    await live();
    await page.getByRole("button", { name: "Create machine", exact: true }).click();
    await page.waitForURL(/virtual-machines\/[0-9a-f-]{36}/);
  });

  it("the server's word stands at its field, and the quota's shortfall is exact", async () => {
    await fresh();
    await signIn();
    await open("/t/acme/virtual-machines/new");
    await page.getByLabel("Name", { exact: true }).fill("web-1");
    await seen(page.getByText("A machine of this tenant has this name."));
    await page.getByLabel("Name", { exact: true }).fill("web-9");
    await page.getByRole("spinbutton", { name: "CPUs" }).fill("9");
    await seen(page.getByText("3 short"));
    await page.getByRole("spinbutton", { name: "CPUs" }).fill("1");
    for (const name of ["x1", "x2", "x3"]) mock.world.createMachine(acme(), { name, image: "micro" }, "else");
    await page.getByRole("button", { name: "Create machine", exact: true }).click();
    await seen(page.getByRole("alert").getByText(/The quota allows 10 machines; 10 exist/));
    assert.equal(await page.getByLabel("Name", { exact: true }).inputValue(), "web-9");
  });

  it("the console keeps its last screen, counts down, and comes back with its scrollback", async () => {
    await fresh();
    await signIn();
    await open(`/t/acme/virtual-machines/${machine("web-1").id}?tab=console`);
    const terminal = page.getByTestId("terminal");
    await seen(terminal.getByText("login: root"));
    await page.keyboard.type("hello");
    await page.keyboard.press("Enter");
    await seen(terminal.getByText("sh: hello: not found"));
    mock.control.refuseSockets = true;
    mock.dropSockets();
    await seen(page.getByText(/Trying again in \d+ s/));
    await seen(terminal.getByText("sh: hello: not found"), 500);
    mock.control.refuseSockets = false;
    await page.getByRole("button", { name: "Reconnect now" }).click();
    await seen(page.getByText("Connected", { exact: true }));
    await until("the scrollback is there, once", async () => (await terminal.locator(".xterm-rows").getByText("sh: hello: not found").count()) === 1);
  });
});

describe("the keyboard", () => {
  it("goes everywhere, opens rows, and stays out of text fields", async () => {
    await fresh();
    await signIn();
    await open("/t/acme/virtual-machines");
    await live();
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await seen(page.getByRole("heading", { name: "batch-1" }));
    await page.keyboard.press("g");
    await page.keyboard.press("i");
    await page.waitForURL(/\/t\/acme\/incidents/);
    await page.keyboard.press("Shift+?");
    await seen(page.getByRole("dialog").getByText("Search or run anything"));
    await page.keyboard.press("g");
    await page.keyboard.press("v");
    await page.keyboard.press("Escape");
    assert.match(page.url(), /incidents/);
    await page.keyboard.press("g");
    await page.keyboard.press("v");
    await page.waitForURL(/virtual-machines/);
    await page.keyboard.press("/");
    await page.keyboard.type("dc g i");
    await page.waitForURL(/q=dc/);
    await page.keyboard.press("Escape");
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    assert.equal(await theme(), "dark");
    await page.locator("h1").click();
    await page.keyboard.press("Shift+D");
    assert.equal(await theme(), "light");
    await page.reload();
    assert.equal(await theme(), "light");
    await page.locator("h1").click();
    await page.keyboard.press("Shift+D");
  });

  it("finds a machine's console by a few letters", async () => {
    await fresh();
    await signIn();
    await open("/platform/tenants");
    await live();
    await page.keyboard.press("Control+k");
    await seen(page.getByRole("dialog"));
    await page.keyboard.type("web-2");
    await seen(page.getByRole("menuitem", { name: /Console of web-2/ }));
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForURL(/tab=console/);
    await seen(page.getByTestId("terminal").getByText("web-2 login"));
  });

  it("orders, widens and moves columns, remembered for the next visit", async () => {
    await fresh();
    await signIn();
    await open("/t/acme/virtual-machines");
    await live();
    const grid = page.getByRole("grid", { name: "Virtual machines" });
    await grid.focus();
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("ArrowRight");
    const headers = () => page.getByRole("grid", { name: "Virtual machines" }).getByRole("columnheader").allTextContents();
    const width = async () => (await grid.getByRole("columnheader", { name: "State" }).boundingBox()).width;
    const before = await width();
    await page.keyboard.press("Alt+ArrowRight");
    await until("it is wider", async () => (await width()) > before);
    await page.keyboard.press("Alt+Shift+ArrowLeft");
    await until("it moved", async () => (await headers())[0] === "State");
    await page.reload();
    await seen(row("Virtual machines", "web-1"));
    await until("the place is remembered", async () => (await headers())[0] === "State");
  });
});

describe("operations", () => {
  it("are all in the drawer, live, with reason and next action, and can be retried", async () => {
    await fresh();
    await signIn();
    await open("/t/acme/virtual-machines");
    await live();
    await page.keyboard.press("g");
    await page.keyboard.press("o");
    const failed = row("Operations", "Reboot");
    await seen(failed.getByText("Next: Force stop, then start."));
    await failed.getByRole("button", { name: "Actions" }).click();
    await page.getByRole("menuitem", { name: /Retry/ }).click();
    await seen(failed.getByText("Done").first());
    mock.world.createMachine(acme(), { name: "new-1", image: "micro" }, "ama@sankofa.example");
    await page.mouse.move(700, 20);
    await page.keyboard.press("Escape");
    await seen(page.getByRole("region", { name: "Operations" }).getByText(/1 running/));
  });
});

describe("API keys", () => {
  const keys = () => [...mock.world.tables.ApiKey.values()];

  it("are made, shown once, replaced and revoked, live", async () => {
    await fresh();
    await browser.context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: mock.url });
    await signIn();
    await open("/t/acme/virtual-machines");
    await live();
    await page.keyboard.press("g");
    await page.keyboard.press("y");
    await page.waitForURL(/\/t\/acme\/api-keys/);
    await seen(row("API keys", "Ends soon"));
    await seen(row("API keys", "Replaced"));
    assert.equal(await row("API keys", "alertmanager").filter({ hasText: "never" }).count(), 1, "one was never used and never ends");

    await page.keyboard.press("c");
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name of the account").fill("x");
    await dialog.getByLabel("Allowed networks").fill("192.0.2.0/24, 2001:db8::/32");
    await dialog.getByRole("button", { name: "Create key" }).click();
    await seen(dialog.getByText("A name has 2 to 40"));
    await dialog.getByLabel("Name of the account").fill("deployer");
    await dialog.getByLabel("write").uncheck();
    await dialog.getByLabel("read").uncheck();
    await seen(dialog.getByText("choose at least one"));
    assert.equal(await dialog.getByRole("button", { name: "Create key" }).isDisabled(), true);
    await dialog.getByLabel("read").check();
    await dialog.getByRole("button", { name: "Create key" }).click();
    const secret = await page.getByTestId("secret").textContent();
    assert.match(secret, /^phxk_\w{43}$/);
    const made = keys().find((one) => secret.startsWith(one.prefix));
    assert.deepEqual([made.scopes, made.allowedAddresses], [["READ"], ["192.0.2.0/24", "2001:db8::/32"]]);
    assert.ok(Math.abs(Date.parse(made.expiresAt) - Date.now() - 90 * 86_400_000) < 3_600_000);
    await page.getByRole("button", { name: "Copy key" }).click();
    await seen(page.getByText("Copied."));
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
    await page.keyboard.press("Escape");
    await seen(page.getByTestId("secret"));
    await page.getByRole("button", { name: "Done" }).click();
    await until("the dialog to be gone", async () => (await dialog.count()) === 0);
    assert.ok(!(await page.content()).includes(secret), "nothing of it stays on the page");
    assert.ok(!(await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }))).includes(secret));
    // New rows wait behind a count while the pointer is over the list.
    const shown = (text) =>
      until(`${text} to be in the list`, async () => {
        const waiting = page.getByRole("button", { name: /^\d+ new$/ });
        if (await waiting.count()) await waiting.click();
        return (await row("API keys", text).count()) > 0;
      });
    await shown("deployer");

    const act = async (text, name) => {
      await row("API keys", text).first().locator("[data-menu]").click();
      await page.getByRole("menuitem", { name }).click();
    };
    await act("deployer", "Rotate");
    await dialog.getByRole("button", { name: "Make its successor" }).click();
    const second = await page.getByTestId("secret").textContent();
    assert.notEqual(second, secret);
    await page.getByRole("button", { name: "Done" }).click();
    await seen(row("API keys", made.prefix).filter({ hasText: "Replaced" }));
    await shown(second.slice(0, 11));
    await seen(row("API keys", second.slice(0, 11)).filter({ hasText: "Active" }));
    await row("API keys", made.prefix).locator("[data-menu]").click();
    assert.equal(await page.getByRole("menuitem", { name: "Rotate" }).getAttribute("aria-disabled"), "true");
    await page.keyboard.press("Escape");

    await act(second.slice(0, 11), "Revoke");
    await seen(dialog.getByText("This cannot be undone"));
    await dialog.getByRole("button", { name: "Cancel" }).click();
    assert.ok(keys().some((one) => second.startsWith(one.prefix)), "nothing is done without the word");
    await act(second.slice(0, 11), "Revoke");
    await dialog.getByRole("button", { name: "Revoke key" }).click();
    await until("it is revoked", () => !keys().some((one) => second.startsWith(one.prefix)));
    await act(made.prefix, /Delete account deployer/);
    assert.equal(await dialog.getByRole("button", { name: "Delete account and keys" }).isDisabled(), true);
    await dialog.getByLabel("Type deployer to confirm").fill("deployer");
    await dialog.getByRole("button", { name: "Delete account and keys" }).click();
    await until("all its keys are gone", () => !keys().some((one) => one.id === made.id));

    // Somebody else's doing.
    const ci = [...mock.world.tables.ServiceAccount.values()].find((one) => one.name === "ci");
    const { apiKey } = mock.world.createKey(ci, { scopes: ["READ"] }, "x");
    await shown(apiKey.prefix);
  });

  it("are not for everybody", async () => {
    await fresh();
    await signIn(mock.world.viewer);
    await open("/t/acme/api-keys");
    await seen(page.getByText(/Needs the role TENANT_ADMIN; yours is TENANT_VIEWER/));
    await live();
  });
});

describe("every page", () => {
  for (const { theme, width } of [{ theme: "dark", width: 1440 }, { theme: "light", width: 1440 }, { theme: "light", width: 375 }])
    it(`is accessible in the ${theme} theme, ${width} pixels wide`, async () => {
      await fresh();
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
      await page.goto(`${mock.url}/sign-in`);
      assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), theme);
      assert.deepEqual(await axe(page), []);
      await signIn();
      const down = mock.world.killGuest(machine("db-1"));
      const id = machine("web-1").id;
      const titles = new Set();
      const paths = [
        "/platform/tenants",
        "/platform/tenants?create=1",
        "/platform/virtual-machines",
        "/platform/incidents",
        "/t/acme/virtual-machines",
        "/t/acme/virtual-machines?q=none",
        "/t/acme/virtual-machines/new",
        `/t/acme/virtual-machines/${id}`,
        `/t/acme/virtual-machines/${id}?tab=console`,
        "/t/acme/incidents",
        "/t/acme/incidents?declare=1",
        `/t/acme/incidents/${down.reference}`,
        `/t/acme/incidents/${down.reference}?tab=report`,
        "/t/acme/api-keys",
        "/t/acme/api-keys?create=1",
        "/account/security",
        "/t/kente-labs/virtual-machines",
        "/t/kente-labs/api-keys",
        "/t/nobody/virtual-machines",
        "/no/such/page",
      ];
      for (const path of paths) {
        await open(path);
        await page.locator("h1, h2").first().waitFor();
        await page.waitForTimeout(350);
        assert.deepEqual(await axe(page), [], path);
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `${path} is wider than the window`);
        titles.add(await page.title());
        if (path.startsWith("/t/acme") && !path.includes("=1")) {
          const corner = await page.getByRole("button", { name: /your menu$/ }).boundingBox();
          assert.ok(corner && corner.x + corner.width <= width, `${path} shows the way to sign out`);
        }
      }
      // The tabs of a browser are told apart: the same page of two scopes or with a dialog shares its title.
      assert.ok(titles.size >= 6, [...titles].join("\n"));
      mock.control.failing = "query IncidentList";
      await open("/t/acme/incidents");
      await seen(page.getByRole("alert"));
      assert.deepEqual(await axe(page), [], "error state");
      await page.setViewportSize({ width: 1440, height: 900 });
    });
});
