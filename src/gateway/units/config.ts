// What schemas of the configuration are built from. Each block says in plain words what it expects, so that a problem can
// be told without zod's own messages, and gives the JSON Schema that editors complete from.
//
// Values reach a schema after ${NAME} was filled in, always as text: a number or a switch may therefore be text too, and
// the JSON Schema lets a ${ pass where the reader will see something else.

import { isIP } from 'node:net';
import * as z from 'zod';
import { IDENTITY, parseTimestamp, SAFE_NAME, TIMESTAMP } from '../../base/names.ts';
import {
  parseDuration,
  parsePercentage,
  parseRate,
  parseSize,
  printDuration,
  printSize,
  type Rate,
} from '../../base/units.ts';
import type { LimitBy } from '../limiter/limit-by.ts';
import { ADMIT } from '../pipeline/errors.ts';
import { methods } from '../router/methods.ts';
import { type NormalizedPath, normalizePath } from '../router/normalize-path.ts';
import { parsePattern } from '../router/parse-pattern.ts';

/** What a custom zod issue of these blocks carries in `params`. */
export interface Problem {
  /** What was expected, to be read after the word 'expected'. */
  readonly expected?: string;
  /** The value has another shape altogether: another branch of a union may fit it. */
  readonly wrongShape?: boolean;
  /** The value is a word that a later version will know. */
  readonly later?: boolean;
  /** Names that were possible, for 'did you mean'. */
  readonly names?: readonly string[];
  /** A sentence instead of 'is not valid'. */
  readonly message?: string;
  /** The message quotes the value: it is not shown when that came from the environment. */
  readonly quotes?: boolean;
}

/** The message of an unrecognized_keys issue, as JSON: zod gives an error function no other way out. */
export interface SectionKeys {
  readonly known: readonly string[];
  readonly later: readonly string[];
}

/** What a route answers to. */
export interface RouteMatch {
  /** 'ANY' for every method. */
  readonly method: string;
  readonly path: string;
}

/** JSON Schema keywords. */
type Keywords = Readonly<Record<string, unknown>>;

interface ScalarSpec<T> {
  readonly expected: string;
  readonly json: Keywords;
  readonly names?: readonly string[];
  /** @returns undefined when the value is not valid */
  read(value: unknown): T | undefined;
  /** Whether a later version will know this value. */
  later?(value: unknown): boolean;
  /** What is wrong with it, when more can be told than what was expected. May quote the value. */
  explain?(value: unknown): string | undefined;
}

// Anywhere in the text: `${HOST}:8080` is as good as `${ADDRESS}`.
const REFERENCE = String.raw`\$\{`;
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const SINGLE_KEYS = ['ip', 'consumer', 'key', 'route'] as const;
const SECONDS_PER_DAY = 86_400;
// 1/day is what the slots' arithmetic still tells from zero, 1,000,000/s what it still has headroom for (architecture §5).
const TOKENS_PER_SECOND_MIN = 1 / SECONDS_PER_DAY;
const TOKENS_PER_SECOND_MAX = 1_000_000;

/** One value that is not a map or list. */
export function scalar<T>(spec: ScalarSpec<T>): z.ZodType<T> {
  return z
    .unknown()
    .transform((value, context): T => {
      const read = spec.read(value);
      if (read !== undefined) return read;
      const message = spec.explain?.(value);
      const problem: Problem = {
        expected: spec.expected,
        wrongShape: typeof value === 'object',
        later: spec.later?.(value) === true,
        ...(spec.names === undefined ? {} : { names: spec.names }),
        ...(message === undefined ? {} : { message, quotes: true }),
      };
      context.issues.push({ code: 'custom', input: value, params: { ...problem } });
      return z.NEVER;
    })
    .meta(spec.json);
}

/** A map with known keys. Keys of a later version are named as such, others are unknown. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape, later: readonly string[] = []) {
  const keys: SectionKeys = { known: Object.keys(shape), later };
  const text = JSON.stringify(keys);
  return z.strictObject(shape, { error: (issue) => (issue.code === 'unrecognized_keys' ? text : undefined) });
}

/** Text for which `read` finds a value; `pattern` (for editors) is without its anchors. */
export function text<T>(expected: string, pattern: string, read: (value: string) => T | undefined): z.ZodType<T> {
  return scalar({
    expected,
    json: { type: 'string', pattern: `^(?:${pattern})$|${REFERENCE}` },
    read: (value) => (typeof value === 'string' ? read(value) : undefined),
  });
}

/** A name that stands in places and labels: a dot or a quote would make two different places look the same. */
export function safeName(): z.ZodType<string> {
  return text('a name of at most 64 letters, digits, - and _', SAFE_NAME.source.slice(1, -1), (value) =>
    SAFE_NAME.test(value) ? value : undefined,
  );
}

/** Who somebody is, as it stands in X-Consumer-Id and in logs: an address of e-mail will do. */
export function identity(): z.ZodType<string> {
  return text('a name of at most 128 letters, digits and . _ @ + -', IDENTITY.source.slice(1, -1), (value) =>
    IDENTITY.test(value) ? value : undefined,
  );
}

/** @returns milliseconds since 1970 */
export function timestamp(): z.ZodType<number> {
  return text(
    'a day or time in UTC, such as 2027-01-31 or 2027-01-31T12:00:00Z',
    TIMESTAMP.source.slice(1, -1),
    parseTimestamp,
  );
}

/** A method that is routed, in upper case. */
export function methodName(): z.ZodType<(typeof methods)[number]> {
  return word(methods);
}

export function whole(min: number, max: number): z.ZodType<number> {
  return scalar({
    expected: `a whole number from ${min} to ${max}`,
    json: {
      anyOf: [
        { type: 'integer', minimum: min, maximum: max },
        { type: 'string', pattern: `^[0-9]{1,15}$|${REFERENCE}` },
      ],
    },
    read: (value) => {
      const number = typeof value === 'string' && /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
      if (typeof number !== 'number' || !Number.isInteger(number)) return undefined;
      return number >= min && number <= max ? number : undefined;
    },
  });
}

export function flag(): z.ZodType<boolean> {
  return scalar({
    expected: 'true or false',
    json: { anyOf: [{ type: 'boolean' }, { type: 'string', pattern: `^(?:true|false)$|${REFERENCE}` }] },
    read: (value) => {
      if (typeof value === 'boolean') return value;
      if (value === 'true') return true;
      return value === 'false' ? false : undefined;
    },
  });
}

/** One of a few words. */
export function word<const W extends string>(words: readonly W[], later: readonly string[] = []): z.ZodType<W> {
  return scalar({
    expected: listed(words),
    names: words,
    json: { anyOf: [{ enum: [...words] }, { type: 'string', pattern: REFERENCE }] },
    read: (value) => words.find((known) => known === value),
    later: (value) => later.some((name) => name === value),
  });
}

/** Milliseconds. */
export function duration(minMs: number, maxMs: number): z.ZodType<number> {
  const range = `from ${printDuration(minMs)} to ${printDuration(maxMs)}`;
  return amount(`a duration ${range}, such as 500ms, 2s, 5m or 1h`, '[0-9]{1,15}(?:ms|s|m|h)', (value) =>
    within(parseDuration(value), minMs, maxMs),
  );
}

/** Milliseconds, 0 for none. */
export function durationOrNone(minMs: number, maxMs: number): z.ZodType<number> {
  const range = `from ${printDuration(minMs)} to ${printDuration(maxMs)}`;
  return text(`none, or a duration ${range}, such as 30s`, 'none|[0-9]{1,15}(?:ms|s|m|h)', (value) =>
    value === 'none' ? 0 : within(parseDuration(value), minMs, maxMs),
  );
}

/** Bytes. */
export function size(min: number, max: number): z.ZodType<number> {
  const range = `from ${printSize(min)} to ${printSize(max)}`;
  return amount(`a size ${range}, such as 16KiB or 10MiB`, '[0-9]{1,15}(?:B|KiB|MiB|GiB)', (value) =>
    within(parseSize(value), min, max),
  );
}

/** Bytes per second, 0 for none. */
export function byteRate(max: number): z.ZodType<number> {
  return text(
    `none, or a rate up to ${printSize(max)}/s, such as 240B/s`,
    'none|[0-9]{1,15}(?:B|KiB|MiB|GiB)/s',
    (value) => {
      if (value === 'none') return 0;
      return value.endsWith('/s') ? within(parseSize(value.slice(0, -2)), 1, max) : undefined;
    },
  );
}

/** A rate within what limits can count. */
export function rate(): z.ZodType<Rate> {
  const expected = 'a rate from 1/day to 1000000/s, such as 100/s, 6000/min, 500/h or 1000/day';
  return text(expected, '[0-9]{1,15}/(?:s|min|h|day)', (value) => {
    const parsed = parseRate(value);
    if (parsed === undefined) return undefined;
    const perSecond = parsed.count / parsed.periodSeconds;
    return within(perSecond, TOKENS_PER_SECOND_MIN, TOKENS_PER_SECOND_MAX) === undefined ? undefined : parsed;
  });
}

/** A share from 0 to 1, written as a percentage. */
export function percentage(): z.ZodType<number> {
  const expected = 'a percentage from 0% to 100%, such as 20% or 0.5%';
  return text(expected, '[0-9]{1,3}(?:\\.[0-9]{1,3})?%', parsePercentage);
}

/** What a limit's key is made of. */
export function limitBy(): z.ZodType<LimitBy> {
  return scalar({
    expected: 'ip, consumer, key, route, claim.NAME, header.NAME, query.NAME or path.NAME',
    names: SINGLE_KEYS,
    json: {
      anyOf: [
        { enum: SINGLE_KEYS },
        {
          type: 'string',
          pattern: `^header\\.${TOKEN.source.slice(1)}|^(?:query|path|claim)\\..{1,128}$|${REFERENCE}`,
        },
      ],
    },
    read: (value) => {
      const single = SINGLE_KEYS.find((kind) => kind === value);
      if (single !== undefined) return { kind: single };
      const [, kind, name = ''] =
        typeof value === 'string' ? (/^(header|query|path|claim)\.(.{1,128})$/.exec(value) ?? []) : [];
      if (kind === 'query' || kind === 'path' || kind === 'claim') return { kind, name };
      return kind === 'header' && TOKEN.test(name) ? { kind, name: name.toLowerCase() } : undefined;
    },
  });
}

/** The name of a request header, in lower case. */
export function headerName(refused: ReadonlySet<string>): z.ZodType<string> {
  return text('the name of a request header that may carry this', TOKEN.source.slice(1, -1), (value) => {
    const lower = value.toLowerCase();
    return TOKEN.test(value) && !refused.has(lower) ? lower : undefined;
  });
}

/** An IP address or CIDR block. */
export function addressBlock(): z.ZodType<string> {
  return text('an IP address or a CIDR block such as 10.0.0.0/8', '[0-9A-Fa-f.:]+(?:/[0-9]{1,3})?', (value) => {
    const match = /^([0-9A-Fa-f.:]+)(?:\/([0-9]{1,3}))?$/.exec(value);
    const family = isIP(match?.[1] ?? '');
    if (match === null || family === 0) return undefined;
    const bitsMax = family === 4 ? 32 : 128;
    return Number(match[2] ?? 0) <= bitsMax ? value : undefined;
  });
}

/** A name that this process knows. */
export function timeZone(): z.ZodType<string> {
  return text('a time zone of the IANA database, such as UTC or Europe/Berlin', '[A-Za-z0-9_+/-]+', (value) => {
    try {
      return new Intl.DateTimeFormat('en-US', { timeZone: value }).resolvedOptions().timeZone && value;
    } catch {
      return undefined;
    }
  });
}

/** A prefix of literal segments: '' or /shop/v1. */
export function pathPrefix(): z.ZodType<string> {
  return text('a path such as /shop/v1: literal segments in their normal form', '(?:/[^/{}*?#\\\\; ]+)*|/', (value) => {
    if (value === '' || value === '/') return '';
    return value.startsWith('/') && value.slice(1).split('/').every(isLiteralSegment) ? value : undefined;
  });
}

/** METHOD SP PATH, as in GET /orders/{id}: {name} takes one segment, {name*} the rest; ANY stands for every method. */
export function routeMatch(): z.ZodType<RouteMatch> {
  const expected = `METHOD /path, such as GET /orders/{id} or ANY /files/{rest*}; the method is ${listed(['ANY', ...methods])}`;
  return scalar({
    expected,
    json: { type: 'string', pattern: `^(?:ANY|${methods.join('|')}) /[^?# ]*$|${REFERENCE}` },
    read: (value) => {
      const match = splitMatch(value);
      return match !== undefined && parsePattern(match.path).ok ? match : undefined;
    },
    explain: (value) => {
      const match = splitMatch(value);
      const pattern = match === undefined ? undefined : parsePattern(match.path);
      return pattern === undefined || pattern.ok ? undefined : `is not valid: its path ${pattern.error.join('; ')}`;
    },
  });
}

/** Names of the parameters in a route's path; none where it is not valid. */
export function pathParameters(path: string): readonly string[] {
  const pattern = parsePattern(path);
  return pattern.ok ? pattern.value.flatMap((segment) => (segment.kind === 'literal' ? [] : [segment.name])) : [];
}

/** 'a', 'a or b', 'one of a, b, c' */
export function listed(words: readonly string[]): string {
  return words.length <= 2 ? words.join(' or ') : `one of ${words.join(', ')}`;
}

/** Text, or the number 0, which needs no unit. */
function amount(expected: string, pattern: string, read: (value: string) => number | undefined): z.ZodType<number> {
  return scalar({
    expected,
    json: { anyOf: [{ const: 0 }, { type: 'string', pattern: `^(?:0|${pattern})$|${REFERENCE}` }] },
    read: (value) => {
      if (value === 0) return read('0');
      return typeof value === 'string' ? read(value) : undefined;
    },
  });
}

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

function splitMatch(value: unknown): RouteMatch | undefined {
  const [, name, path] = typeof value === 'string' ? (/^([A-Z]+) (\/.*)$/.exec(value) ?? []) : [];
  const method = ['ANY', ...methods].find((known) => known === name);
  return method === undefined || path === undefined ? undefined : { method, path };
}

/** A segment in its normal form, without anything that looks like a pattern: what stripPath cuts off by its length. */
function isLiteralSegment(segment: string): boolean {
  if (segment === '' || /[{}*]/.test(segment)) return false;
  const out: NormalizedPath = { path: '', flags: 0 };
  const isPath = normalizePath(`/${segment}`, out) === ADMIT;
  return isPath && out.flags === 0 && out.path === `/${segment}`;
}
