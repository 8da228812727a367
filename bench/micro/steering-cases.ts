// What a rule of steer costs a request.

import type { SeriesIndex } from '../../src/base/ids.ts';
import { SteerRule } from '../../src/gateway/backends/steer-rule.ts';
import type { Condition } from '../../src/gateway/conditions/condition.ts';
import { parseCondition } from '../../src/gateway/conditions/parse-condition.ts';
import { prepareCondition } from '../../src/gateway/conditions/prepare-condition.ts';
import { Exchange } from '../../src/gateway/pipeline/exchange.ts';
import type { SteerPlan } from '../../src/gateway/snapshot.ts';
import { sink } from '../support/sink.ts';
import { REQUEST_HEADERS, REQUEST_PATH } from '../support/workload.ts';
import type { MicroCase } from './micro-case.ts';

const [path = '', query = ''] = REQUEST_PATH.split('?');

export function steeringCases(): readonly MicroCase[] {
  return [
    conditionCase('condition: a header that is not there', "header.x-beta = '1'"),
    conditionCase('condition: three comparisons', "method = 'GET' and (query.level > 3 or exists(header.user-agent))"),
    conditionCase('condition: a regular expression of a path', "regex(path, '^/v[0-9]+/orders')"),
    ruleCase('steer: a share by chance', {}),
    ruleCase('steer: a share by address', { sticky: { kind: 'ip' } }),
    ruleCase('steer: a share by cookie', { sticky: { kind: 'cookie', name: 'sluice-steer', maxAgeSeconds: 60 } }),
  ];
}

function conditionCase(name: string, text: string): MicroCase {
  return {
    name,
    prepare() {
      const condition = prepareCondition(conditionOf(text));
      const x = request();
      return () => {
        sink.number += condition.holds(x) ? 1 : 0;
      };
    },
  };
}

function ruleCase(name: string, parts: Partial<SteerPlan>): MicroCase {
  return {
    name,
    prepare() {
      const plan = { name: 'canary', idLow: 1, idHigh: 2, rule: 0, upstream: 1, share: 0.05, ...parts };
      const rule = new SteerRule(plan, 0 as SeriesIndex);
      const x = request();
      return () => {
        sink.number += rule.takes(x) ? 1 : 0;
      };
    },
  };
}

function conditionOf(text: string): Condition {
  const parsed = parseCondition(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function request(): Exchange {
  const x = new Exchange(undefined as never, undefined as never, undefined as never, 0);
  const headers = REQUEST_HEADERS.flatMap(([name, value]) => [name.toLowerCase(), value]);
  headers.push('cookie', 'theme=dark; sluice-steer=0123456789abcdef');
  return Object.assign(x, { method: 'GET', path, query: `?${query}`, clientAddress: '192.0.2.1', headers });
}
