// A page of 100 with filter and order, 95,000 rows deep in a list of 97,000, beside the first page of that list: for every
// order and direction that the API offers on resources. In turns on one connection, so that a busy machine hits both.
//
//   TIMES (150)  ROWS (100000)
import os from 'node:os';
import { databaseCpu, fillResources, inWorld, median, table, tenantTokens, writeResults } from './common.mjs';

const times = Number(process.env.TIMES ?? 150);
const rows = Number(process.env.ROWS ?? 100_000);
const depth = Math.floor(rows * 0.95);
const query = (first, order) => `query($after: String) { resources(first: ${first}, after: $after, filter: {status: {eq: RUNNING}}${order}) ` +
  '{ nodes { id name type status site { id name region } } pageInfo { hasNextPage endCursor } } }';

await inWorld({ settings: { 'probe-every-ms': 600_000 } }, async (world) => {
  const load = os.loadavg()[0];
  await new Promise((resolve) => setTimeout(resolve, 1000));  // past the workers' only round
  fillResources(world, { tenants: 1, perTenant: rows, runningPercent: 97 });
  fillResources(world, { from: 2, tenants: 200 });  // so that a tenant is not the whole table
  const [token] = await tenantTokens(world, 1);
  const ask = async (first, order, after) => (await world.graphql(query(first, order), { after }, { token })).resources;

  const offered = (await world.graphql('{ __type(name: "ResourceOrder") { enumValues { name } } }')).__type.enumValues.map(({ name }) => name);
  const orders = ['', ...offered.map((name) => `, orderBy: ${name}`)].flatMap((order) => [`${order}, direction: ASC`, `${order}, direction: DESC`]);
  const cases = [];
  for (const order of orders) {
    let after = null;
    for (let passed = 0; passed < depth; passed += 500) after = (await ask(500, order, after)).pageInfo.endCursor;
    const pages = { first: () => ask(100, order, null), deep: () => ask(100, order, after) };
    for (const page of Object.values(pages)) if ((await page()).nodes.length !== 100) throw new Error(`a page is not full: ${order}`);

    const took = { first: [], deep: [] };
    const used = { first: 0, deep: 0 };
    for (let i = 0; i < times + 10; ++i) {
      for (const which of i % 2 ? ['first', 'deep'] : ['deep', 'first']) {
        const began = performance.now();
        await pages[which]();
        if (i >= 10) took[which].push(performance.now() - began);
      }
    }
    // CPU is counted in hundredths of a second: the one, then the other, twice.
    for (const which of ['first', 'deep', 'deep', 'first']) {
      const before = databaseCpu(world);
      for (let i = 0; i < times; ++i) await pages[which]();
      used[which] += (1000 * (databaseCpu(world) - before)) / (2 * times);
    }
    cases.push({ order: order.replace(/^, /, '').replace('orderBy: ', '').replace('direction: ', ''), first_ms: median(took.first), deep_ms: median(took.deep),
                 ratio: median(took.deep.map((value, i) => value / took.first[i])), first_database_cpu_ms: used.first, deep_database_cpu_ms: used.deep });
  }
  table([`page of 100, ${depth} deep`, 'first ms', 'deep ms', 'deep/first', 'first PG CPU ms', 'deep PG CPU ms'],
    cases.map((one) => [one.order, one.first_ms.toFixed(2), one.deep_ms.toFixed(2), (one.deep_ms / one.first_ms).toFixed(2),
      one.first_database_cpu_ms.toFixed(2), one.deep_database_cpu_ms.toFixed(2)]));
  const worst = Math.max(...cases.map((one) => one.deep_ms / one.first_ms));
  console.log(`the worst costs ${worst.toFixed(2)} times the first page (at most 1.3)`);
  writeResults('deep_pages', { query: query(100, ''), rows, depth, times, load_average_before: load, cases }, { deep_page: worst });
});
