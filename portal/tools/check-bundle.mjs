// Fails when the build outgrows its budgets (brotli bytes): what every visitor loads first, and each page's own chunks.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync } from "node:zlib";

const dist = join(dirname(fileURLToPath(import.meta.url)), "..", "dist");
const manifest = JSON.parse(readFileSync(join(dist, ".vite", "manifest.json"), "utf8"));
const budgets = { firstScript: 150, route: 60, terminalRoute: 95, queryConsole: 450, styles: 25, fonts: 100 };

const kib = (file) => brotliCompressSync(readFileSync(join(dist, file))).length / 1024;
const closure = (key, seen = new Set()) => {
  if (!seen.has(key)) {
    seen.add(key);
    for (const next of manifest[key].imports ?? []) closure(next, seen);
  }
  return seen;
};

// The query console is a page of its own with a budget of its own.
const consolePage = "graphql-console.html";
const entry = Object.keys(manifest).find((key) => manifest[key].isEntry && key !== consolePage);
const first = closure(entry);
// All that a page can load, sooner or later.
const everything = (key, seen = new Set()) => {
  if (!seen.has(key)) {
    seen.add(key);
    for (const next of [...(manifest[key].imports ?? []), ...(manifest[key].dynamicImports ?? [])]) everything(next, seen);
  }
  return seen;
};
const ofPortal = everything(entry);
const queryConsole = new Set([...everything(consolePage)].filter((key) => !ofPortal.has(key)));
const total = (keys, pick) => [...new Set([...keys].flatMap(pick))].reduce((sum, file) => sum + kib(file), 0);

const findings = [];
const report = (name, used, budget) => {
  const line = `${name.padEnd(44)} ${used.toFixed(1).padStart(7)} KiB of ${budget}`;
  findings.push({ line, over: used > budget });
};

// What a signed-in visitor needs before the first list stands: the entry with the shell, and a list page.
const list = Object.keys(manifest).find((key) => key.endsWith("pages/Machines.tsx"));
report("first load with a list, script", total(closure(list, new Set(first)), (key) => [manifest[key].file]), budgets.firstScript);
report("all styles", total(Object.keys(manifest).filter((key) => !queryConsole.has(key)), (key) => manifest[key].css ?? []), budgets.styles);
report("query console, all of it", total(queryConsole, (key) => [manifest[key].file]), budgets.queryConsole);
const fonts = Object.values(manifest).map((item) => item.file).concat(Object.values(manifest).flatMap((item) => item.assets ?? []));
// A Latin-script page loads one file of each family; the other subsets load only for text that needs them.
const latin = [...new Set(fonts)].filter((file) => /-latin-wght-normal-.*\.woff2$/.test(file));
report("fonts of a Latin-script page", latin.reduce((sum, file) => sum + readFileSync(join(dist, file)).length / 1024, 0), budgets.fonts);
for (const key of Object.keys(manifest).filter((name) => manifest[name].isDynamicEntry && ofPortal.has(name))) {
  const own = [...closure(key)].filter((name) => !first.has(name));
  const budget = /console/i.test(key) ? budgets.terminalRoute : budgets.route;
  report(`lazy ${manifest[key].name ?? key}`, total(own, (name) => [manifest[name].file]), budget);
}

for (const { line, over } of findings) console.log(`${over ? "OVER " : "ok   "}${line}`);
if (latin.length !== 2) {
  console.log(`OVER expected two Latin font files, found ${latin.length}`);
  process.exitCode = 1;
}
if (findings.some((finding) => finding.over)) process.exitCode = 1;
