// A flood of forged credentials beside good callers: first from the good callers' own address, then from very many.

import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { BadCallers, BadCalls } from '../load/bad-callers.ts';
import { LatencyHistogram } from '../load/latency-histogram.ts';
import type { Load } from '../load/start-load.ts';
import type { Answer } from '../load/watch-client.ts';
import { baseSettings, type Scenario, type ScenarioContext } from '../scenario.ts';
import { startChild } from '../target/child-process.ts';
import { readCpuMs } from '../target/read-cpu.ts';
import { printNumber } from '../thresholds.ts';

const script = fileURLToPath(new URL('../load/bad-callers.js', import.meta.url));

// A third of the run each: nobody, one address, many.
const PART_SHARE = 1 / 3;
// What a caller's p99 is while connections come up says nothing: of each part.
const SETTLE_SHARE = 1 / 6;
// The last answers, and the process's end.
const TAIL_MS = 500;
const CONNECTIONS = 400;
const ADDRESSES = 400;
const KEY = 'good-key-of-the-load-test';
const SECRET = 'a-secret-that-an-issuer-shares-with-the-gateway';
const EXPIRES_SECONDS = 86_400;
const PARTS = ['alone', 'one address', 'many addresses'] as const;

type PartName = (typeof PARTS)[number];

export const badTokens: Scenario = {
  name: 'bad-tokens',
  shows:
    'Ten thousand forged tokens and keys a second, each another one, beside callers with good ones: these stay as fast.',
  defaults: { ...baseSettings, durationMs: 45_000, ratePerSecond: 400, connectionCount: 40 },
  thresholds: [
    { name: 'errors', says: 'requests of the good callers that failed', unit: '%', bound: 'at most', value: 0 },
    {
      name: 'p99-one',
      says: "the good callers' p99 beside a flood from their own address, of what it is alone",
      unit: '%',
      bound: 'at most',
      value: 200,
    },
    {
      name: 'p99-many',
      says: "the good callers' p99 beside a flood from many addresses, of what it is alone",
      unit: '%',
      bound: 'at most',
      value: 200,
    },
    { name: 'bad-let-in', says: 'forged credentials that were let in', unit: 'count', bound: 'at most', value: 0 },
    {
      name: 'bad-rate',
      says: 'forged credentials answered, of those asked for',
      unit: '%',
      bound: 'at least',
      value: 95,
    },
  ],
  ownOnly: 'the gateway has to know keys and issuers of the load test',
  ownGateway: () => ({
    gateway: ['workers: 1'],
    routes: [`load: { match: "ANY /load", policies: [{ auth: { any: [${methods().join(', ')}] } }] }`],
    consumers: [`good: { keys: [{ id: good-1, secret: ${KEY} }] }`],
  }),

  async run(context) {
    const { settings, recorder } = context;
    const partMs = settings.durationMs * PART_SHARE;
    const startMs = performance.now();
    const parts = new Map<PartName, LatencyHistogram>(PARTS.map((name) => [name, new LatencyHistogram()]));
    const loads = startGoodCallers(context, ({ sentMs, arrivedMs, intervalMs }) => {
      const part = Math.floor((sentMs - startMs) / partMs);
      const isSettled = sentMs - startMs - part * partMs >= partMs * SETTLE_SHARE;
      const name = PARTS[part];
      if (isSettled && name !== undefined) parts.get(name)?.recordCorrected(arrivedMs - sentMs, intervalMs);
    });
    const cpu: string[] = [];
    const bad: BadCalls[] = [];
    for (const [index, name] of PARTS.entries()) {
      const cpuBefore = await readCpuMs(context.target);
      const fromMs = performance.now();
      const leftMs = Math.max(0, startMs + (index + 1) * partMs - fromMs);
      if (name === 'alone') await context.wait(leftMs);
      else bad.push(await callBadly(context, leftMs, name === 'one address' ? 1 : ADDRESSES));
      const cpuAfter = await readCpuMs(context.target);
      if (cpuBefore === undefined || cpuAfter === undefined) continue;
      cpu.push(`${name} ${Math.round(((cpuAfter - cpuBefore) / (performance.now() - fromMs)) * 100)} %`);
    }
    await Promise.all(loads.map(({ finished }) => finished));
    return {
      measures: {
        errors: recorder.failedShare * 100,
        'p99-one': shareOf(parts, 'one address'),
        'p99-many': shareOf(parts, 'many addresses'),
        'bad-let-in': bad.reduce((sum, { outcomes }) => sum + (outcomes['200'] ?? 0), 0),
        'bad-rate': (Math.min(...bad.map(answeredPerSecond)) / settings.badRatePerSecond) * 100,
      },
      marks: PARTS.slice(1).map((label, index) => ({
        fromMs: startMs + (index + 1) * partMs - recorder.startMs,
        toMs: startMs + (index + 2) * partMs - recorder.startMs,
        label,
      })),
      facts: [
        ...PARTS.map((name) => [name, printLatencies(parts.get(name))] as const),
        ...bad.map((calls, index) => [`flood, ${PARTS[index + 1]}`, printCalls(calls)] as const),
        ...(cpu.length > 0 ? [['CPU of the gateway', cpu.join(', ')] as const] : []),
      ],
    };
  },
};

/** Half with a key, half with a token. */
function startGoodCallers({ settings, load }: ScenarioContext, onAnswer: (answer: Answer) => void): readonly Load[] {
  const half = (count: number): number => Math.max(1, Math.round(count / 2));
  const { rsa } = credentials();
  const text = claimsText({ alg: 'RS256', kid: rsa.jwk.kid }, 'keys');
  const token = `${text}.${sign('sha256', Buffer.from(text), rsa.privateKey).toString('base64url')}`;
  return [{ 'x-api-key': KEY }, { authorization: `Bearer ${token}` }].map((headers) =>
    load({
      headers,
      ratePerSecond: half(settings.ratePerSecond),
      connectionCount: half(settings.connectionCount),
      onAnswer,
    }),
  );
}

/** @param leftMs  until the part's end @throws when the process does not do what it is for */
async function callBadly(
  { settings, target, wait }: ScenarioContext,
  leftMs: number,
  addressCount: number,
): Promise<BadCalls> {
  const { rsa, ec } = credentials();
  const options: BadCallers = {
    url: target.url,
    ratePerSecond: settings.badRatePerSecond,
    connectionCount: CONNECTIONS,
    durationMs: Math.max(0, leftMs - TAIL_MS),
    addressCount,
    // What they say is right, but for their signatures: of RSA with 2,048 bits, P-256 and HMAC.
    tokens: [
      { text: claimsText({ alg: 'RS256', kid: rsa.jwk.kid }, 'keys'), signatureBytes: 256 },
      { text: claimsText({ alg: 'ES256', kid: ec.jwk.kid }, 'keys'), signatureBytes: 64 },
      { text: claimsText({ alg: 'HS256' }, 'secret'), signatureBytes: 32 },
    ],
  };
  const child = startChild([script, JSON.stringify(options)]);
  try {
    await wait(leftMs);
    const [, calls = ''] = await child.waitForLine(/^bad (\{.*\})$/m);
    return JSON.parse(calls) as BadCalls;
  } finally {
    await child.stop();
  }
}

interface Issuer {
  readonly jwk: { readonly kid: string };
  readonly privateKey: KeyObject;
}

let known: { readonly rsa: Issuer; readonly ec: Issuer } | undefined;

/** The same ones for the whole run. */
function credentials(): { readonly rsa: Issuer; readonly ec: Issuer } {
  known ??= {
    rsa: issuerOf('rsa', generateKeyPairSync('rsa', { modulusLength: 2_048 })),
    ec: issuerOf('ec', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  };
  return known;
}

function issuerOf(kid: string, pair: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }): Issuer {
  return { jwk: { ...pair.publicKey.export({ format: 'jwk' }), kid }, privateKey: pair.privateKey };
}

/** What a signature is over: a header, and the claims of a token that would be let in. */
function claimsText(header: object, iss: string): string {
  const exp = Math.floor(Date.now() / 1_000) + EXPIRES_SECONDS;
  const claims = { iss, aud: 'load', sub: 'good', exp, scope: 'orders.read orders.write', tenant: 'acme' };
  return [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
}

/** Two issuers, one with public keys and one with a secret, beside keys. */
function methods(): readonly string[] {
  const keys = [credentials().rsa.jwk, credentials().ec.jwk];
  return ['api-key', yamlOf({ issuer: 'keys', keys }), yamlOf({ issuer: 'secret', secret: SECRET })];
}

function yamlOf(settings: object): string {
  return `{ jwt: ${JSON.stringify({ audience: 'load', ...settings })} }`;
}

/** In percent; undefined when one of the two is not known. */
function shareOf(parts: ReadonlyMap<PartName, LatencyHistogram>, name: PartName): number | undefined {
  const [alone, beside] = [parts.get('alone'), parts.get(name)];
  if (alone === undefined || beside === undefined || alone.count === 0 || beside.count === 0) return undefined;
  return (beside.percentileMs(99) / alone.percentileMs(99)) * 100;
}

function answeredPerSecond({ outcomes, elapsedMs }: BadCalls): number {
  const answered = Object.entries(outcomes).reduce((sum, [name, count]) => sum + (/^\d+$/.test(name) ? count : 0), 0);
  return (answered / elapsedMs) * 1_000;
}

function printLatencies(latencies: LatencyHistogram | undefined): string {
  if (latencies === undefined || latencies.count === 0) return 'no request came to an end';
  return [50, 99].map((p) => `p${p} ${printNumber(latencies.percentileMs(p))} ms`).join(', ');
}

function printCalls(calls: BadCalls): string {
  const outcomes = Object.entries(calls.outcomes).map(([name, count]) => `${count} × ${name}`);
  return `${printNumber(answeredPerSecond(calls))} answers/s, ${calls.unsent} not sent: ${outcomes.join(', ')}`;
}
