// A pattern as it is written → its parts: * and ?, ${sluice:key} and ${sluice:key, 'fallback'}, and ${*}, ${?}, ${$} for the
// characters themselves.

import { err, ok, type Result } from '../../base/result.ts';
import { findKey, kindOfKey } from './permission-keys.ts';
import { ANY_ONE, ANY_RUN, type PatternPart, type PatternPlan, type VariablePlan } from './permission-plan.ts';

export const PATTERN_CHARS_MAX = 512;
const VARIABLES_MAX = 8;
const VARIABLE = /^([^,'{}]{1,160}?)(?:, ?'([^'{}$]{0,128})')?$/;
// qcs::apigw:ap-guangzhou:uin/123:service/shop/API/get-order: what stands behind the fifth colon is the resource, the rest says whose
// and where, which a gateway of one's own does not ask.
const TENCENT = /^qcs:[^:{}]*:([^:{}]*):[^:{}]*:[^:{}]*:(.+)$/;
const TENCENT_API = /^(service\/[^/]+)\/API\//;

interface PatternTerms {
  /** `*` and `?` are wildcards. */
  readonly hasWildcards: boolean;
  readonly hasVariables: boolean;
}

/** @returns the pattern, or a sentence that begins behind the word `it` */
export function readPattern(
  written: string,
  { hasWildcards, hasVariables }: PatternTerms,
): Result<PatternPlan, string> {
  if (written.length > PATTERN_CHARS_MAX) return err(`is longer than ${PATTERN_CHARS_MAX} characters`);
  const parts: PatternPart[] = [];
  let text = '';
  let variableCount = 0;
  const add = (part: PatternPart): void => {
    if (text !== '') parts.push(text);
    text = '';
    // Two in a row say no more than one.
    if (part !== ANY_RUN || parts.at(-1) !== ANY_RUN) parts.push(part);
  };
  for (let at = 0; at < written.length; at++) {
    const char = written[at] as string;
    if (hasVariables && written.startsWith('${', at)) {
      const end = written.indexOf('}', at);
      const inner = end < 0 ? '' : written.slice(at + 2, end);
      const variable = readVariable(inner);
      if (!variable.ok) return variable;
      at = end;
      if (typeof variable.value === 'string') text += variable.value;
      else if (++variableCount > VARIABLES_MAX) return err(`has more than ${VARIABLES_MAX} variables`);
      else add(variable.value);
    } else if (hasWildcards && char === '*') add(ANY_RUN);
    else if (hasWildcards && char === '?') add(ANY_ONE);
    else text += char;
  }
  if (text !== '' || parts.length === 0) parts.push(text);
  return ok(parts);
}

function readVariable(inner: string): Result<string | VariablePlan, string> {
  if (inner === '*' || inner === '?' || inner === '$') return ok(inner);
  const [, written, fallback] = VARIABLE.exec(inner) ?? [];
  const key = written === undefined ? undefined : findKey(written);
  if (key === undefined) return err('has a ${ that begins no variable such as ${sluice:consumer}');
  const kind = kindOfKey(key);
  if (kind === 'list' || kind === 'time' || kind === 'flag')
    return err(`has the variable ${key}, which is no single text`);
  return ok({ key, ...(fallback !== undefined && { fallback }) });
}

/** @returns the resource with the names that it has here */
export function readResource(written: string): Result<PatternPlan, string> {
  const [, product, rest] = TENCENT.exec(written) ?? [];
  if (product === undefined || rest === undefined) {
    if (/^(?:qcs|arn|acs):/.test(written)) return err('is no resource of this gateway');
    return readPattern(written, { hasWildcards: true, hasVariables: true });
  }
  if (!['apigw', '*', ''].includes(product)) return err(`is a resource of ${product}: here they are of apigw`);
  return readPattern(rest.replace(TENCENT_API, '$1/route/'), { hasWildcards: true, hasVariables: true });
}
