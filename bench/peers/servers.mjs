// The peers as processes: started beside a world on its database, asked, and ended by the processes' own handles.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { psql, tenantId } from '../common.mjs';

/// Names as in `ratios`, and what is printed.
export const peers = {
  mercurius: 'mercurius (JIT, loaders)', mercurius_tuned: 'mercurius, one SQL function', apollo: 'Apollo Server', yoga: 'GraphQL Yoga',
  postgraphile: 'PostGraphile',
};

/// An HS256 token for each of the tenants bench-1 to bench-<tenants>.
function tokens(secret, tenants) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = part({ alg: 'HS256', typ: 'JWT' });
  const exp = Math.floor(Date.now() / 1000) + 36_000;
  return Array.from({ length: tenants }, (_, i) => {
    const signed = `${head}.${part({ sub: 'bench', tenant: tenantId(i + 1), exp })}`;
    return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  });
}

/// For mercurius_tuned. What is asked is a transaction of its own, at whose end the setting ends.
const pageFunction = `
  create schema if not exists bench;
  grant usage on schema bench to phoenix_tenant;
  create or replace function bench.resources(tenant uuid, wanted text, first integer)
    returns table (id uuid, name text, type text, status text, site_id uuid, site_name text, site_region text)
    language plpgsql volatile as $$
  begin
    perform set_config('phoenix.tenant_id', tenant::text, true);
    return query select r.id, r.name, r.type, r.status, s.id, s.name, s.region
      from phoenix.resources r join phoenix.sites s on s.id = r.site_id
      where r.status = wanted order by r.id limit first;
  end $$;`;

async function start(world, name, secret) {
  const [, , , port, host] = fs.readFileSync(path.join(world.data, 'postgres/data/postmaster.pid'), 'utf8').split('\n');
  const child = spawn(process.execPath, [path.join(import.meta.dirname, `${name}.mjs`)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, NODE_ENV: 'production', GRAPHILE_ENV: 'production', PEER_SECRET: secret,
           PEER_DATABASE: JSON.stringify({ host, port: Number(port), database: 'phoenix', user: 'phoenix_tenant' }) },
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{"port"')) continue;
    return { name, pid: child.pid, url: `http://127.0.0.1:${JSON.parse(line).port}`, async stop() { child.kill('SIGKILL'); await ended; } };
  }
  throw new Error(`${name} ended before it listened`);
}

/// Runs `work` with the named peers ({name: {pid, url, query, tokenFile, ask}}) and with `ours`, then ends the peers.
/// `queryOf(name)` is the text each is asked.
export async function withPeers(world, { names, tenants, ourTokens, queryOf }, work) {
  if (names.includes('mercurius_tuned')) psql(world, pageFunction);
  const secret = randomBytes(32).toString('base64url');
  const tokensOf = { ours: ourTokens, peers: tokens(secret, tenants) };
  const dressed = (server, whose) => {
    const tokenFile = path.join(world.base, `tokens-${whose}`);
    fs.writeFileSync(tokenFile, `${tokensOf[whose].join('\n')}\n`);
    const query = queryOf(server.name);
    /// The whole answer to the n-th tenant's token.
    const ask = async (n) => {
      const response = await fetch(`${server.url}/graphql`, { method: 'POST', body: JSON.stringify({ query }),
        headers: { 'content-type': 'application/json', authorization: `Bearer ${tokensOf[whose][n - 1]}` } });
      return { status: response.status, body: await response.json() };
    };
    return { ...server, query, tokenFile, ask };
  };
  const started = [];
  try {
    const servers = { ours: dressed({ name: 'ours', pid: world.serving.pid, url: world.url }, 'ours') };
    for (const name of names) {
      started.push(await start(world, name, secret));
      servers[name] = dressed(started.at(-1), 'peers');
    }
    return await work(servers);
  } finally {
    for (const server of started) await server.stop();
  }
}

/// Every server answers the tenants of the sample as we do, member by member; `check` looks at ours.
export async function compareAnswers(servers, sample, check) {
  const { ours, ...others } = servers;
  for (const n of sample) {
    const expected = await ours.ask(n);
    assert.equal(expected.status, 200);
    assert.equal(expected.body.errors, undefined);
    check(expected.body.data, n);
    for (const server of Object.values(others)) {
      const got = await server.ask(n);
      assert.equal(got.body.errors, undefined, `${server.name} answers with errors: ${JSON.stringify(got.body.errors)}`);
      assert.deepEqual(got.body.data, expected.body.data, `${server.name} answers tenant ${n} otherwise than we do`);
    }
  }
  return `${Object.keys(others).length} peers answer ${sample.length} tenants as we do`;
}
