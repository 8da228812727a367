// A route's pattern, cut into segments: /shop/v1/orders/{id}, /files/{rest*}.
//
// Literal segments are brought into the same form as request paths (normalize-path.ts), so that a pattern may be written
// with any spelling of a character. Runs of '/' merge, too. Dot segments are refused: in a pattern they are a mistake.

import { err, ok, type Result } from '../../base/result.ts';
import { TRIE_SEGMENTS_MAX } from '../../shm/trie-layout.ts';
import { ADMIT } from '../pipeline/errors.ts';
import { matchForm, type NormalizedPath, normalizePath } from './normalize-path.ts';

export type Segment =
  /** In its normal form; '' after a slash at the end. */
  | { readonly kind: 'literal'; readonly text: string }
  /** One segment, not empty. */
  | { readonly kind: 'param'; readonly name: string }
  /** All that follows the slash, possibly nothing; always the last. */
  | { readonly kind: 'rest'; readonly name: string };

const PLACEHOLDER = /^\{([^{}*]*)(\*?)\}$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const scratch: NormalizedPath = { path: '', flags: 0 };

/**
 * @param pattern  of the whole path, the service's prefix included
 * @returns the segments from left to right, or every problem as half a sentence
 */
export function parsePattern(pattern: string): Result<readonly Segment[], readonly string[]> {
  if (!pattern.startsWith('/')) return err(["must start with '/'"]);
  const texts = pattern.slice(1).split('/');
  const lastIndex = texts.length - 1;
  const problems: string[] = [];
  const segments: Segment[] = [];
  for (const [index, text] of texts.entries()) {
    if (text === '' && index !== lastIndex) continue;
    const segment = /[{}]/.test(text) ? parsePlaceholder(text, problems) : parseLiteral(text, problems);
    if (segment === undefined) continue;
    if (segment.kind === 'rest' && index !== lastIndex) problems.push(`'${text}' must be the last segment`);
    if (segment.kind !== 'literal' && isNameTaken(segment.name, segments)) {
      problems.push(`has two parameters named '${segment.name}'`);
    }
    segments.push(segment);
  }
  if (segments.length > TRIE_SEGMENTS_MAX) {
    problems.push(`has ${segments.length} segments; at most ${TRIE_SEGMENTS_MAX} are possible`);
  }
  return problems.length === 0 ? ok(segments) : err(problems);
}

function parsePlaceholder(text: string, problems: string[]): Segment | undefined {
  const [, name, star] = PLACEHOLDER.exec(text) ?? [];
  if (name === undefined) {
    problems.push(`'${text}' mixes text and parameters; a parameter is a whole segment: {name} or {name*}`);
    return undefined;
  }
  if (!NAME.test(name)) {
    problems.push(`'${text}' has a bad name; expected letters, digits and _, not starting with a digit`);
    return undefined;
  }
  return { kind: star === '*' ? 'rest' : 'param', name };
}

function parseLiteral(text: string, problems: string[]): Segment | undefined {
  if (text === '') return { kind: 'literal', text };
  const verdict = normalizePath(`/${text}`, scratch);
  const isDotSegment = /^(?:\.|%2e){1,2}$/i.test(text);
  if (verdict === ADMIT && !isDotSegment) return { kind: 'literal', text: matchForm(scratch.path).slice(1) };
  problems.push(
    isDotSegment
      ? `has the dot segment '${text}'`
      : `'${text}' can be in no path; spaces, '?', '#' and letters outside ASCII are written percent-encoded`,
  );
  return undefined;
}

function isNameTaken(name: string, segments: readonly Segment[]): boolean {
  return segments.some((segment) => segment.kind !== 'literal' && segment.name === name);
}
