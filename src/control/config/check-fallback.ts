// What an upstream's fallback means for the others.

import type { UpstreamConfig } from './config.ts';
import { mockProblem } from './fallback-schema.ts';
import { nearestName } from './nearest-name.ts';
import type { Report } from './report.ts';

/** @param names  of all upstreams, the broken ones too */
export function checkFallbacks(upstreams: readonly UpstreamConfig[], names: ReadonlySet<string>, report: Report): void {
  const byName = new Map(upstreams.map((upstream) => [upstream.name, upstream]));
  for (const { name, fallback } of upstreams) {
    if (fallback === undefined) continue;
    const path = ['upstreams', name, 'fallback'];
    const { upstream: other, mock } = fallback;
    if ((other === undefined) === (mock === undefined)) {
      report.add(path, { message: 'needs one of upstream and mock', isAboutKey: true });
    }
    const problem = mock === undefined ? undefined : mockProblem(mock);
    if (problem !== undefined) report.add([...path, 'mock'], { message: problem });
    if (other === name) {
      report.add([...path, 'upstream'], { message: 'an upstream is no fallback of its own' });
    } else if (other !== undefined && !names.has(other)) {
      const nearest = nearestName(other, [...names]);
      report.add([...path, 'upstream'], {
        message: 'there is no such upstream',
        expected: 'a name from upstreams',
        showsFound: true,
        nearest,
      });
    } else if (other !== undefined && byName.get(other)?.fallback?.upstream === name) {
      report.add([...path, 'upstream'], {
        severity: 'warning',
        message: 'is the fallback of its own fallback: a request that both fail ends there, it is not sent back',
      });
    }
  }
}
