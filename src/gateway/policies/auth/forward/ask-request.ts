// The request to an authoriser, made of a request that came in: nothing of it but what the configuration names, and what the gateway
// says of it itself.

import { createHash } from 'node:crypto';
import { readCookie, readQuery } from '../../../conditions/read-parameter.ts';
import { cameByHttps } from '../../../pipeline/came-by-https.ts';
import type { Exchange } from '../../../pipeline/exchange.ts';
import { bodyBytesOf } from '../../../pipeline/whole-body.ts';
import type { Credential } from '../credential.ts';
import type { ForwardPart, ForwardPlan } from './forward-plan.ts';

/** All of it but for the target's own: host and base path. */
export interface AskRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  /** 'name: value\r\n' each, in latin1; without Host. */
  readonly lines: string;
  readonly body: Buffer;
}

const NO_BODY = Buffer.alloc(0);
const OWN_LINES = 'user-agent: sluice\r\naccept: application/json, */*;q=0.1\r\n';
// They say how a body is to be read.
const BODY_HEADERS = ['content-type', 'content-encoding'];

export function askRequest(x: Exchange, plan: ForwardPlan): AskRequest {
  const body = plan.payload === 'json' ? jsonBody(x, plan) : plan.bodyBytesMax > 0 ? bodyBytesOf(x) : NO_BODY;
  let lines = `${OWN_LINES}x-request-id: ${x.requestId}\r\n`;
  if (plan.tellsOriginal) lines += originalLines(x);
  if (plan.payload === 'original') lines += chosenLines(x, plan);
  else lines += 'content-type: application/json\r\n';
  if (plan.method === 'POST') lines += `content-length: ${body.length}\r\n`;
  const query = plan.payload === 'original' ? queryOf(x, plan) : '';
  return { method: plan.method, path: plan.path + query, lines, body };
}

/** By what answers are told apart: the same for no two requests that differ in something that is told or named. */
export function askKey(x: Exchange, plan: ForwardPlan, by: readonly ForwardPart[]): string {
  const hash = createHash('sha256');
  // Each text with its length in front, or a sign that there is none: no two lists of texts look alike.
  const add = (value: string | undefined): void => {
    hash.update(value === undefined ? '-;' : `${value.length}:${value};`, 'utf8');
  };
  for (const credential of plan.credentials) add(credentialOf(x, credential));
  for (const name of headersOf(plan)) {
    const values = valuesOf(x, name);
    hash.update(`${values.length}#`);
    for (const value of values) add(value);
  }
  for (const name of plan.queries) add(readQuery(x.query, name));
  for (const part of by) add(partOf(x, part));
  if (plan.bodyBytesMax > 0) hash.update(bodyBytesOf(x));
  return hash.digest('base64');
}

/** @returns undefined where the request has none @hot */
export function credentialOf(x: Exchange, { in: place, name }: Credential): string | undefined {
  if (place === 'query') return readQuery(x.query, name);
  const value = place === 'cookie' ? readCookie(x, name) : x.header(name);
  return value === '' ? undefined : value;
}

/** What the gateway knows of the request: never what the client says there. */
function originalLines(x: Exchange): string {
  const host = x.authority === '' ? '' : `x-forwarded-host: ${x.authority}\r\n`;
  return (
    `x-forwarded-method: ${x.method}\r\nx-forwarded-proto: ${cameByHttps(x) ? 'https' : 'http'}\r\n${host}` +
    `x-forwarded-uri: ${x.rawPath}${x.query}\r\nx-forwarded-for: ${x.clientAddress}\r\n`
  );
}

function chosenLines(x: Exchange, plan: ForwardPlan): string {
  let lines = '';
  for (const name of headersOf(plan)) for (const value of valuesOf(x, name)) lines += `${name}: ${value}\r\n`;
  return lines + cookieLine(x, plan);
}

/** Those that are named, and those that say what a body is. */
function headersOf({ credentials, headers, bodyBytesMax, payload }: ForwardPlan): ReadonlySet<string> {
  return new Set([
    ...credentials.filter((each) => each.in === 'header').map(({ name }) => name),
    ...headers,
    ...(bodyBytesMax > 0 && payload === 'original' ? BODY_HEADERS : []),
  ]);
}

/** The cookies that are credentials, where the header as a whole is not sent. */
function cookieLine(x: Exchange, plan: ForwardPlan): string {
  if (plan.headers.includes('cookie')) return '';
  const pairs = plan.credentials.flatMap((each) => {
    const value = each.in === 'cookie' ? readCookie(x, each.name) : undefined;
    return value === undefined ? [] : [`${each.name}=${value}`];
  });
  return pairs.length === 0 ? '' : `cookie: ${pairs.join('; ')}\r\n`;
}

function queryOf(x: Exchange, plan: ForwardPlan): string {
  const query = Object.entries(parametersOf(x, plan))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&');
  return query === '' ? '' : `?${query}`;
}

/** Of several values the first. */
function parametersOf(x: Exchange, { credentials, queries }: ForwardPlan): Readonly<Record<string, string>> {
  const names = [...credentials.filter((each) => each.in === 'query').map(({ name }) => name), ...queries];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = readQuery(x.query, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function jsonBody(x: Exchange, plan: ForwardPlan): Buffer {
  const header: Record<string, string> = {};
  for (const name of headersOf(plan)) {
    const values = valuesOf(x, name);
    if (values.length > 0) header[name] = values.join(', ');
  }
  const cookies = cookieLine(x, plan);
  if (cookies !== '') header['cookie'] = cookies.slice('cookie: '.length, -2);
  const body = plan.bodyBytesMax > 0 ? bodyFields(bodyBytesOf(x)) : { body: '' };
  return Buffer.from(
    JSON.stringify({ header, query: parametersOf(x, plan), ...body, method: x.method, path: x.rawPath }),
  );
}

/** As text where it is text. */
function bodyFields(bytes: Buffer): object {
  const body = bytes.toString('utf8');
  return Buffer.from(body).equals(bytes) ? { body } : { body: bytes.toString('base64'), isBase64Encoded: true };
}

function partOf(x: Exchange, part: ForwardPart): string {
  switch (part) {
    case 'method':
      return x.method;
    case 'path':
      return x.rawPath;
    case 'query':
      return x.query;
    case 'host':
      return `${cameByHttps(x) ? 'https' : 'http'}://${x.authority}`;
    case 'ip':
      return x.clientAddress;
  }
}

function valuesOf(x: Exchange, name: string): readonly string[] {
  const values: string[] = [];
  for (let i = 0; i < x.headers.length; i += 2) if (x.headers[i] === name) values.push(x.headers[i + 1] as string);
  return values;
}
