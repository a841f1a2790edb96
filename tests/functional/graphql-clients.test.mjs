// Other people's programs against the real binary: the audit suite of graphql-http, and the clients graphql-ws,
// graphql-sse, Apollo Client, urql and graphql-codegen. What they rely on is what users get.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql as apolloGql } from '@apollo/client/core';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { getMainDefinition } from '@apollo/client/utilities';
import { Client as UrqlClient, cacheExchange, fetchExchange, gql as urqlGql, subscriptionExchange } from '@urql/core';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { buildClientSchema, buildSchema, getIntrospectionQuery, lexicographicSortSchema, printSchema } from 'graphql';
import { auditServer } from 'graphql-http';
import { createClient as createSseClient } from 'graphql-sse';
import { createClient as createWsClient } from 'graphql-ws';
import WebSocket from 'ws';
import { World, root, until } from './harness.mjs';

let world;
let tenant;

before(async () => {
  world = await World.start();
  tenant = (await world.createTenant('clients')).name;
});
after(() => world?.close());

const headers = () => ({ authorization: `Bearer ${world.token}`, 'x-phoenix-tenant': tenant });
const declare = (title) => world.graphql(
  'mutation($i: DeclareIncidentInput!) { declareIncident(input: $i) { incident { id } } }',
  { i: { title, severity: 'P3' } }, { tenant });

test('graphql-http: every audit of MUST and SHOULD passes', async () => {
  const results = await auditServer({
    url: `${world.url}/graphql`,
    fetchFn: (url, init = {}) => fetch(url, { ...init, headers: { ...init.headers, ...headers() } }),
  });
  assert.ok(results.length > 50, `${results.length} audits`);
  const failed = results.filter((result) => result.status !== 'ok');
  const details = failed.map((result) => `${result.status} ${result.id} ${result.name}: ${result.reason}`);
  assert.deepEqual(details.filter((line) => !line.startsWith('notice')), [], details.join('\n'));
});

const nextOf = async (iterator) => (await iterator.next()).value;

test('graphql-ws: query, mutation, changes and lists over one socket, and resumption', async () => {
  const closes = [];
  const client = createWsClient({
    url: `${world.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket,
    connectionParams: { tenant, token: world.token }, lazy: false, on: { closed: (event) => closes.push(event.code) },
  });
  const query = client.iterate({ query: 'query($n: Int) { incidents(first: $n) { totalCount } }', variables: { n: 1 } });
  assert.equal((await nextOf(query)).data.incidents.totalCount, 0);
  const list = client.iterate({ query: 'subscription { incidents(orderBy: NUMBER, direction: DESC) { totalCount nodes { title } } }' });
  assert.deepEqual((await nextOf(list)).data.incidents, { totalCount: 0, nodes: [] });
  const cursor = (await world.graphql('{ eventCursor }', {}, { tenant })).eventCursor;
  const changes = client.iterate({ query: 'subscription($a: String) { incidentChanged(after: $a) { kind cursor node { title } } }', variables: { a: cursor } });
  await declare('First');
  const first = (await nextOf(changes)).data.incidentChanged;
  assert.equal(first.kind, 'CREATED');
  assert.equal(first.node.title, 'First');
  assert.equal((await nextOf(list)).data.incidents.nodes[0].title, 'First');
  await list.return();
  await changes.return();
  const refused = client.iterate({ query: '{ nope }' });
  await assert.rejects(refused.next(), (errors) => errors[0].extensions.code === 'VALIDATION_ERROR');
  const again = client.iterate({ query: 'subscription($a: String) { incidentChanged(after: $a) { cursor } }', variables: { a: cursor } });
  assert.equal((await nextOf(again)).data.incidentChanged.cursor, first.cursor);
  await client.dispose();
  await until('the socket to close', () => closes.length > 0);
});

test('graphql-ws: a tenant that is not ours is closed with 4403', async () => {
  const closed = [];
  const client = createWsClient({
    url: `${world.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, retryAttempts: 0,
    connectionParams: { tenant: 'nobody', token: world.token }, on: { closed: (event) => closed.push(event.code) },
  });
  await assert.rejects(client.iterate({ query: '{ __typename }' }).next());
  assert.deepEqual(closed, [4403]);
});

test('graphql-sse: query, refusal, changes and lists in distinct streams', async () => {
  const client = createSseClient({ url: `${world.url}/graphql`, headers: headers(), retryAttempts: 0 });
  const query = client.iterate({ query: '{ __typename }' });
  assert.deepEqual(await nextOf(query), { data: { __typename: 'Query' } });
  assert.equal((await query.next()).done, true, 'complete follows');
  const refused = await nextOf(client.iterate({ query: '{ nope }' }));
  assert.equal(refused.errors[0].extensions.reason, 'graphql.validation');
  const list = client.iterate({ query: 'subscription { incidents { totalCount } }' });
  const before = (await nextOf(list)).data.incidents.totalCount;
  const changes = client.iterate({ query: 'subscription { incidentChanged { node { title } } }' });
  const change = nextOf(changes);
  // The stream of changes begins with its request; another answer on a later connection says that it has come.
  const title = 'Over SSE';
  await until('the change', async () => {
    await declare(title);
    return Promise.race([change.then(() => true), new Promise((resolve) => setTimeout(resolve, 500))]);
  });
  assert.equal((await change).data.incidentChanged.node.title, title);
  assert.ok((await nextOf(list)).data.incidents.totalCount > before);
  client.dispose();
});

/// Reads an event stream until `enough` events have come.
async function readEvents(response, enough) {
  const events = [];
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const event = Object.fromEntries(text.slice(0, end).split('\n').filter((line) => !line.startsWith(':'))
        .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]));
      if (event.event) events.push(event);
    }
    if (events.length >= enough) break;
  }
  return events;
}

test('an event stream by GET resumes at Last-Event-ID, which wins over the argument', async () => {
  const cursor = (await world.graphql('{ eventCursor }', {}, { tenant })).eventCursor;
  for (const title of ['One', 'Two', 'Three']) await declare(title);
  const query = `subscription { incidentChanged(after: "${cursor}") { kind node { title } } }`;
  const open = (more = {}) => fetch(`${world.url}/graphql?tenant=${tenant}&query=${encodeURIComponent(query)}`, {
    headers: { authorization: `Bearer ${world.token}`, accept: 'text/event-stream', ...more }, signal: AbortSignal.timeout(30_000) });
  const stream = await open();
  assert.equal(stream.status, 200);
  assert.match(stream.headers.get('content-type'), /^text\/event-stream/);
  const events = await readEvents(stream, 3);
  const titles = (of) => of.map((event) => JSON.parse(event.data).data.incidentChanged.node.title);
  assert.deepEqual(titles(events), ['One', 'Two', 'Three']);
  assert.deepEqual(titles(await readEvents(await open({ 'last-event-id': events[1].id }), 1)), ['Three']);
  const wrong = await readEvents(await open({ 'last-event-id': 'nonsense' }), 2);
  assert.deepEqual(wrong.map((event) => event.event), ['next', 'complete']);
  assert.equal(JSON.parse(wrong[0].data).errors[0].extensions.reason, 'event.cursor_malformed');
  const mutation = await fetch(`${world.url}/graphql?query=${encodeURIComponent('mutation { declareIncident(input: {title: "x", severity: P3}) { incident { id } } }')}`,
                               { headers: { ...headers(), accept: 'text/event-stream' } });
  assert.equal(JSON.parse((await readEvents(mutation, 2))[0].data).errors[0].extensions.reason, 'graphql.get');
});

test('a right that ends ends the stream, and says why', async () => {
  const answer = await world.ctl('token', '--tenant', tenant, '--ttl', '4');
  const stream = await fetch(`${world.url}/graphql`, {
    method: 'POST', signal: AbortSignal.timeout(60_000), body: JSON.stringify({ query: 'subscription { incidentChanged { id } }' }),
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization: `Bearer ${answer.stdout.trim()}` },
  });
  const events = await readEvents(stream, 2);
  assert.deepEqual(events.map((event) => event.event), ['next', 'complete']);
  assert.equal(JSON.parse(events[0].data).errors[0].extensions.code, 'FORBIDDEN');
});

test('Apollo Client: queries, persisted queries by GET, mutations, errors and subscriptions', async () => {
  const sent = [];
  const http = new HttpLink({
    uri: `${world.url}/graphql`, headers: headers(),
    fetch: (url, init) => { sent.push(`${init.method} ${url} ${init.body ?? ''}`); return fetch(url, init); },
  });
  const persisted = new PersistedQueryLink({
    sha256: (text) => createHash('sha256').update(text).digest('hex'), useGETForHashedQueries: true,
  });
  const ws = createWsClient({
    url: `${world.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { tenant, token: world.token } });
  const isSubscription = ({ query }) => getMainDefinition(query).operation === 'subscription';
  const client = new ApolloClient({
    cache: new InMemoryCache(), link: ApolloLink.split(isSubscription, new GraphQLWsLink(ws), ApolloLink.from([persisted, http])),
  });
  const query = apolloGql`query Titles($first: Int) { incidents(first: $first) { nodes { id title } } }`;
  const first = await client.query({ query, variables: { first: 2 } });
  assert.equal(first.data.incidents.nodes.length, 2);
  await client.query({ query, variables: { first: 1 }, fetchPolicy: 'network-only' });
  assert.match(sent[0], /^GET .*extensions=/, 'the hash alone first');
  assert.match(sent[1], /^(GET|POST) .*query/, 'then with its text');
  assert.match(sent[2], /^GET (?!.*[?&]query=)/, 'then the hash is known');
  await assert.rejects(client.query({ query: apolloGql`query Nope { nope }` }), (error) => error.errors?.[0]?.extensions?.code === 'VALIDATION_ERROR');
  const seen = [];
  const watching = client.subscribe({ query: apolloGql`subscription Live { incidents(first: 1, orderBy: NUMBER, direction: DESC) { nodes { id title } } }` })
    .subscribe((result) => seen.push(result.data.incidents.nodes[0].title));
  await until('the first page', () => seen.length === 1);
  const mutation = apolloGql`mutation Declare($i: DeclareIncidentInput!) { declareIncident(input: $i) { incident { id title } } }`;
  const made = await client.mutate({ mutation, variables: { i: { title: 'From Apollo', severity: 'P3' } } });
  assert.equal(made.data.declareIncident.incident.title, 'From Apollo');
  await until('the new page', () => seen.at(-1) === 'From Apollo');
  watching.unsubscribe();
  await ws.dispose();
  client.stop();
});

test('urql: queries, mutations, errors, and subscriptions over its own event stream and over graphql-ws', async () => {
  const ws = createWsClient({
    url: `${world.url.replace('http', 'ws')}/graphql`, webSocketImpl: WebSocket, connectionParams: { tenant, token: world.token } });
  const overWs = subscriptionExchange({
    forwardSubscription: (request) => ({ subscribe: (sink) => ({ unsubscribe: ws.subscribe(request, sink) }) }) });
  const common = { url: `${world.url}/graphql`, preferGetMethod: false, fetchOptions: { headers: headers() } };
  const plain = new UrqlClient({ ...common, exchanges: [cacheExchange, fetchExchange], fetchSubscriptions: true });
  const sockets = new UrqlClient({ ...common, exchanges: [cacheExchange, fetchExchange, overWs] });
  const answer = await plain.query(urqlGql`query { incidents(first: 1) { totalCount } }`, {}).toPromise();
  assert.ifError(answer.error);
  assert.ok(answer.data.incidents.totalCount > 0);
  const refused = await plain.query(urqlGql`query { nope }`, {}).toPromise();
  assert.equal(refused.error.graphQLErrors[0].extensions.code, 'VALIDATION_ERROR');
  for (const client of [plain, sockets]) {
    const seen = [];
    const { unsubscribe } = client.subscription(urqlGql`subscription { incidents(first: 1, orderBy: NUMBER, direction: DESC) { nodes { title } } }`, {})
      .subscribe((result) => { assert.ifError(result.error); seen.push(result.data.incidents.nodes[0].title); });
    await until('the first page', () => seen.length === 1);
    const title = `From urql ${client === plain ? 'by SSE' : 'by WebSocket'}`;
    const made = await client.mutation(urqlGql`mutation($i: DeclareIncidentInput!) { declareIncident(input: $i) { incident { id } } }`,
                                       { i: { title, severity: 'P3' } }).toPromise();
    assert.ifError(made.error);
    await until('the new page', () => seen.at(-1) === title);
    unsubscribe();
  }
  await ws.dispose();
});

test('introspection and /graphql/schema tell the same schema, which graphql-js accepts', async () => {
  const printed = await fetch(`${world.url}/graphql/schema`, { headers: headers() });
  assert.equal(printed.status, 200);
  const sdl = await printed.text();
  assert.equal((await fetch(`${world.url}/graphql/schema`)).status, 401, 'for who signed in');
  const introspected = buildClientSchema(await world.graphql(
    getIntrospectionQuery({ specifiedByUrl: true, directiveIsRepeatable: true, schemaDescription: true, inputValueDeprecation: true, oneOf: true })));
  const same = (schema) => printSchema(lexicographicSortSchema(schema));
  assert.equal(same(introspected), same(buildSchema(sdl)));
  // Neither shows the directives by which our SDL says where fields come from; a use of one would not build above.
  for (const schema of [introspected, buildSchema(sdl)])
    assert.deepEqual(schema.getDirectives().map(({ name }) => name).sort(), ['deprecated', 'include', 'oneOf', 'skip', 'specifiedBy']);
});

test('graphql-codegen types the portal against the live schema', async () => {
  const out = path.join(world.base, 'codegen');
  fs.mkdirSync(out);
  const config = path.join(out, 'codegen.json');
  fs.writeFileSync(config, JSON.stringify({
    schema: [{ [`${world.url}/graphql`]: { headers: headers() } }],
    documents: [path.join(root, 'portal/src/graphql/*.graphql')],
    generates: { [path.join(out, 'gql/')]: { preset: 'client' } },
  }));
  const portal = path.join(root, 'portal');
  assert.ok(createRequire(path.join(portal, 'package.json')).resolve('@graphql-codegen/cli'));
  const made = spawnSync(process.execPath, [path.join(portal, 'node_modules/@graphql-codegen/cli/cjs/bin.js'), '--config', config],
                         { cwd: portal, encoding: 'utf8', timeout: 120_000 });
  assert.equal(made.status, 0, made.stdout + made.stderr);
  assert.match(fs.readFileSync(path.join(out, 'gql/graphql.ts'), 'utf8'), /VirtualMachine/);
});
