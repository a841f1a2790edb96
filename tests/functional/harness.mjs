// A private world for one test file: the real binary on a data folder of its own, with its own PostgreSQL and guests.
// World.start() gives a server that is ready; world.close() takes everything down, proves that no process of the folder
// is left, and removes it. A test that dies on the way still leaves nothing behind: see sweep().
//
// PHX_BINARY, PHX_IMAGE and PHX_PORTAL name other builds than build/phoenix, build/image/micro and portal/dist.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const require = createRequire(path.join(root, 'portal/package.json'));
const WebSocket = require('ws');

export const binary = path.resolve(root, process.env.PHX_BINARY ?? 'build/phoenix');
export const image = path.resolve(root, process.env.PHX_IMAGE ?? 'build/image/micro');
export const portal = path.resolve(root, process.env.PHX_PORTAL ?? 'portal/dist');
export { root };

/// Long enough for a loaded machine: tests judge by what happens, never by how fast.
export const patience = 120_000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/// Polls until `probe` gives something truthy, and returns it. The last refusal is part of the failure's message.
export async function until(what, probe, limit = patience / 2) {
  const end = Date.now() + limit;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) assert.fail(`waited ${limit / 1000} s in vain for ${what}${last ? `: ${last.message}` : ''}`);
    await sleep(50);
  }
}

export function run(args, { env = {}, input, cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, { env: { ...cleanEnvironment(), ...env }, cwd });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    child.stdin.on('error', () => {});  // it may end before it has read everything
    child.stdin.end(input ?? '');
  });
}

/// The caller's own settings must not leak into a test.
function cleanEnvironment() {
  const out = { ...process.env };
  for (const name of Object.keys(out)) if (/^(PHOENIX_|DATABASE_)/.test(name)) delete out[name];
  return out;
}

// --- what runs on a data folder -----------------------------------------------------------------------------------

const readLink = (file) => { try { return fs.readlinkSync(file); } catch { return ''; } };
const readText = (file) => { try { return fs.readFileSync(file, 'utf8'); } catch { return ''; } };

/// Every process that names the folder in its command line or works inside of it, except this one.
export function processesOf(folder) {
  const out = [];
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const words = readText(`/proc/${name}/cmdline`).split('\0');
    const cwd = readLink(`/proc/${name}/cwd`);
    if (words.some((word) => word.includes(`${folder}/`)) || cwd === folder || cwd.startsWith(`${folder}/`))
      out.push({ pid: Number(name), cwd, command: words.filter(Boolean).join(' ') });
  }
  return out;
}

export const alive = (pid) => fs.existsSync(`/proc/${pid}/cmdline`) && readText(`/proc/${pid}/cmdline`) !== '';

const worlds = new Set();

/// The last resort when a test file ends without close(): down, then the plug, then the folder.
function sweep() {
  for (const world of worlds) {
    spawnSync(binary, ['down', '--data', world.data], { timeout: 90_000, env: cleanEnvironment() });
    for (const { pid } of processesOf(world.base)) try { process.kill(pid, 'SIGKILL'); } catch { /* it ended meanwhile */ }
    if (process.env.PHX_KEEP) continue;
    try {
      fs.rmSync(world.base, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    } catch (error) {
      console.error(`${world.base} is left: ${error.message}`);
    }
  }
  worlds.clear();
}
process.on('exit', sweep);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

// --- answers ------------------------------------------------------------------------------------------------------

/// What a GraphQL call was refused with.
export class Refused extends Error {
  constructor(answer) {
    const first = answer.errors?.[0] ?? { message: JSON.stringify(answer.body) };
    super(`${first.extensions?.code ?? answer.status} ${first.extensions?.reason ?? ''}: ${first.message}`);
    this.status = answer.status;
    this.errors = answer.errors;
    this.code = first.extensions?.code;
    this.reason = first.extensions?.reason;
    this.field = first.extensions?.field;
    this.extensions = first.extensions ?? {};
    this.text = JSON.stringify(answer.body);
  }
}

/// The refusal of a promise that must be refused.
export async function refusal(promise) {
  try {
    const value = await promise;
    return assert.fail(`this should have been refused, and was answered: ${JSON.stringify(value)}`);
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
}

export class World {
  static async start(options = {}) {
    const base = fs.mkdtempSync(path.join(os.tmpdir(), 'phx-ft-'));
    fs.chmodSync(base, 0o711);  // PostgreSQL and guests run as other users
    const world = new World(base, options);
    worlds.add(world);
    if (options.serve !== false) await world.serve();
    return world;
  }

  constructor(base, options) {
    this.base = base;
    this.data = path.join(base, 'data');
    this.settings = {
      'incident-watch-seconds': 3, 'probe-every-ms': 500, 'stop-grace-seconds': 5, image: `micro=${image}`,
      ...(fs.existsSync(path.join(portal, 'index.html')) ? { portal } : {}), ...options.settings,
    };
    this.starts = 0;
    this.serving = null;
    this.token = null;
  }

  // --- the server

  /// Starts a server and waits until it is ready. `ready: false` returns with the process alone.
  async serve({ env = {}, settings = {}, ready = true } = {}) {
    const log = path.join(this.base, `server-${++this.starts}.log`);
    const out = fs.openSync(log, 'a');
    const words = Object.entries({ listen: '127.0.0.1:0', ...this.settings, ...settings }).flatMap(([k, v]) => [`--${k}`, String(v)]);
    // A session of its own: its whole process group can be killed without us.
    const child = spawn(binary, ['serve', '--data', this.data, ...words],
                        { detached: true, stdio: ['ignore', out, out], env: { ...cleanEnvironment(), ...env } });
    fs.closeSync(out);
    const serving = { pid: child.pid, log, exited: null };
    serving.done = new Promise((resolve) => child.on('exit', (code, signal) => resolve((serving.exited = { code, signal }))));
    this.serving = serving;
    if (ready) await this.ready();
    return serving;
  }

  log() { return this.serving ? readText(this.serving.log) : ''; }

  /// The events of the log, parsed; of this start only.
  events(name) {
    return this.log().split('\n').filter((line) => line.startsWith('{')).map((line) => { try { return JSON.parse(line); } catch { return {}; } })
      .filter((event) => !name || event.event === name);
  }

  async ready() {
    const serving = this.serving;
    await until('the server to be ready', async () => {
      if (serving.exited) return true;
      const listening = this.events('server.listening')[0];
      if (!listening) return false;
      this.port = listening.port;
      this.url = `http://127.0.0.1:${this.port}`;
      return (await fetch(`${this.url}/ready`)).ok;
    });
    if (serving.exited) assert.fail(`the server ended (${JSON.stringify(serving.exited)}):\n${this.log().slice(-3000)}`);
    if (!this.token) await this.signIn();
  }

  async signIn() {
    const answer = await this.ctl('token', '--ttl', '36000');
    assert.equal(answer.code, 0, answer.stderr);
    this.token = answer.stdout.trim();
  }

  /// Signals the server (or its whole process group) and waits for its end.
  async stop(signal = 'SIGTERM', { group = false } = {}) {
    const serving = this.serving;
    if (!serving.exited) process.kill(group ? -serving.pid : serving.pid, signal);
    return serving.done;
  }

  async close({ fsck = true } = {}) {
    try {
      if (fsck && this.serving && !this.serving.exited) {
        const checked = await run(['fsck', '--data', this.data]);
        assert.equal(checked.code, 0, `fsck: ${checked.stdout}${checked.stderr}`);
      }
      const down = await run(['down', '--data', this.data]);
      assert.equal(down.code, 0, `down: ${down.stdout}${down.stderr}`);
      assert.deepEqual(processesOf(this.base), [], 'processes of the data folder are left');
      if (process.env.PHX_KEEP) return;
      fs.rmSync(this.base, { recursive: true, maxRetries: 20, retryDelay: 100 });
      worlds.delete(this);
    } catch (error) {
      console.error(`--- the end of ${this.serving?.log}:\n${this.log().split('\n').slice(-40).join('\n')}`);
      throw error;
    }
  }

  // --- its processes

  processes() { return processesOf(this.base); }

  /// Guests that run: their machine's id and pid.
  guests() {
    const folder = path.join(this.data, 'guests');
    return this.processes().flatMap(({ pid, cwd, command }) =>
      command.includes('qemu-system') && cwd.startsWith(`${folder}/`) ? [{ pid, id: cwd.slice(folder.length + 1).split('/')[0] }] : []);
  }

  guest(id) {
    const mine = this.guests().filter((guest) => guest.id === id);
    assert.ok(mine.length < 2, `two processes for one machine: ${JSON.stringify(mine)}`);
    return mine[0];
  }

  /// Folders of machines on the host.
  guestFolders() {
    const folder = path.join(this.data, 'guests');
    return fs.readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  }

  postgres() {
    const pid = Number(readText(path.join(this.data, 'postgres/data/postmaster.pid')).split('\n')[0]);
    return pid && readText(`/proc/${pid}/cmdline`).includes(this.data) ? pid : undefined;
  }

  /// What psql answers to a statement, as the owner of the database.
  sql(text) {
    const psql = ['/usr/lib/postgresql/15/bin/psql', '/usr/bin/psql'].find((one) => fs.existsSync(one));
    const connection = ['-XAtq', '-h', path.join(this.data, 'postgres/socket'), '-U', 'phoenix_owner', '-d', 'phoenix'];
    return execFileSync(psql, [...connection, '-c', text], { encoding: 'utf8' }).trim();
  }

  // --- the command line

  /// `phoenix ctl …` with this data folder.
  ctl(...args) { return run(['ctl', '--data', this.data, ...args]); }

  /// The same, which must succeed; its JSON.
  async ctlJson(...args) {
    const answer = await this.ctl('--output', 'json', ...args);
    assert.equal(answer.code, 0, `phoenix ctl ${args.join(' ')}: ${answer.stderr}${answer.stdout}`);
    return JSON.parse(answer.stdout);
  }

  async ctlFails(...args) {
    const answer = await this.ctl('--output', 'json', ...args);
    assert.notEqual(answer.code, 0, `this should have failed: phoenix ctl ${args.join(' ')}\n${answer.stdout}`);
    return JSON.parse(answer.stderr).error;
  }

  phoenix(...args) { return run([...args, '--data', this.data]); }

  // --- the API

  headers({ tenant, token = this.token, cookie, key, headers = {} } = {}) {
    return {
      'content-type': 'application/json',
      ...(cookie ? { cookie, 'x-phoenix-csrf': '1' } : token ? { authorization: `Bearer ${token}` } : {}),
      ...(tenant ? { 'x-phoenix-tenant': tenant } : {}), ...(key ? { 'idempotency-key': key } : {}), ...headers,
    };
  }

  /// The whole answer of a GraphQL call, refused or not.
  async ask(query, variables = {}, options = {}) {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST', headers: this.headers(options), body: JSON.stringify({ query, variables }), signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    let body;
    try { body = JSON.parse(text); } catch { body = text; }
    return { status: response.status, headers: response.headers, body, data: body.data, errors: body.errors, text };
  }

  /// The data of a GraphQL call; throws Refused when there is any error.
  async graphql(query, variables, options) {
    const answer = await this.ask(query, variables, options);
    if (answer.errors || !answer.data) throw new Refused(answer);
    return answer.data;
  }

  // --- what most tests do

  async createTenant(name) {
    return (await this.graphql('mutation($input: CreateTenantInput!) { createTenant(input: $input) { tenant { id name } } }',
                               { input: { name } })).createTenant.tenant;
  }

  setQuotas(tenantId, maximum) {
    return Promise.all(Object.entries(maximum).map(([dimension, value]) =>
      this.graphql('mutation($t: ID!, $d: String!, $m: Int!) { setQuota(tenantId: $t, dimension: $d, maximum: $m) { tenant { id } } }',
                   { t: tenantId, d: dimension, m: value })));
  }

  async createMachine(tenant, name, { key, input = {}, ...options } = {}) {
    const data = await this.graphql(
      'mutation($input: CreateVirtualMachineInput!) { createVirtualMachine(input: $input) { virtualMachine { id } operation { id } } }',
      { input: { name, image: 'micro', memoryMib: 96, ...input } }, { tenant, key, ...options });
    return { id: data.createVirtualMachine.virtualMachine.id, operation: data.createVirtualMachine.operation.id };
  }

  async machine(tenant, id, fields = 'id name state desiredState stateReason nextAction bootedAt version') {
    return (await this.graphql(`query($id: ID!) { virtualMachine(id: $id) { ${fields} } }`, { id }, { tenant })).virtualMachine;
  }

  machineIn(tenant, id, state) {
    let last;
    return until(`machine ${id} to be ${state}`, async () => {
      const machine = await this.machine(tenant, id);
      last = machine?.state;
      return last === state && machine;
    }).catch((error) => { error.message += ` (it is ${last})`; throw error; });
  }

  async quotas(tenant) {
    const data = await this.graphql('query($n: String!) { tenants(filter: { name: { eq: $n } }) { nodes { quotas { nodes { dimension used maximum } } } } }', { n: tenant });
    return Object.fromEntries(data.tenants.nodes[0].quotas.nodes.map(({ dimension, used, maximum }) => [dimension, { used, maximum }]));
  }

  // --- WebSockets

  /// A connected graphql-transport-ws socket.
  subscribeTo(options = {}) { return Live.connect(this, options); }
}

/// One graphql-transport-ws connection.
export class Live {
  static async connect(world, { tenant, token = world.token, headers = {}, localAddress } = {}) {
    const socket = new WebSocket(`${world.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers, localAddress });
    const live = new Live(socket);
    await live.opened;
    socket.send(JSON.stringify({ type: 'connection_init', payload: { ...(tenant ? { tenant } : {}), ...(token ? { token } : {}) } }));
    await until('the acknowledgement', () => live.acknowledged || live.closed);
    return live;
  }

  constructor(socket) {
    this.socket = socket;
    this.next = 1;
    this.streams = new Map();
    this.closed = null;
    this.opened = new Promise((resolve, reject) => {
      socket.on('open', resolve);
      socket.on('error', (error) => { this.closed ??= { code: 0, reason: error.message }; reject(error); });
    });
    socket.on('close', (code, reason) => (this.closed = { code, reason: String(reason) }));
    socket.on('message', (text) => {
      const message = JSON.parse(text);
      if (message.type === 'connection_ack') this.acknowledged = true;
      const stream = this.streams.get(message.id);
      if (!stream) return;
      if (message.type === 'next') {
        if (message.payload.errors) stream.errors.push(...message.payload.errors);
        if (message.payload.data) stream.items.push(Object.values(message.payload.data)[0]);
      }
      if (message.type === 'error') stream.errors.push(...message.payload);
      if (message.type === 'complete' || message.type === 'error') stream.ended = true;
    });
  }

  /// { items, errors, ended }: grows while events come.
  subscribe(query, variables = {}) {
    const id = String(this.next++);
    const stream = { id, items: [], errors: [], ended: false };
    this.streams.set(id, stream);
    this.socket.send(JSON.stringify({ id, type: 'subscribe', payload: { query, variables } }));
    return stream;
  }

  complete(stream) { this.socket.send(JSON.stringify({ id: stream.id, type: 'complete' })); }
  close() { this.socket.close(1000); }
  /// As a broken network would end it.
  drop() { this.socket.terminate(); }
}

/// The HTTP status with which a WebSocket is refused, or 101 when it is not.
export function upgradeStatus(url, protocol, headers = {}) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url.replace('http', 'ws'), protocol, { headers });
    socket.on('open', () => { resolve(101); socket.terminate(); });
    socket.on('unexpected-response', (request, response) => { resolve(response.statusCode); request.destroy(); });
    socket.on('error', () => {});
  });
}

/// A console: what it said so far, and a way to type.
export async function openConsole(world, tenant, id, token = world.token, headers = { authorization: `Bearer ${token}` }) {
  const socket = new WebSocket(`${world.url.replace('http', 'ws')}/console/${id}?tenant=${tenant}`, 'phoenix-console',
                               { headers });
  const view = { text: '', control: [], closed: null };
  socket.on('message', (data, isBinary) => { if (isBinary) view.text += data; else view.control.push(JSON.parse(data)); });
  socket.on('close', (code, reason) => (view.closed = { code, reason: String(reason) }));
  await new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject); });
  view.type = (text) => socket.send(Buffer.from(text));
  view.close = () => socket.close(1000);
  view.reads = (what) => until(`the console to say ${what}`, () => (what instanceof RegExp ? what.test(view.text) : view.text.includes(what)))
    .catch((error) => { error.message += `; it said: ${view.text.slice(-500)}`; throw error; });
  return view;
}

/// One connection that requests are written to by hand, one after the other: what a keep-alive client or proxy does.
export class RawConnection {
  static async open(world) {
    const connection = new RawConnection(net.connect(world.port, '127.0.0.1'));
    await new Promise((resolve, reject) => { connection.socket.on('connect', resolve); connection.socket.on('error', reject); });
    return connection;
  }
  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    socket.on('data', (data) => (this.buffer = Buffer.concat([this.buffer, data])));
    socket.on('close', () => (this.ended = true));
    socket.on('error', () => (this.ended = true));
  }
  /// Sends one request and reads its answer, which must have a Content-Length.
  async request(method, target, headers = {}, body = '') {
    const lines = [`${method} ${target} HTTP/1.1`, 'Host: 127.0.0.1', `Content-Length: ${Buffer.byteLength(body)}`,
                   ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), '', body];
    this.socket.write(lines.join('\r\n'));
    return until(`an answer to ${method} ${target}`, () => {
      const end = this.buffer.indexOf('\r\n\r\n');
      if (end < 0) return undefined;
      const head = this.buffer.subarray(0, end).toString();
      const length = method === 'HEAD' ? 0 : Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (this.buffer.length < end + 4 + length) return undefined;
      const text = this.buffer.subarray(end + 4, end + 4 + length).toString();
      this.buffer = this.buffer.subarray(end + 4 + length);
      return { status: Number(head.split(' ')[1]), head, text, json: () => JSON.parse(text) };
    });
  }
  close() { this.socket.destroy(); }
}

/// For a server whose address has to be known before it starts.
export async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.on('listening', resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
