// What the peers written by hand share: who asks, the database, and the rows. Whoever asks gets a transaction in which
// row-level security sees the tenant, as any of these servers would have to do it; statements are prepared.
import DataLoader from 'dataloader';
import { createVerifier } from 'fast-jwt';
import pg from 'pg';

export const pool = new pg.Pool({ ...JSON.parse(process.env.PEER_DATABASE), max: 10 });

const verify = createVerifier({ key: process.env.PEER_SECRET, algorithms: ['HS256'], cache: true });
export const tenantOf = (authorization) => verify(authorization.replace(/^Bearer /, '')).tenant;

export async function inTenant(tenant, work) {
  const client = await pool.connect();
  try {
    await client.query('begin read only');
    await client.query({ name: 'scope', text: "select set_config('phoenix.tenant_id', $1, true)", values: [tenant] });
    const got = await work(client);
    await client.query('commit');
    return got;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

const rows = async (client, name, text, values) => (await client.query({ name, text, values })).rows;

export const resources = (tenant, first, status) => inTenant(tenant, async (client) => ({
  nodes: await (status
    ? rows(client, 'running', 'select id, name, type, status, site_id from phoenix.resources where status = $1 order by id limit $2', [status, first])
    : rows(client, 'all', 'select id, name, type, status, site_id from phoenix.resources order by id limit $1', [first])),
}));

// Sites belong to nobody: no row-level security, so no transaction either.
export const sites = async (first) => ({
  nodes: await rows(pool, 'all sites', 'select id, name, region from phoenix.sites order by id limit $1', [first]),
});

// --- batches: one statement for all keys, answers in the order of the keys

const byId = (found, ids) => {
  const index = new Map(found.map((row) => [row.id, row]));
  return ids.map((id) => index.get(id));
};
export const sitesById = async (ids) => byId(await rows(pool, 'sites', 'select id, name, region from phoenix.sites where id = any($1)', [ids]), ids);

/// Keys are {id, first}: the first rows under each id.
async function pages(tenant, name, text, keys) {
  const found = await inTenant(tenant, (client) => rows(client, name, text, [keys.map(({ id }) => id), keys.map(({ first }) => first)]));
  const out = keys.map(() => ({ nodes: [] }));
  for (const { place, ...row } of found) out[place - 1].nodes.push(row);
  return out;
}
export const resourcesOfSites = (tenant, keys) => pages(tenant, 'resources', `
  select k.place::int, r.* from unnest($1::uuid[], $2::int[]) with ordinality k (id, first, place)
   cross join lateral (select id, name, status from phoenix.resources where site_id = k.id order by id limit k.first) r
   order by k.place, r.id`, keys);
export const operationsOfResources = (tenant, keys) => pages(tenant, 'operations', `
  select k.place::int, o.* from unnest($1::uuid[], $2::int[]) with ordinality k (id, first, place)
   cross join lateral (select id, kind, state, progress from phoenix.operations where object_id = k.id order by id limit k.first) o
   order by k.place, o.id`, keys);

/// For servers without loaders of their own: new ones for each request.
export function loaders(tenant) {
  const paged = (batch) => new DataLoader((keys) => batch(tenant, keys), { cacheKeyFn: ({ id, first }) => `${id} ${first}` });
  return { site: new DataLoader(sitesById), resources: paged(resourcesOfSites), operations: paged(operationsOfResources) };
}

/// What bench/peers/servers.mjs waits for.
export const listening = (port) => process.stdout.write(`${JSON.stringify({ port })}\n`);
