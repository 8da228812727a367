// A condition as a value of sluice.yaml.

import type * as z from 'zod';
import { assertNever } from '../../base/assert.ts';
import { scalar } from '../units/config.ts';
import type { Condition } from './condition.ts';
import { CONDITION_CHARS_MAX, parseCondition } from './parse-condition.ts';
import { LinearRegex } from './regex/linear-regex.ts';

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

/**
 * A regular expression that is matched in linear time, as its text.
 * @param wrap  what it is read as
 */
export function linearRegex(wrap: (pattern: string) => string = (pattern) => pattern): z.ZodType<string> {
  return scalar({
    expected: 'a regular expression such as ^/internal/',
    json: { type: 'string', minLength: 1 },
    read: (value) => {
      if (typeof value !== 'string' || value === '') return undefined;
      // By itself first: (a)|(b is a mistake, also where what is put around it would close it.
      return LinearRegex.parse(value).ok && LinearRegex.parse(wrap(value)).ok ? wrap(value) : undefined;
    },
    explain: (value) => {
      if (typeof value !== 'string' || value === '') return undefined;
      const own = LinearRegex.parse(value);
      const parsed = own.ok ? LinearRegex.parse(wrap(value)) : own;
      return parsed.ok ? undefined : `is no regular expression: ${parsed.error}`;
    },
  });
}
