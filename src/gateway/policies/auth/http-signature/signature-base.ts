// The signature base: what of a request is signed, a line for each component and one for how it is signed.
//
//   "@method": POST
//   "@authority": example.com
//   "content-digest": sha-512=:WZDPaV…:
//   "@signature-params": ("@method" "@authority" "content-digest");created=1618884473;keyid="…"
//
// Components that this gateway does not know, or cannot say without doubt, are refused: of an answer (@status, ;req), of trailers
// (;tr), of a field that is not there, of a parameter of the query that is there twice.
//
// @source  RFC 9421, sections 2.1 to 2.5

import {
  type InnerList,
  type Item,
  parseDictionary,
  printDictionary,
  printItem,
  printMember,
} from '../../../../base/structured-fields.ts';
import { cameByHttps } from '../../../pipeline/came-by-https.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';

const FIELD = /^[a-z0-9!#$%&'*+.^_`|~-]+$/;
const COMPONENTS_MAX = 64;
const PARAMETERS_MAX = 1_000;
// What application/x-www-form-urlencoded leaves as it is (URL Standard).
const ENCODED = /[!'()~]/g;
// Fields that are dictionaries: for others ;sf and ;key would have to guess.
const DICTIONARIES: ReadonlySet<string> = new Set([
  'content-digest',
  'repr-digest',
  'want-content-digest',
  'want-repr-digest',
  'priority',
  'signature',
  'signature-input',
]);

/** @returns undefined when a component cannot be said */
export function signatureBase(x: Exchange, input: InnerList): string | undefined {
  if (input.items.length > COMPONENTS_MAX) return undefined;
  const names = new Set<string>();
  let base = '';
  for (const component of input.items) {
    if (component.item.kind !== 'string') return undefined;
    const name = printItem(component);
    const value = componentOf(x, component.item.value, component);
    if (value === undefined || names.has(name)) return undefined;
    names.add(name);
    base += `${name}: ${value}\n`;
  }
  return `${base}"@signature-params": ${printMember(input)}`;
}

function componentOf(x: Exchange, name: string, { parameters }: Item): string | undefined {
  if (!name.startsWith('@')) return FIELD.test(name) ? fieldOf(x, name, parameters) : undefined;
  if (name === '@query-param') return parameters.size === 1 ? queryParameter(x.query, parameters) : undefined;
  return parameters.size === 0 ? derived(x, name) : undefined;
}

function derived(x: Exchange, name: string): string | undefined {
  switch (name) {
    case '@method':
      return x.method;
    case '@target-uri':
      return `${schemeOf(x)}://${authorityOf(x)}${x.rawPath}${x.query}`;
    case '@authority':
      return authorityOf(x);
    case '@scheme':
      return schemeOf(x);
    case '@request-target':
      return x.rawPath + x.query;
    case '@path':
      return x.rawPath;
    case '@query':
      return x.query === '' ? '?' : x.query;
    default:
      return undefined;
  }
}

function schemeOf(x: Exchange): string {
  return cameByHttps(x) ? 'https' : 'http';
}

/** Without the port that the scheme implies. */
function authorityOf(x: Exchange): string {
  const authority = x.authority.toLowerCase();
  const port = schemeOf(x) === 'https' ? ':443' : ':80';
  return authority.endsWith(port) ? authority.slice(0, -port.length) : authority;
}

function fieldOf(x: Exchange, name: string, parameters: Item['parameters']): string | undefined {
  const values = valuesOf(x, name);
  if (values.length === 0) return undefined;
  const text = values.join(', ');
  if (parameters.size === 0) return text;
  if (parameters.size > 1) return undefined;
  const key = parameters.get('key');
  if (key !== undefined) return key.kind === 'string' ? memberOf(name, text, key.value) : undefined;
  if (isFlag(parameters, 'bs')) {
    return values.map((value) => `:${Buffer.from(value, 'latin1').toString('base64')}:`).join(', ');
  }
  const dictionary = isFlag(parameters, 'sf') && DICTIONARIES.has(name) ? parseDictionary(text) : undefined;
  return dictionary && printDictionary(dictionary);
}

function isFlag(parameters: Item['parameters'], name: string): boolean {
  const item = parameters.get(name);
  return item?.kind === 'boolean' && item.value;
}

function memberOf(name: string, text: string, key: string): string | undefined {
  const member = DICTIONARIES.has(name) ? parseDictionary(text)?.get(key) : undefined;
  return member && printMember(member);
}

/** Each line's, without the spaces around it. */
function valuesOf(x: Exchange, name: string): readonly string[] {
  const values: string[] = [];
  for (let i = 0; i < x.headers.length; i += 2) {
    if (x.headers[i] === name) values.push((x.headers[i + 1] as string).trim());
  }
  return values;
}

/** The only one of its name, encoded again. */
function queryParameter(query: string, parameters: Item['parameters']): string | undefined {
  const name = parameters.get('name');
  if (name?.kind !== 'string') return undefined;
  const pairs = query.slice(1).split('&', PARAMETERS_MAX + 1);
  if (pairs.length > PARAMETERS_MAX) return undefined;
  const values = [...new URLSearchParams(query)].filter(([each]) => encoded(each) === name.value);
  return values.length === 1 ? encoded(values[0]?.[1] ?? '') : undefined;
}

function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    ENCODED,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
