// A sampling heap profile by function, and by whose code it is. V8 scales the samples: their sizes add up to an estimate of all that
// was allocated.

import type { HeapProfiler } from 'node:inspector';

export interface Allocation {
  /** Whose code: sluice, undici, node:net, … */
  readonly owner: string;
  /** writeHead src/gateway/listener/uws/uws-stream.js:120, in the compiled file. */
  readonly name: string;
  readonly bytes: number;
}

/** What runs without a frame of JavaScript: V8's own work, and native code that makes objects (uWebSockets.js, node). */
const NATIVE = 'V8 and native code';

/** @returns one for each function, the largest first */
export function summarizeProfile({ head }: HeapProfiler.SamplingHeapProfile): readonly Allocation[] {
  const byName = new Map<string, Allocation>();
  const open = [head];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    open.push(...node.children);
    if (node.selfSize === 0) continue;
    const { functionName, url, lineNumber } = node.callFrame;
    const owner = ownerOf(url);
    // Lines count from 0.
    const place = url === '' ? '' : ` ${shortened(url)}:${lineNumber + 1}`;
    const name = `${functionName || '(anonymous)'}${place}`;
    byName.set(name, { owner, name, bytes: (byName.get(name)?.bytes ?? 0) + node.selfSize });
  }
  return [...byName.values()].sort((a, b) => b.bytes - a.bytes);
}

/** @returns bytes by owner, the largest first */
export function bytesByOwner(allocations: readonly Allocation[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { owner, bytes } of allocations) sums.set(owner, (sums.get(owner) ?? 0) + bytes);
  return new Map([...sums].sort(([, a], [, b]) => b - a));
}

function ownerOf(url: string): string {
  if (url === '') return NATIVE;
  if (url.startsWith('node:net') || url.startsWith('node:stream') || url.includes('streams/'))
    return 'node:net, streams';
  if (url.startsWith('node:')) return 'node, other';
  return /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? 'sluice';
}

/** From dist or node_modules on: where the checkout lies is of no interest. */
function shortened(url: string): string {
  return url.replace(/^.*\/(?:dist|node_modules)\//, '');
}
