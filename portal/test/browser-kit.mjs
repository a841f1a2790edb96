// What every browser test of the portal needs: a Chromium as in production, the strict headers, a collector of what the
// Content-Security-Policy refused, and axe. Used by the tests here and by those against the real server.
import { mkdtempSync, rmSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** The headers under which the portal runs; the server sends the same. */
export const securityHeaders = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
};

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Opens Chromium with an empty profile. close() removes the profile again. */
export async function launch({ theme = "dark", executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium", ...options } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "portal-"));
  const context = await chromium.launchPersistentContext(folder, {
    executablePath,
    headless: true,
    colorScheme: theme,
    reducedMotion: "reduce",
    viewport: { width: 1440, height: 900 },
    args: flags,
    ...options,
  });
  const findings = [];
  await context.exposeFunction("reportFinding", (finding) => findings.push(finding));
  await context.addInitScript(() => {
    addEventListener("securitypolicyviolation", (event) => {
      window.reportFinding(`${event.effectiveDirective} blocked ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber} ${event.sample}`);
    });
  });
  context.on("page", (page) => watch(page, findings));
  for (const page of context.pages()) watch(page, findings);
  return {
    context,
    page: context.pages()[0] ?? (await context.newPage()),
    /** What the policy refused and what the page threw, so far. */
    findings,
    close: async () => {
      await context.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function watch(page, findings) {
  page.on("pageerror", (error) => findings.push(`page error: ${error.message}`));
}

const require = createRequire(import.meta.url);
const axeSource = () => readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Runs axe on the page as it is; answers its violations as readable lines. */
export async function axe(page) {
  // addScriptTag would break the policy that is under test; evaluate does not.
  await page.evaluate(axeSource());
  const violations = await page.evaluate(async () => {
    const result = await window.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return result.violations.map(({ id, help, nodes }) => ({
      id,
      help,
      nodes: nodes.slice(0, 4).map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? node.all[0]?.message ?? node.none[0]?.message ?? ""}`),
    }));
  });
  return violations.map(({ id, help, nodes }) => `${id}: ${help}\n    ${nodes.join("\n    ")}`);
}
