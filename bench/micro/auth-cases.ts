// Who is calling, when that is known already: one Map lookup for a key, and one for a token, which is longer; and what a signature
// costs, which is checked each time. Each request brings a text of its own, whose hash nobody has computed yet.

import { createHmac } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { SignJWT } from 'jose';
import type { RouteIndex } from '../../src/base/ids.ts';
import { ADMIT } from '../../src/gateway/pipeline/errors.ts';
import { sink } from '../support/sink.ts';
import type { MicroCase } from './micro-case.ts';
import { StubClient } from './stub-client.ts';
import { StubGateway } from './stub-gateway.ts';

const KEY = '0123456789abcdef0123456789abcdef';
const SECRET = 's'.repeat(32);
// Of a request in the midst of others.
const OTHERS = ['host', 'shop.example', 'user-agent', 'bench', 'accept', '*/*', 'accept-encoding', 'gzip'];

export function authCases(): readonly MicroCase[] {
  const key = authCase('auth, a known API key of 32 characters', 'x-api-key', async () => KEY);
  const token = authCase('auth, a known token of 1,000 characters', 'authorization', bearer);
  const hmac = (algorithm: string) =>
    authCase(`auth, a signature by a key pair, ${algorithm}`, 'authorization', async () => signature(algorithm), dated);
  return [
    key,
    { ...token, against: key.name },
    ...['sha1', 'sha256'].map((algorithm) => ({ ...hmac(algorithm), against: key.name })),
  ];
}

/** @param others  headers that each request has besides; asked once */
function authCase(
  name: string,
  header: string,
  credential: () => Promise<string>,
  others: () => readonly string[] = () => [],
): MicroCase {
  return {
    name,
    async prepare() {
      const gateway = new StubGateway(sluiceYaml());
      await gateway.publish();
      const bytes = Buffer.from(await credential(), 'latin1');
      const step = gateway.openSnapshot().route(0 as RouteIndex).steps[0];
      if (step === undefined) throw new Error(`${name}: the route has no auth`);
      const x = gateway.plane.open(new StubClient());
      const besides = others();
      const run = (): number => {
        x.headers = [...besides, header, bytes.toString('latin1')];
        return step.run(x);
      };
      // Once verified, it is known.
      run();
      while (gateway.plane.parking.count > 0) await setImmediate();
      if (run() !== ADMIT) throw new Error(`${name}: ${x.detail}`);
      return () => {
        sink.value = run();
      };
    },
  };
}

// The bench runs within their skew.
const DATE = new Date().toUTCString();

function dated(): readonly string[] {
  return [...OTHERS, 'x-date', DATE, 'source', 'bench'];
}

function signature(algorithm: string): string {
  const text = `x-date: ${DATE}\nsource: bench`;
  const value = createHmac(algorithm, SECRET).update(text).digest('base64');
  return `hmac id="bench-2", algorithm="hmac-${algorithm}", headers="x-date source", signature="${value}"`;
}

async function bearer(): Promise<string> {
  const claims = {
    iss: 'bench',
    aud: 'shop',
    sub: 'bench',
    exp: Math.floor(Date.now() / 1_000) + 3_600,
    pad: 'x'.repeat(600),
  };
  const jwt = new SignJWT(claims).setProtectedHeader({ alg: 'HS256' });
  return `Bearer ${await jwt.sign(new TextEncoder().encode(SECRET))}`;
}

function sluiceYaml(): string {
  return `version: 1
gateway: { listen: "127.0.0.1:0", admin: "127.0.0.1:0", workers: 1 }
upstreams: { u: { targets: ["http://127.0.0.1:9001"] } }
consumers: { bench: { keys: [{ id: bench-1, secret: "${KEY}" }, { id: bench-2, use: [hmac], secret: "${SECRET}" }] } }
services:
  s:
    upstream: u
    policies: [auth: { any: [api-key, hmac, { jwt: { issuer: bench, audience: shop, secret: "${SECRET}" } }] }]
    routes: { order: { match: GET /order } }
`;
}
