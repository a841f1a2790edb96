// Prometheus and Alertmanager as people run them, with phoenix as scrape target and as receiver of alerts.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { World, freePort, patience, until } from '../functional/harness.mjs';

let world;
let folder;
const programs = [];
const ports = {};

const file = (name, text) => { const at = path.join(folder, name); fs.writeFileSync(at, text); return at; };

function start(program, ...words) {
  const out = fs.openSync(path.join(folder, `${program}.log`), 'a');
  const child = spawn(program, words, { cwd: folder, stdio: ['ignore', out, out] });
  fs.closeSync(out);
  programs.push(child);
}

const answers = (url) => until(url, async () => (await fetch(url)).ok);
const promql = async (query) => (await (await fetch(`http://127.0.0.1:${ports.prometheus}/api/v1/query?query=${encodeURIComponent(query)}`)).json()).data.result;
const alerts = async () => (await world.graphql(
  '{ alerts { nodes { fingerprint name status source startsAt endsAt labels annotations deliveries incident { reference severity } } } }', {}, { tenant: 'acme' })).alerts.nodes;
const alertNamed = async (name) => (await alerts()).find((alert) => alert.name === name);

before(async () => {
  world = await World.start();
  await world.createTenant('acme');
  folder = path.join(world.base, 'interop');
  fs.mkdirSync(folder);
  for (const name of ['prometheus', 'alertmanager', 'bystander']) ports[name] = await freePort();

  const token = await world.ctl('token', '--tenant', 'acme');
  assert.equal(token.code, 0, token.stderr);
  const credentials = file('token', token.stdout.trim());
  const receiver = file('alertmanager.yml', `
route: { receiver: phoenix, group_by: [alertname], group_wait: 1s, group_interval: 1s, repeat_interval: 1h }
receivers:
  - name: phoenix
    webhook_configs:
      - url: ${world.url}/webhooks/alertmanager
        send_resolved: true
        http_config: { authorization: { type: Bearer, credentials_file: ${credentials} } }
`);
  const rules = file('rules.yml', `
groups:
  - name: interop
    rules:
      - alert: BystanderDown
        expr: up{job="bystander"} == 0
        labels: { severity: critical }
        annotations: { summary: "{{ $labels.instance }} does not answer" }
`);
  const config = file('prometheus.yml', `
global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [${rules}]
alerting: { alertmanagers: [{ static_configs: [{ targets: ["127.0.0.1:${ports.alertmanager}"] }] }] }
scrape_configs:
  - { job_name: phoenix, static_configs: [{ targets: ["127.0.0.1:${world.port}"] }] }
  - { job_name: bystander, static_configs: [{ targets: ["127.0.0.1:${ports.bystander}"] }] }
`);
  for (const [program, ...words] of [['promtool', 'check', 'config', config], ['amtool', 'check-config', receiver]]) {
    const checked = spawnSync(program, words, { encoding: 'utf8' });
    assert.equal(checked.status, 0, checked.stdout + checked.stderr);
  }
  start('prometheus-alertmanager', `--config.file=${receiver}`, `--storage.path=${folder}/alertmanager`,
        `--web.listen-address=127.0.0.1:${ports.alertmanager}`, '--cluster.listen-address=');
  start('prometheus', `--config.file=${config}`, `--storage.tsdb.path=${folder}/prometheus`,
        `--web.listen-address=127.0.0.1:${ports.prometheus}`);
  await answers(`http://127.0.0.1:${ports.alertmanager}/-/ready`);
  await answers(`http://127.0.0.1:${ports.prometheus}/-/ready`);
}, { timeout: patience });

after(async () => {
  await Promise.all(programs.map((child) => new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.on('exit', resolve);
    child.kill('SIGTERM');
  })));
  await world?.close();
}, { timeout: patience });

test('/metrics is what Prometheus calls well-formed, and it scrapes it', { timeout: patience }, async () => {
  const text = await (await fetch(`${world.url}/metrics`)).text();
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  assert.equal(checked.status, 0, checked.stdout + checked.stderr);
  await until('a scrape of phoenix', async () => (await promql('up{job="phoenix"} == 1')).length === 1);
  assert.ok((await promql('count({job="phoenix", __name__=~"sankofa_.+"})')).length === 1, 'no metric of ours arrived');
});

test('a firing rule becomes an alert and an incident of the tenant', { timeout: patience }, async () => {
  const alert = await until('the alert', () => alertNamed('BystanderDown'));
  assert.equal(alert.status, 'FIRING');
  assert.equal(alert.source, 'alertmanager');
  assert.equal(alert.labels.severity, 'critical');
  assert.equal(alert.annotations.summary, `127.0.0.1:${ports.bystander} does not answer`);
  assert.ok(alert.incident, 'no incident was opened');
  // Its identity is the sender's own.
  const theirs = await (await fetch(`http://127.0.0.1:${ports.alertmanager}/api/v2/alerts`)).json();
  assert.deepEqual(theirs.map(({ fingerprint }) => fingerprint), [alert.fingerprint]);
});

test('an alert by amtool arrives beside it', { timeout: patience }, async () => {
  const added = spawnSync('amtool', ['alert', 'add', `--alertmanager.url=http://127.0.0.1:${ports.alertmanager}`, 'alertname=DiskFull',
                                     'severity=warning', String.raw`host="db \"1\" \\ ä"`, '--annotation=summary=the disk is full'], { encoding: 'utf8' });
  assert.equal(added.status, 0, added.stdout + added.stderr);
  const alert = await until('the alert', () => alertNamed('DiskFull'));
  assert.equal(alert.labels.host, String.raw`db "1" \ ä`);
  assert.equal((await alertNamed('BystanderDown')).status, 'FIRING');
});

test('when the rule no longer holds, the alert is resolved', { timeout: patience }, async () => {
  const bystander = http.createServer((request, response) => response.end('up_and_well 1\n')).listen(ports.bystander, '127.0.0.1');
  try {
    const alert = await until('the end of the alert', async () => { const now = await alertNamed('BystanderDown'); return now.status === 'RESOLVED' && now; });
    assert.ok(Date.parse(alert.endsAt) > Date.parse(alert.startsAt));
    assert.equal((await alertNamed('DiskFull')).status, 'FIRING', 'the absence of an alert is not its end');
  } finally {
    bystander.close();
    bystander.closeAllConnections();
  }
});
