// What the application scheme signs behind the headers: five lines, of which clients write some in more than one way.
//
//   POST              the method
//   application/json  Accept
//   application/json  Content-Type
//   MzNi…             base64 of the HEX DIGITS of the body's MD5; empty for GET, for forms and without a body
//   /data?a=1&b=2     path without its environment, and the parameters of query and form together, sorted
//
// Tencent's documents sign what a value is before it is encoded; one of its own samples signs what is sent. One sample sorts
// parameters by their names, the other sorts 'name=value'. Each of these counts; they differ for few requests.

import { createHash } from 'node:crypto';
import { decodeQuery } from '../../../conditions/read-parameter.ts';

// Sorting them takes a millisecond.
const PARAMETERS_MAX = 1_000;

export interface AppPath {
  readonly text: string;
  /** How its characters are signed. */
  readonly encoding: 'latin1' | 'utf8';
}

/** As Content-MD5 has it. @param body  latin1 digits of an MD5, in base64: 33… → MzM… */
export function bodyMd5(body: Uint8Array): string {
  return Buffer.from(createHash('md5').update(body).digest('hex'), 'latin1').toString('base64');
}

/**
 * @param rawPath  as it was sent, without the query
 * @param query  with its '?', or ''
 * @param form  the body, if it is a form
 * @returns each way to write the last line, without repetition; undefined when there are too many parameters
 */
export function appPaths(
  rawPath: string,
  query: string,
  form: Buffer | undefined,
  environments: readonly string[],
): readonly AppPath[] | undefined {
  const path = withoutEnvironment(rawPath, environments);
  const sent = [...pairsOf(query.slice(1)), ...pairsOf(form?.toString('latin1') ?? '')];
  if (sent.length > PARAMETERS_MAX) return undefined;
  const texts = [...pairsOf(query.slice(1)), ...pairsOf(form?.toString('utf8') ?? '')];
  const decoded = texts.map(decodePair);
  const paths: AppPath[] = [];
  for (const ordered of [byText(decoded), byName(decoded)]) {
    for (const each of [decodePath(path), path]) add(paths, each + joined(ordered), 'utf8');
  }
  for (const ordered of [byText(sent), byName(sent)]) add(paths, path + joined(ordered), 'latin1');
  return paths;
}

function add(paths: AppPath[], text: string, encoding: AppPath['encoding']): void {
  if (!paths.some((path) => path.text === text)) paths.push({ text, encoding });
}

function withoutEnvironment(path: string, environments: readonly string[]): string {
  const end = path.indexOf('/', 1);
  const first = path.slice(1, end < 0 ? path.length : end);
  if (!environments.includes(first)) return path;
  return end < 0 ? '/' : path.slice(end);
}

interface Pair {
  readonly name: string;
  /** name=value */
  readonly text: string;
}

function pairsOf(text: string): readonly Pair[] {
  if (text === '') return [];
  return text
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => ({ name: pair.split('=', 1)[0] as string, text: pair }));
}

/** A name may have an '=', decoded. */
function decodePair({ name, text }: Pair): Pair {
  const decoded = decodeQuery(name);
  const rest = text.slice(name.length);
  return { name: decoded, text: rest === '' ? decoded : `${decoded}=${decodeQuery(rest.slice(1))}` };
}

// A slash or question mark in a segment, decoded, would be another path, or a query that nobody signed.
const STRUCTURE = /%(?:2f|3f)/i;

function decodePath(path: string): string {
  if (STRUCTURE.test(path)) return path;
  // A plus is one in a path.
  return path.includes('+') ? path.split('+').map(decodeQuery).join('+') : decodeQuery(path);
}

function joined(pairs: readonly Pair[]): string {
  return pairs.length === 0 ? '' : `?${pairs.map(({ text }) => text).join('&')}`;
}

/** As the Python sample. */
function byText(pairs: readonly Pair[]): readonly Pair[] {
  return pairs.toSorted((a, b) => compare(a.text, b.text));
}

/** As the JavaScript sample. Parameters of one name stay in their order. */
function byName(pairs: readonly Pair[]): readonly Pair[] {
  return pairs.toSorted((a, b) => compare(a.name, b.name));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
