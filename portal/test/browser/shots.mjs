// Takes a picture of every page in a theme: [WIDTH=375] node test/browser/shots.mjs <folder> [dark|light] [name…]
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { axe, launch } from "../browser-kit.mjs";
import { startMock } from "../mock/server.mjs";

const [folder, theme = "dark", ...only] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const mock = await startMock({ stepMs: 1500 });
const browser = await launch({ theme, viewport: { width: Number(process.env.WIDTH ?? 1440), height: 900 } });
const { page, findings } = browser;
const machine = [...mock.world.tables.VirtualMachine.values()][0];
const down = mock.world.killGuest([...mock.world.tables.VirtualMachine.values()][2]);

async function picture(name, path, act) {
  if (only.length && !only.includes(name)) return;
  if (path) await page.goto(mock.url + path);
  await page.waitForTimeout(500);
  await act?.();
  await page.waitForTimeout(300);
  await page.screenshot({ path: join(folder, `${name}-${theme}.png`) });
  const violations = await axe(page);
  console.log(name, violations.length ? `\n  ${violations.join("\n  ")}` : "axe clean");
}

try {
  await page.goto(`${mock.url}/sign-in`);
  await picture("sign-in", "/sign-in");
  await page.getByLabel("Email").fill(mock.world.admin.email);
  await page.getByLabel("Password").fill("correct horse battery");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(/platform/);
  await picture("tenants", "/platform/tenants");
  await picture("tenant-create", "/platform/tenants?create=1", async () => {
    await page.getByLabel("Display name").fill("Côte d'Ivoire Télécom");
  });
  await picture("machines", "/t/acme/virtual-machines");
  await picture("row-menu", null, async () => {
    await page.locator("[data-menu]").first().click();
  });
  await page.keyboard.press("Escape");
  await picture("machine", `/t/acme/virtual-machines/${machine.id}`);
  await picture("console", `/t/acme/virtual-machines/${machine.id}?tab=console`);
  await picture("create", "/t/acme/virtual-machines/new", async () => {
    await page.getByLabel("Name").fill("Web 9");
    await page.getByRole("button", { name: "Forward a port" }).click();
  });
  await picture("incidents", "/t/acme/incidents");
  await picture("incidents-platform", "/platform/incidents");
  await picture("declare", "/t/acme/incidents?declare=1");
  await picture("room", `/t/acme/incidents/${down.reference}`);
  await picture("report", `/t/acme/incidents/${down.reference}?tab=report`);
  await picture("keys-list", "/t/acme/api-keys");
  await picture("key-create", "/t/acme/api-keys?create=1", async () => {
    await page.getByLabel("Name of the account").fill("deployer");
  });
  await picture("key-secret", null, async () => {
    await page.getByRole("dialog").getByRole("button", { name: "Create key" }).click();
    await page.getByTestId("secret").waitFor();
  });
  await picture("security", "/account/security");
  await picture("enrol", null, async () => {
    await page.getByRole("button", { name: "Set up an authenticator app" }).click();
    await page.getByLabel("Your password").fill("correct horse battery");
    await page.keyboard.press("Enter");
    await page.getByRole("img", { name: /QR/ }).waitFor();
  });
  await picture("recovery-codes", null, async () => {
    await page.getByLabel("Code", { exact: true }).fill("123456");
    await page.keyboard.press("Enter");
    await page.getByRole("list", { name: "Recovery codes" }).waitFor();
  });
  await picture("security-on", null, async () => {
    await page.getByRole("button", { name: "I have kept them" }).click();
  });
  await picture("palette", "/t/acme/virtual-machines", async () => {
    await page.keyboard.press("Control+k");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.type("web");
    await page.waitForTimeout(400);
  });
  await picture("keys", "/t/acme/virtual-machines", async () => {
    await page.locator("h1").click();
    await page.keyboard.press("Shift+?");
  });
  await picture("scope", "/t/acme/virtual-machines", async () => {
    await page.getByRole("button", { name: /^Scope/ }).click();
  });
  await picture("drawer", "/t/acme/virtual-machines", async () => {
    await page.locator("[data-drawer]").click();
  });
  await picture("stale", null, async () => {
    mock.control.refuseSockets = true;
    mock.dropSockets();
    await page.waitForTimeout(3000);
  });
  if (findings.length) console.log("findings", findings);
} finally {
  await browser.close();
  await mock.close();
}
