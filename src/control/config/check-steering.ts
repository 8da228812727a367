// The upstreams that a service or a route names: its own, those of its rules, and the one that gets copies.

import { nearestName } from './nearest-name.ts';
import type { Path } from './read-value.ts';
import type { Report } from './report.ts';

/** @param written  the service or route as it was read, valid or not */
export function checkSteering(
  written: Readonly<Record<string, unknown>>,
  path: Path,
  upstreams: ReadonlySet<string>,
  report: Report,
): void {
  checkUpstream(written['upstream'], [...path, 'upstream'], upstreams, report);
  const { steer, mirror } = written;
  for (const [index, rule] of (Array.isArray(steer) ? steer : []).entries()) {
    checkUpstream(upstreamOf(rule), [...path, 'steer', index, 'upstream'], upstreams, report);
  }
  checkUpstream(upstreamOf(mirror), [...path, 'mirror', 'upstream'], upstreams, report);
}

function upstreamOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)['upstream'] : undefined;
}

function checkUpstream(name: unknown, path: Path, upstreams: ReadonlySet<string>, report: Report): void {
  // Anything but text was refused by the schema.
  if (typeof name !== 'string' || upstreams.has(name)) return;
  const nearest = nearestName(name, [...upstreams]);
  report.add(path, {
    message: 'there is no such upstream',
    expected: 'a name from upstreams',
    showsFound: true,
    nearest,
  });
}
