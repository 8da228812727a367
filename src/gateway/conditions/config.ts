// A condition as a value of sluice.yaml.

import type * as z from 'zod';
import { assertNever } from '../../base/assert.ts';
import { scalar } from '../units/config.ts';
import type { Condition } from './condition.ts';
import { CONDITION_CHARS_MAX, parseCondition } from './parse-condition.ts';

export type { Condition } from './condition.ts';

/** Whether it can only be asked once the consumer is known. */
export function namesConsumer(condition: Condition): boolean {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return condition.conditions.some(namesConsumer);
    case 'not':
      return namesConsumer(condition.condition);
    case 'compare':
      return condition.left.kind === 'consumer' || condition.right.kind === 'consumer';
    case 'exists':
    case 'regex':
      return condition.parameter.kind === 'consumer';
    default:
      return assertNever(condition);
  }
}

export function condition(): z.ZodType<Condition> {
  return scalar({
    expected: "a condition such as header.x-beta = '1' and query.level > 3",
    json: { type: 'string', minLength: 1, maxLength: CONDITION_CHARS_MAX },
    read: (value) => {
      const parsed = typeof value === 'string' ? parseCondition(value) : undefined;
      return parsed?.ok === true ? parsed.value : undefined;
    },
    explain: (value) => {
      const parsed = typeof value === 'string' ? parseCondition(value) : undefined;
      return parsed?.ok === false ? `is no condition: ${parsed.error}` : undefined;
    },
  });
}
