// Consumers and groups that the policy access names.

import type { AccessConfig } from '../../gateway/policies/access/config.ts';
import { nearestName } from './nearest-name.ts';
import type { ReadUse } from './read-policies.ts';
import type { Report } from './report.ts';

export interface KnownConsumers {
  /** Of the broken ones too. */
  readonly names: ReadonlySet<string>;
  /** That a consumer is in; undefined where tokens may name any. */
  readonly groups: ReadonlySet<string> | undefined;
}

/** A consumer that does not exist is an error. A group that nobody is in is a warning: it lets in nobody, but for a while that may be meant. */
export function checkAccess(uses: readonly ReadUse[], known: KnownConsumers, report: Report): void {
  for (const { path, policy, use } of uses) {
    if (policy !== 'access' || use === undefined) continue;
    const { rules, isList } = use.config as AccessConfig;
    for (const [index, { consumers = [], groups = [] }] of rules.entries()) {
      const rulePath = [...path, policy, ...(isList ? ['any', index] : [])];
      for (const [at, name] of consumers.entries()) {
        if (known.names.has(name)) continue;
        report.add([...rulePath, 'consumers', at], {
          message: 'there is no such consumer',
          expected: 'a name from consumers',
          showsFound: true,
          nearest: nearestName(name, [...known.names]),
        });
      }
      for (const [at, name] of groups.entries()) {
        if (known.groups === undefined || known.groups.has(name)) continue;
        report.add([...rulePath, 'groups', at], {
          severity: 'warning',
          message: 'no consumer is in this group',
          showsFound: true,
          nearest: nearestName(name, [...known.groups]),
        });
      }
    }
  }
}
