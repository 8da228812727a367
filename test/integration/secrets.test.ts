// Secrets are planted everywhere where a gateway takes one, and everything that it lets out is searched for them: what it prints, its
// access log, metrics, every page of the admin port, refusals, what subcommands print, traces, its data folder and Redis.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import t from 'tap';
import { testConfig } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { redisBinary, startOwnServer } from '../support/redis-server.ts';
import { echo, startUpstream } from '../support/upstream.ts';
import { tokenOf } from './admin-rig.ts';
import { sendRequest } from './fixture.ts';

t.setTimeout(90_000);

// Each is found again whatever stands around it.
const planted = {
  fileKey: 'planted-file-key-QdT71k',
  fileHmac: 'planted-file-hmac-Zk09sW',
  apiHmac: 'planted-api-hmac-Lw55xx',
  apiKey: 'planted-api-key-Pq81rr',
  wrongKey: 'planted-wrong-key-Uu20ee',
  encryptionKey: 'planted-encryption-key-0123456789-Bn73vv',
  oldEncryptionKey: 'planted-encryption-key-9876543210-Old1cc',
  jwt: 'planted-jwt-secret-0123456789-abcdefghij-Rr44dd',
  redis: 'planted-redis-password-Kk12oo',
  webhook: 'planted-webhook-secret-Mm66ff',
  explain: 'planted-explain-secret-Gg31aa',
  tracing: 'planted-tracing-token-Ss90bb',
};
const env: Record<string, string> = Object.fromEntries(
  Object.entries(planted).map(([name, secret]) => [`PLANTED_${name.toUpperCase()}`, secret]),
);
const $ = (name: keyof typeof planted): string => `"\${PLANTED_${name.toUpperCase()}}"`;

const cli = fileURLToPath(new URL('../../src/cli/sluice.js', import.meta.url));
const data = mkdtempSync(join(tmpdir(), 'sluice-secrets-'));
const redis = await startOwnServer(redisBinary(), ['--requirepass', planted.redis]);
env['PLANTED_URL'] = redis.url.replace('redis://', `redis://:${planted.redis}@`);
const upstream = await startUpstream(echo);
const exported: Buffer[] = [];
const collector = createServer((req, res) => {
  req.on('data', (chunk: Buffer) => exported.push(chunk));
  req.on('end', () => res.end());
});
await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
const collectorUrl = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
const logFile = join(data, 'access.log');

const yaml = (store: string): string =>
  testConfig({
    upstream: upstream.url,
    workers: 1,
    gateway: `${store}
  encryptionKey: [${$('encryptionKey')}, ${$('oldEncryptionKey')}]
  accessLog: { file: "${logFile}" }
  explain: { from: ["127.0.0.1"], secret: ${$('explain')} }
  alerts: { webhook: "${collectorUrl}/hook", secret: ${$('webhook')} }
  usage: {}
  tracing: { otlp: "${collectorUrl}/v1/traces", sample: 100%, headers: { authorization: ${$('tracing')} } }`,
    routes: `      keyed: { match: "GET /keyed", policies: [{ auth: { any: [api-key, { jwt: { issuer: "https://id.test", audience: shop, secret: ${$('jwt')} } }] } }] }
      inquery: { match: "GET /inquery", policies: [{ auth: { any: [{ api-key: { query: key } }] } }] }
      incookie: { match: "GET /incookie", policies: [{ auth: { any: [{ api-key: { cookie: key } }] } }] }`,
    more: `plans: { tiny: { quota: 3/day } }
consumers:
  alice: { plan: tiny, keys: [{ id: alice-1, secret: ${$('fileKey')} }, { id: alice-2, use: [hmac], secret: ${$('fileHmac')} }] }`,
  });

t.teardown(async () => {
  await redis.stop();
  await upstream.close();
  collector.close();
  rmSync(data, { recursive: true, force: true });
});

/** Of everything that came out, by where. */
type Findings = Record<string, Buffer>;

/** Of the operator that the first start with a store has made. */
let token = '';
const tokens: Record<string, string> = {};

async function call(gateway: GatewayProcess, method: string, path: string, body?: object): Promise<string> {
  const answer = await fetch(`${gateway.admin}${path}`, {
    method,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return `${answer.status} ${JSON.stringify([...answer.headers])} ${await answer.text()}`;
}

/** What a gateway is asked, well and badly. @returns what it answered, and the secret that it made */
async function drive(gateway: GatewayProcess): Promise<{ findings: Findings; made: string }> {
  const texts: string[] = [];
  const keys = '/api/v1/consumers/alice/keys';
  const created = await call(gateway, 'POST', keys, { id: 'made-1', use: ['api-key', 'hmac'] });
  const made = (JSON.parse(created.slice(created.indexOf('{"key"'))) as { secret: string }).secret;
  texts.push(await call(gateway, 'POST', keys, { id: 'given-1', secret: planted.apiKey }));
  texts.push(await call(gateway, 'POST', keys, { id: 'given-2', secret: planted.apiHmac, use: ['hmac'] }));
  // Refused: twice the same secret, of the file, and a body that is wrong where the secret stands.
  texts.push(await call(gateway, 'POST', keys, { secret: planted.apiKey }));
  texts.push(await call(gateway, 'POST', keys, { secret: planted.fileKey }));
  texts.push(await call(gateway, 'POST', keys, { secret: `${planted.apiKey}\u0000`, use: [planted.apiHmac] }));
  texts.push(await call(gateway, 'PATCH', `${keys}/given-1`, { expires: '2999-01-01' }));
  texts.push(
    await call(gateway, 'POST', `${keys}/given-1/rotate`, {
      overlap: '1h',
      id: 'next-1',
      secret: `${planted.apiKey}-2`,
    }),
  );
  for (const key of [planted.fileKey, planted.wrongKey, planted.apiKey, made, planted.fileHmac]) {
    const headers = { 'x-sluice-explain': '1' };
    const answers = await Promise.all([
      sendRequest(gateway.port, '/keyed', { headers: { ...headers, 'x-api-key': key } }),
      sendRequest(gateway.port, `/inquery?key=${key}`, { headers }),
      sendRequest(gateway.port, '/incookie', { headers: { ...headers, cookie: `key=${key}` } }),
      sendRequest(gateway.port, '/keyed', { headers: { ...headers, authorization: `Bearer ${key}` } }),
      sendRequest(gateway.port, '/keyed', { headers: { ...headers, 'x-api-key': `${key}\t`, host: 'b{d' } }),
    ]);
    texts.push(...answers.map(({ status, rawHeaders, text }) => `${status} ${rawHeaders.join(' ')} ${text}`));
  }
  for (const page of [
    '/',
    '/healthz',
    '/readyz',
    '/metrics',
    '/api/v1/latencies',
    '/api/v1/upstreams',
    '/api/v1/usage',
    '/api/v1/usage?by=consumer,key',
    '/api/v1/usage?format=csv',
    '/api/v1/consumers',
    '/api/v1/consumers/alice',
    keys,
  ]) {
    texts.push(await call(gateway, 'GET', page));
  }
  texts.push(await call(gateway, 'POST', '/api/v1/consumers-reseal'));
  texts.push(await call(gateway, 'DELETE', `${keys}/next-1`));
  // A reload that is refused says why.
  const text = readFileSync(gateway.file, 'utf8');
  const from = gateway.output().length;
  await gateway.writeConfig(
    text.replace('id: alice-2,', 'id: alice-1,').replace('workers: 1', `workers: 1\n  drainTimeout: ${$('fileKey')}`),
  );
  await gateway.waitForOutput('refused', from);
  const commands = [
    ['check', gateway.file, '--json'],
    ['explain', `http://127.0.0.1:${gateway.port}/keyed`, '--json', '-H', `x-api-key: ${planted.fileKey}`],
    ['usage', '--admin', gateway.admin, '--json'],
    ['keys', 'list', 'alice', '--admin', gateway.admin, '--json'],
    ['consumers', 'show', 'alice', '--admin', gateway.admin],
  ].map((args) =>
    spawnSync(process.execPath, [cli, ...args], { env: { ...process.env, ...env, SLUICE_TOKEN: token } }),
  );
  return {
    made,
    findings: {
      answers: Buffer.from(texts.join('\n')),
      commands: Buffer.concat(commands.flatMap(({ stdout, stderr }) => [stdout, stderr])),
    },
  };
}

function filesUnder(folder: string): readonly Buffer[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path));
}

/** Everything that Redis has, as it is. */
async function redisValues(): Promise<Buffer> {
  const client = new Redis(env['PLANTED_URL'] as string);
  const keys = await client.keys('*');
  const parts = await Promise.all(
    keys.map(async (key) => {
      const read = {
        hash: 'HGETALL',
        zset: 'ZRANGE',
        set: 'SMEMBERS',
        list: 'LRANGE',
        stream: 'XRANGE',
        string: 'GET',
      };
      const type = (await client.type(key)) as keyof typeof read;
      const range = type === 'zset' || type === 'list' ? ['0', '-1'] : type === 'stream' ? ['-', '+'] : [];
      const value = (await client.call(read[type], key, ...range)) as unknown;
      // What is written as base64 is looked into as well.
      const texts = [value].flat(5).map(String);
      return [key, ...texts, ...texts.map((text) => Buffer.from(text, 'base64').toString('latin1'))].join('\n');
    }),
  );
  client.disconnect();
  return Buffer.from(parts.join('\n'), 'latin1');
}

/** @returns 'SECRET in PLACE' of every leak */
function leaks(findings: Findings, made: string): readonly string[] {
  const secrets = Object.entries({ ...planted, made, token }).flatMap(([name, secret]) => [
    [name, Buffer.from(secret)] as const,
    [`${name} as base64`, Buffer.from(Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -2))] as const,
    [`${name} in hexadecimal`, Buffer.from(Buffer.from(secret).toString('hex'))] as const,
  ]);
  return Object.entries(findings).flatMap(([place, bytes]) =>
    secrets.filter(([, secret]) => bytes.includes(secret)).map(([name]) => `${name} in ${place}`),
  );
}

for (const [where, store] of [
  ['one instance', ''],
  ['instances that share Redis', '  redis: "${PLANTED_URL}"'],
] as const) {
  t.test(`no secret leaves a gateway by any way: ${where}`, async (t) => {
    rmSync(logFile, { force: true });
    const folder = join(data, where.replaceAll(' ', '-'));
    const gateway = await startGatewayProcess(yaml(store), { args: ['--data', folder], env });
    token = await tokenOf(gateway);
    tokens[where] = token;
    const { findings, made } = await drive(gateway);
    t.match(findings['answers']?.toString(), /given-1/, 'something came out');
    t.match(findings['commands']?.toString(), /alice-1/);
    t.equal(await gateway.stop(), 0);
    const log = readFileSync(logFile);
    t.ok(log.length > 500, 'the access log was written');
    const files = filesUnder(folder);
    t.ok(Buffer.concat([...files]).includes('made-1'), 'the store was written');
    const printed = gateway.output().split(token);
    t.equal(printed.length, 2, 'the token of the first operator is printed once');
    Object.assign(findings, { output: Buffer.from(printed.join('')), log, files: Buffer.concat([...files]) });
    Object.assign(findings, { traces: Buffer.concat(exported), ...(store !== '' && { redis: await redisValues() }) });
    t.ok((findings['traces']?.length ?? 0) > 500, 'spans were exported');
    if (store !== '') t.ok(findings['redis']?.includes('made-1'), 'Redis has the key');
    t.same(leaks(findings, made), []);
    t.same(leaks({ test: Buffer.from(`x${planted.jwt}y`) }, made), ['jwt in test'], 'what is there is found');
  });
}

t.test(
  'a gateway does not start when the store was encrypted with a key that it does not have, and says so',
  async (t) => {
    const folder = join(data, 'one-instance');
    const text = yaml('').replace(`[${$('encryptionKey')}, ${$('oldEncryptionKey')}]`, $('oldEncryptionKey'));
    const started = startGatewayProcess(text, { args: ['--data', folder], env });
    await t.rejects(
      started,
      /gateway\.encryptionKey: key given-2 of consumer alice in the store was encrypted with another key/,
    );
    // With both it does, and encrypts anew.
    token = tokens['one instance'] as string;
    const both = yaml('').replace(
      `[${$('encryptionKey')}, ${$('oldEncryptionKey')}]`,
      `[${$('oldEncryptionKey')}, ${$('encryptionKey')}]`,
    );
    const gateway = await startGatewayProcess(both, { args: ['--data', folder], env });
    t.match(await call(gateway, 'POST', '/api/v1/consumers-reseal'), /"sealed":2,"resealed":2,"lost":0/);
    await gateway.stop();
    const again = await startGatewayProcess(text, { args: ['--data', folder], env });
    t.match(await call(again, 'GET', '/api/v1/consumers/alice/keys'), /given-2/);
    await again.stop();
    writeFileSync(logFile, '');
  },
);
