import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unpack } from 'msgpackr';
import t from 'tap';
import { discoveryKey } from '../../../src/control/config/discovery-key.ts';
import { type CompileTask, compileFile } from '../../../src/control/releases/compile-file.ts';
import type { DiscoveredTargets } from '../../../src/control/releases/with-discovered.ts';
import type { GatewayPlan } from '../../../src/gateway/snapshot.ts';
import { Arena } from '../../../src/shm/arena.ts';
import { sealKey } from '../../support/seal-key.ts';
import { tlsText } from '../../support/tls-files.ts';

const YAML = `version: 1
upstreams:
  found: { discovery: { dns: "https://orders.test" }, tls: { ca: ca.crt } }
  written: { targets: ["http://127.0.0.1:9001"] }
services:
  shop: { upstream: found, routes: { all: { match: "GET /" } } }
`;

const target = { origin: 'https://10.0.0.7', authority: 'orders.test', socketPath: '', basePath: '', weight: 1 };

async function compile(file: string, parts: Partial<CompileTask> = {}) {
  const answer = await compileFile({
    ...{ file, env: {}, epoch: 1, recycled: undefined, discovered: new Map(), sealKey },
    ...parts,
  });
  if (!answer.ok) throw new Error(answer.problems.join('\n'));
  const { upstreams } = unpack(new Arena(answer.buffer).gatewayPlan()) as GatewayPlan;
  return { ...answer, origins: upstreams.map(({ targets }) => targets.map(({ origin }) => origin)), upstreams };
}

t.test('what was found is compiled in, and without it an upstream has no targets', async (t) => {
  const folder = t.testdir({ 'sluice.yaml': YAML, 'ca.crt': tlsText('ca.crt') });
  const file = join(folder, 'sluice.yaml');
  const first = await compile(file);
  t.same(first.origins, [[], ['http://127.0.0.1:9001']]);
  const discovery = first.summary.upstreams[0]?.discovery;
  const discovered: DiscoveredTargets = new Map(discovery && [[discoveryKey(discovery), [target]]]);
  const second = await compile(file, { discovered });
  t.same(second.origins, [['https://10.0.0.7'], ['http://127.0.0.1:9001']]);
  t.same(second.summary.targetNames, [
    ['found', 'https://10.0.0.7'],
    ['written', 'http://127.0.0.1:9001'],
  ]);
  t.same((await compile(file, { discovered: new Map([['other', [target]]]) })).origins[0], [], 'of another source');
});

t.test('what was compiled can be compiled once more, whatever has become of its files', async (t) => {
  const folder = t.testdir({ 'sluice.yaml': YAML, 'ca.crt': tlsText('ca.crt') });
  const file = join(folder, 'sluice.yaml');
  const { source, upstreams, summary } = await compile(file);
  await writeFile(file, 'version: [');
  await writeFile(join(folder, 'ca.crt'), 'broken');
  await t.rejects(compile(file), /sluice.yaml:1/);
  const discovery = summary.upstreams[0]?.discovery;
  const discovered: DiscoveredTargets = new Map(discovery && [[discoveryKey(discovery), [target]]]);
  const again = await compile(file, { kept: source, discovered });
  t.same(again.upstreams[0], { ...upstreams[0], targets: [target], turns: Buffer.of(0) });
  t.equal(again.source, source);
});

t.test('secrets of upstreams that are not checked stay in the task pool', async (t) => {
  const folder = t.testdir({ 'sluice.yaml': YAML, 'ca.crt': tlsText('ca.crt') });
  const file = join(folder, 'sluice.yaml');
  t.equal((await compile(file)).summary.upstreams[0]?.tls, undefined);
  await writeFile(file, YAML.replace('tls:', 'health: { path: / }, tls:'));
  t.match((await compile(file)).summary.upstreams[0], { health: { path: '/' }, tls: { ca: /BEGIN CERTIFICATE/ } });
});
