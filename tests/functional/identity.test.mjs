// Access tokens of an outside provider: a real one (npm oidc-provider), the real binary, and tokens that lie.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { after, before, test } from 'node:test';
import { Live, World, freePort, patience, refusal, root, until } from './harness.mjs';

const require = createRequire(path.join(root, 'tests/package.json'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);

const kAudience = 'phoenix-api';
const kSecret = 'planted-client-secret-0123456789';

function newKey(kid, alg) {
  const [type, options] = { RS256: ['rsa', { modulusLength: 2048 }], ES256: ['ec', { namedCurve: 'P-256' }], EdDSA: ['ed25519', {}] }[alg];
  return { ...crypto.generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

/// The provider, which can be taken away and come back with other keys.
const idp = {
  keys: [newKey('rsa-1', 'RS256'), newKey('ec-1', 'ES256'), newKey('ed-1', 'EdDSA')],
  groups: [],
  alg: 'RS256',
  ttl: 300,
  async reserve() {
    this.port = await freePort();
    this.issuer = `http://127.0.0.1:${this.port}`;
  },
  async start() {
    const provider = new Provider(this.issuer, {
      clients: [{ client_id: 'cli', client_secret: kSecret, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] }],
      jwks: { keys: this.keys },
      cookies: { keys: ['tests'] },
      extraTokenClaims: () => ({ groups: this.groups }),
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => 'https://phoenix.example',
          getResourceServerInfo: () => ({ scope: 'api', audience: kAudience, accessTokenTTL: this.ttl, accessTokenFormat: 'jwt', jwt: { sign: { alg: this.alg } } }),
          useGrantedResource: () => true,
        },
      },
    });
    provider.on('server_error', (ctx, error) => console.error(error));
    this.server = http.createServer(provider.callback()).listen(this.port, '127.0.0.1');
    await new Promise((resolve) => this.server.on('listening', resolve));
  },
  async stop() {
    this.server?.closeAllConnections();
    await new Promise((resolve) => (this.server ? this.server.close(resolve) : resolve()));
    this.server = null;
  },
  async token({ groups = [], alg = 'RS256', ttl = 300 } = {}) {
    Object.assign(this, { groups, alg, ttl });
    const answer = await fetch(`${this.issuer}/token`, {
      method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: `Basic ${Buffer.from(`cli:${kSecret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource: 'https://phoenix.example' }),
    });
    const body = await answer.json();
    assert.equal(answer.status, 200, JSON.stringify(body));
    seen.push(body.access_token);
    return body.access_token;
  },
};

const seen = [];  // every token that was shown to the server
const part = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const decode = (token, at) => JSON.parse(Buffer.from(token.split('.')[at], 'base64url'));

let world;
const asked = (token, options = {}) => world.graphql('{ me { id email platformAdmin } }', {}, { token, ...options });
async function refused(token) {
  seen.push(token);
  const answer = await refusal(asked(token));
  assert.equal(answer.code, 'UNAUTHENTICATED', answer.text);
  return answer.reason;
}

before(async () => {
  await idp.reserve();
  world = await World.start({ settings: { 'oidc-issuer': idp.issuer, 'oidc-audience': kAudience, 'oidc-client-id': 'phoenix', 'oidc-client-secret': kSecret,
                                          'oidc-tenant-claim': 'groups', 'oidc-jwks-ttl': 2 } });
  await world.createTenant('acme');
  await world.createTenant('globex');
}, { timeout: patience });
after(async () => { await idp.stop(); await world?.close(); }, { timeout: patience });

test('the server runs without its provider, and finds it when it comes', { timeout: patience }, async () => {
  assert.ok((await asked(world.token)).me.platformAdmin, 'our own tokens need nobody');
  await idp.start();
  const token = await idp.token({ groups: ['acme'] });
  await idp.stop();
  const answer = await refusal(asked(token));
  assert.notEqual(answer.reason, 'token.signature', 'a provider that is away is no verdict');
  await idp.start();
  await until('the provider to be found', async () => (await asked(token)).me);
});

test('a token of each algorithm says who and where', async () => {
  for (const alg of ['RS256', 'ES256', 'EdDSA']) {
    const token = await idp.token({ groups: ['/acme/TENANT_ADMIN'], alg });
    assert.equal(decode(token, 0).alg, alg);
    const { me } = await asked(token);
    assert.equal(me.platformAdmin, false);
    const { me: { memberships } } = await world.graphql('{ me { memberships { tenantName role } } }', {}, { token });
    assert.deepEqual(memberships, [{ tenantName: 'acme', role: 'TENANT_ADMIN' }], 'what the claim opens');
    const quotas = await world.graphql('{ images { totalCount } auditLog { totalCount } }', {}, { token });
    assert.ok(quotas.auditLog.totalCount >= 0, 'an administrator of the tenant, without any membership and without a header');
    assert.equal((await refusal(world.graphql('{ images { totalCount } }', {}, { token, tenant: 'globex' }))).code, 'NOT_FOUND');
    assert.equal((await refusal(world.graphql('mutation { createTenant(input: { name: "mine" }) { tenant { id } } }', {}, { token }))).code, 'FORBIDDEN');
  }
  const viewer = await idp.token({ groups: ['/acme/TENANT_VIEWER', '/globex'] });
  assert.equal((await refusal(world.graphql('{ auditLog { totalCount } }', {}, { token: viewer, tenant: 'acme' }))).code, 'FORBIDDEN');
  await world.graphql('{ images { totalCount } }', {}, { token: viewer, tenant: 'globex' });
  const nobody = await idp.token({ groups: [] });
  assert.equal((await refusal(world.graphql('{ images { totalCount } }', {}, { token: nobody, tenant: 'acme' }))).code, 'NOT_FOUND');
});

test('a socket that was opened with a token ends with it', { timeout: patience }, async () => {
  const token = await idp.token({ groups: ['acme'], ttl: 3 });
  const live = await Live.connect(world, { tenant: 'acme', token });
  assert.ok(live.acknowledged, JSON.stringify(live.closed));
  await until('the end', () => live.closed);
  assert.deepEqual(live.closed, { code: 4403, reason: 'auth.expired' });
  assert.equal(await refused(token), 'token.expired');
});

test('tokens that lie are refused, each with its reason', async () => {
  const good = await idp.token({ groups: ['acme'] });
  const [header, claims, signature] = good.split('.');
  const head = decode(good, 0);
  const body = decode(good, 1);
  const jwk = idp.keys[0];
  const publicJwk = { kty: jwk.kty, n: jwk.n, e: jwk.e };
  const sign = (h, c, key = jwk) => {
    const input = `${part(h)}.${part(c)}`;
    return `${input}.${crypto.sign('sha256', Buffer.from(input), crypto.createPrivateKey({ key, format: 'jwk' })).toString('base64url')}`;
  };
  await asked(sign(head, body));
  const hmac = (secret) => {
    const input = `${part({ ...head, alg: 'HS256' })}.${claims}`;
    return `${input}.${crypto.createHmac('sha256', secret).update(input).digest('base64url')}`;
  };
  const pem = crypto.createPublicKey({ key: publicJwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
  const now = Math.floor(Date.now() / 1000);
  const stranger = { ...newKey('rsa-1', 'RS256') };
  for (const [what, token, reason] of [
    ['alg none', `${part({ ...head, alg: 'none' })}.${claims}.`, 'token.algorithm'],
    ['HS256 with the public key', hmac(pem), 'token.algorithm'],
    ['another key', sign(head, body, stranger), 'token.signature'],
    ['its own key', sign({ ...head, jwk: publicJwk }, body), 'token.header'],
    ['a key elsewhere', sign({ ...head, jku: 'http://127.0.0.1:1/keys' }, body), 'token.header'],
    ['a critical extension', sign({ ...head, crit: ['exp'] }, body), 'token.header'],
    ['changed claims', `${header}.${part({ ...body, groups: ['globex'] })}.${signature}`, 'token.signature'],
    ['zeros', `${header}.${claims}.${Buffer.alloc(256).toString('base64url')}`, 'token.signature'],
    ['another issuer', sign(head, { ...body, iss: 'https://evil.example' }), 'token.issuer'],
    ['another audience', sign(head, { ...body, aud: 'other' }), 'token.audience'],
    ['from the future', sign(head, { ...body, nbf: now + 600 }), 'token.not_yet_valid'],
    ['of the past', sign(head, { ...body, exp: now - 1 }), 'token.expired'],
    ['a claim twice', sign(head, JSON.stringify(body).replace('{', '{"sub":"admin",')), 'token.malformed'],
    ['an unknown key', sign({ ...head, kid: 'nobody' }, body), 'token.unknown_key'],
    ['an ID token', sign({ ...head, typ: 'JWT' }, { ...body, nonce: 'n' }), 'token.type'],
    ['oversized', sign(head, { ...body, filling: 'x'.repeat(10_000) }), 'token.too_large'],
  ]) assert.equal(await refused(token), reason, what);
});

test('keys rotate, and a provider that is away is not missed', { timeout: patience }, async () => {
  const old = await idp.token({ groups: ['acme'] });
  await asked(old);
  await idp.stop();
  const before = world.events('oidc.fetch_failed').length;
  await until('the server to have asked for the keys in vain', async () => {
    await asked(old);  // must be answered all the while
    return world.events('oidc.fetch_failed').length > before;
  });
  idp.keys = [newKey('rsa-2', 'RS256')];
  await idp.start();
  const fresh = await idp.token({ groups: ['acme'] });
  await until('the new key', async () => (await asked(fresh)).me);
  await until('the old key to be forgotten', async () => {
    try { await asked(old); return false; } catch (error) { return error.reason === 'token.unknown_key'; }
  });
});

test('whoever asks too often is told when to come back, and nobody else is hindered', { timeout: patience }, async () => {
  const limited = await World.start({ settings: { 'rate-limits': 'on', 'rate-address-per-minute': 20, 'rate-user-per-hour': 50 } });
  try {
    const ask = (token) => limited.ask('{ health { status } }', {}, { token });
    const strangers = [];
    for (let i = 0; i < 60; ++i) strangers.push(await ask(null));
    assert.match(strangers[0].headers.get('ratelimit-policy'), /^"address";q=20;w=60$/);
    assert.match(strangers[0].headers.get('ratelimit'), /^"address";r=19;t=\d+$/);
    const turned = strangers.filter((answer) => answer.status === 429);
    assert.ok(turned.length > 0 && strangers.slice(0, 20).every((answer) => answer.status === 200), `${turned.length} of 60 refused`);
    assert.ok(Number(turned[0].headers.get('retry-after')) >= 1);
    assert.match(turned[0].text, /rate\.limited/);
    assert.equal((await ask(limited.token)).status, 200, 'a user is counted apart');
    assert.equal((await fetch(`${limited.url}/health`)).status, 200);
    let admitted = 1;
    while (admitted < 100 && (await ask(limited.token)).status === 200) ++admitted;
    assert.ok(admitted >= 50 && admitted <= 52, `${admitted} requests of a user`);
    assert.equal((await limited.ctl('tenant', 'list')).code, 0, 'the machine itself');
    const metrics = await (await fetch(`${limited.url}/metrics`)).text();
    assert.match(metrics, new RegExp(`^sankofa_api_rate_limited_total\\{kind="address"\\} ${turned.length}$`, 'm'));
  } finally {
    await limited.close();
  }
});

test('nothing of it is in the log', () => {
  const log = world.log();
  assert.ok(log.includes('"event":"http.request"'));
  assert.ok(!log.includes(kSecret), 'the client secret');
  for (const token of seen) {
    const [, claims, signature] = token.split('.');
    assert.ok(!log.includes(token));
    for (const piece of [claims, signature]) if (piece?.length > 20) assert.ok(!log.includes(piece.slice(0, 40)), 'a part of a token');
  }
});

test('hidden paths are no pages', async () => {
  for (const target of ['/.git/config', '/.env', '/%2egit/config', '/assets/.secret'])
    assert.equal((await fetch(world.url + target)).status, 404, target);
});
