// Quotas over the real gateway: exact over its workers, kept by a restart, and never more after a kill.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { testConfig } from '../support/configs.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway-process.ts';
import { echo, startUpstream } from '../support/upstream.ts';
import { type Answer, sendRequest } from './fixture.ts';

const QUOTA = 60;

async function ask(gateway: GatewayProcess, count: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  while (answers.length < count) {
    // Never more than asked for: an answer of 503 leaves a number that five do not divide.
    const batch = Array.from({ length: Math.min(5, count - answers.length) }, () =>
      sendRequest(gateway.port, '/one', { headers: { 'x-api-key': 'alice-secret' } }),
    );
    // On a busy machine the disk may take its time: who is told so comes again.
    answers.push(...(await Promise.all(batch)).filter(({ status }) => status !== 503));
  }
  return answers;
}

const admittedOf = (answers: readonly Answer[]) => answers.filter(({ status }) => status === 200).length;

t.test('a quota outlives its processes: what was spent is spent, whether they end or are killed', async (t) => {
  const upstream = await startUpstream(echo);
  const data = await mkdtemp(join(tmpdir(), 'sluice-data-'));
  t.teardown(async () => {
    await upstream.close();
    await rm(data, { recursive: true, force: true });
  });
  const yaml = testConfig({
    upstream: upstream.url,
    more: `plans: { free: { quota: [${QUOTA}/total, 1000/day] } }
consumers: { alice: { plan: free, keys: [{ id: a, secret: "alice-secret" }] } }`,
    routes: '      one: { match: "GET /one", policies: [{ auth: { any: [api-key] } }] }',
  });
  const start = () => startGatewayProcess(yaml, { args: ['--data', data] });
  const first = await start();
  const before = await ask(first, 20);
  t.equal(admittedOf(before), 20);
  t.match(before.at(-1)?.headers, { ratelimit: /^"plan:free\/total";r=\d+/ });
  t.equal(await first.stop(), 0);

  const second = await start();
  const during = admittedOf(await ask(second, 20));
  // On a busy machine the first may have ended before its rest was given back: lost, never spent twice.
  t.ok(during <= 20 && during >= 10, `${during} of 20`);
  second.signal('SIGKILL');
  await second.exited;

  const third = await start();
  const rest = await ask(third, 40);
  const admitted = admittedOf(rest);
  // The killed one's blocks are lost: of 40 left then, at most a few.
  t.ok(20 + during + admitted <= QUOTA && admitted >= 4, `${admitted} of ${QUOTA - 20 - during} were left`);
  const refused = rest.find(({ status }) => status === 429);
  t.match(refused?.json, { code: 'QUOTA_EXCEEDED', detail: 'the quota plan:free/total is used up' });
  t.equal(await third.stop(), 0);
});
