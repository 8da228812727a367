// What of a request's path, query and user agent is written down: secrets and personal data become ***. Whole parts are masked (a
// segment, a parameter's value, a word), looked at decoded, so that no spelling hides them.

import { Patterns } from '../conditions/regex/patterns.ts';
import { decodedBytes } from '../router/decoded-bytes.ts';
import { hasCardNumber } from './card-number.ts';
import type { MaskPlan, MaskPreset } from './mask-plan.ts';

const MASK = '***';

// In linear time, like all that strangers write.
const EMAIL = String.raw`[A-Za-z0-9._%+-]@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2}`;
// A signed token (RFC 7519) begins with {" in base64url; of others, the word before them tells.
const TOKEN = String.raw`eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+|[Bb]earer[ +:=]+\S`;

const presetPatterns: Readonly<Record<Exclude<MaskPreset, 'cards'>, string>> = { emails: EMAIL, tokens: TOKEN };

export class Masker {
  readonly #parameters: ReadonlySet<string>;
  /** Of paths' segments only. */
  readonly #segments: Patterns;
  readonly #masksPaths: boolean;
  readonly #looks: Patterns | undefined;
  readonly #masksCards: boolean;

  constructor({ parameters, segments, presets }: MaskPlan) {
    this.#parameters = new Set(parameters);
    this.#segments = new Patterns(segments);
    const looks = presets.flatMap((preset) => (preset === 'cards' ? [] : [presetPatterns[preset]]));
    this.#looks = looks.length === 0 ? undefined : new Patterns(looks);
    this.#masksCards = presets.includes('cards');
    this.#masksPaths = segments.length > 0 || presets.length > 0;
  }

  /** @hot the path itself, unless something in paths is masked */
  path(path: string): string {
    if (!this.#masksPaths) return path;
    let masked = '';
    for (let start = 0; start <= path.length; ) {
      const end = endOf(path, '/', start);
      const segment = path.slice(start, end);
      const isMasked = segment !== '' && this.#isSegmentMasked(decodedBytes(segment, false));
      masked += (start === 0 ? '' : '/') + (isMasked ? MASK : segment);
      start = end + 1;
    }
    return masked;
  }

  /** @param query  with its '?' @returns without it */
  query(query: string): string {
    let masked = '';
    for (let start = 1; start <= query.length; ) {
      const end = endOf(query, '&', start);
      masked += (start === 1 ? '' : '&') + this.#pair(query.slice(start, end));
      start = end + 1;
    }
    return masked;
  }

  /** @returns the text itself, unless something is masked by its look */
  words(text: string): string {
    if (!this.#looksSecret(text)) return text;
    // bearer abc: the second word is known by the first. A card's number may have spaces in it: nobody knows which word it is.
    const masked = text.split(' ').map((word, at, all) => {
      const isBehindBearer = at > 0 && /bearer[:=]?$/i.test(all[at - 1] as string);
      return isBehindBearer || this.#looksSecret(word) ? MASK : word;
    });
    const joined = masked.join(' ');
    return this.#masksCards && hasCardNumber(joined) ? MASK : joined;
  }

  #pair(pair: string): string {
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    const value = equals < 0 ? '' : decodedBytes(pair.slice(equals + 1), true);
    const decodedName = decodedBytes(name, true);
    // A token may stand where a name is expected.
    const shown = this.#looksSecret(decodedName) ? MASK : name;
    if (equals < 0) return shown;
    const isMasked = value !== '' && (this.#isSecretName(decodedName) || this.#looksSecret(value));
    return `${shown}=${isMasked ? MASK : pair.slice(equals + 1)}`;
  }

  /** token, TOKEN, user[token], filter.token */
  #isSecretName(name: string): boolean {
    const lower = name.toLowerCase();
    if (this.#parameters.has(lower)) return true;
    const parts = lower.split(/[[\].]+/);
    return parts.length > 1 && parts.some((part) => this.#parameters.has(part));
  }

  #isSegmentMasked(segment: string): boolean {
    return this.#segments.mayMatch(segment) || this.#looksSecret(segment);
  }

  #looksSecret(text: string): boolean {
    return this.#looks?.mayMatch(text) === true || (this.#masksCards && hasCardNumber(text));
  }
}

function endOf(text: string, separator: string, start: number): number {
  const end = text.indexOf(separator, start);
  return end < 0 ? text.length : end;
}
