// The upstreams that a service or a route names: its own, those of its rules, and the one that gets copies.

import type { SteerConfig } from './config.ts';
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

/**
 * A rule that knows clients by their consumer takes nobody where nobody is known.
 * @param hasAuth  some of the routes that the rules are for have an auth policy
 */
export function checkStickyConsumers(
  rules: readonly SteerConfig[] = [],
  path: Path,
  hasAuth: boolean,
  report: Report,
): void {
  for (const [index, { sticky }] of rules.entries()) {
    if (hasAuth || sticky?.kind !== 'consumer') continue;
    report.add([...path, 'steer', index, 'sticky', 'by'], {
      message: 'needs to know the consumer',
      expected: 'an auth policy on a route that the rule is for, or on its service',
    });
  }
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
