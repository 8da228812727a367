import type { HeapProfiler } from 'node:inspector';
import t from 'tap';
import { bytesByOwner, summarizeProfile } from '../../bench/heap/summarize-profile.ts';
import { slope } from '../../bench/support/slope.ts';

type Node = HeapProfiler.SamplingHeapProfileNode;

function node(functionName: string, url: string, selfSize: number, children: readonly Node[] = []): Node {
  const callFrame = { functionName, scriptId: '1', url, lineNumber: 9, columnNumber: 0 };
  return { callFrame, selfSize, children: [...children] };
}

const head = node('(root)', '', 0, [
  node('handle', 'file:///x/dist/src/gateway/pipeline/handle.js', 100, [
    node('writeH1', 'file:///x/node_modules/undici/lib/dispatcher/client-h1.js', 300, [
      node('Socket._write', 'node:net', 50),
      node('push', '', 20),
    ]),
    node('setTimeout', 'node:timers', 5),
  ]),
  node('handle', 'file:///x/dist/src/gateway/pipeline/handle.js', 40),
  node('register', 'file:///x/node_modules/@fastify/http-proxy/index.js', 1),
]);

t.test('a function counts once, wherever it was called from, and lines count from 1', async (t) => {
  const allocations = summarizeProfile({ head });
  t.same(allocations.slice(0, 2), [
    { owner: 'undici', name: 'writeH1 undici/lib/dispatcher/client-h1.js:10', bytes: 300 },
    { owner: 'sluice', name: 'handle src/gateway/pipeline/handle.js:10', bytes: 140 },
  ]);
  t.equal(allocations.length, 6);
});

t.test('every byte has an owner', async (t) => {
  const owners = bytesByOwner(summarizeProfile({ head }));
  t.same(
    [...owners],
    [
      ['undici', 300],
      ['sluice', 140],
      ['node:net, streams', 50],
      ['V8 and native code', 20],
      ['node, other', 5],
      ['@fastify/http-proxy', 1],
    ],
  );
});

t.test('the slope is that of the line through the points, or nearest to them', async (t) => {
  const line = [0, 10, 20, 30].map((x) => [x, 5 + 3 * x] as const);
  t.equal(slope(line), 3);
  t.equal(
    slope([
      [0, 1],
      [1, 3],
      [2, 1],
    ]),
    0,
  );
});
