// From an authoriser's answer to what it means: docs/configuration.md, "forward", is the contract.

import { errors, type Verdict } from '../../../pipeline/errors.ts';
import type { HeaderList } from '../../../pipeline/exchange.ts';
import { claimsOf } from '../claims.ts';
import type { ForwardPlan } from './forward-plan.ts';
import { admitted, failed, type Judgement, NO_CLAIMS, refused } from './judgement.ts';

export interface ForwardAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: HeaderList;
  readonly body: Buffer;
}

const NAME_CHARS_MAX = 128;
const VALUE_CHARS_MAX = 4_096;
const DETAIL_CHARS_MAX = 256;
// Of a body that the client gets.
const RELAYED_BYTES_MAX = 16 * 1024;
const PLAIN = /^[ -~]*$/;
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json(?:$|[\s;])/i;
const NO_NAMES: ReadonlySet<string> = new Set();

/** What the body of an answer may say, where it is JSON. */
interface Reply {
  readonly allow?: unknown;
  readonly consumer?: unknown;
  readonly headers?: unknown;
  readonly claims?: unknown;
  /** Seconds. */
  readonly ttl?: unknown;
  /** Why not, for the client. */
  readonly reason?: unknown;
}

export function readAnswer(answer: ForwardAnswer, plan: ForwardPlan): Judgement {
  const { status } = answer;
  if (status >= 200 && status < 300) return readPass(answer, plan);
  const isRedirect = plan.redirects && status >= 300 && status < 400 && status !== 304;
  if (isRedirect && firstOf(answer.headers, 'location') !== '') return relay(answer, plan, errors.UNAUTHENTICATED.id);
  if (status === 401) return relay(answer, plan, errors.UNAUTHENTICATED.id);
  if (status === 403) return relay(answer, plan, errors.FORBIDDEN.id);
  return failed(`the authoriser answers ${status}`);
}

function readPass(answer: ForwardAnswer, plan: ForwardPlan): Judgement {
  const reply = replyOf(answer);
  if (reply === undefined) return failed('what the authoriser answers cannot be read');
  const ttlMs = typeof reply.ttl === 'number' && reply.ttl >= 0 ? reply.ttl * 1_000 : Number.POSITIVE_INFINITY;
  if (reply.allow === false) return refused(errors.FORBIDDEN.id, reasonOf(reply), ttlMs);
  if (reply.allow !== undefined && reply.allow !== true) return failed('what the authoriser answers cannot be read');
  const named = reply.consumer ?? firstOf(answer.headers, plan.consumerHeader);
  if (typeof named !== 'string' || named.length > NAME_CHARS_MAX) {
    return failed('what the authoriser answers cannot be read');
  }
  const claims =
    typeof reply.claims === 'object' && reply.claims !== null ? claimsOf(reply.claims, NO_NAMES) : NO_CLAIMS;
  return admitted({ name: named, claims, upstreamLines: copiedLines(answer.headers, reply, plan), ttlMs });
}

/** @returns an empty one where the answer is no JSON; undefined where it should be, and is none */
function replyOf({ headers, body }: ForwardAnswer): Reply | undefined {
  if (body.length === 0 || !JSON_TYPE.test(firstOf(headers, 'content-type'))) return {};
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return undefined;
  }
}

/** Of the names that are to be copied only: the body's word counts before the header's. */
function copiedLines(headers: HeaderList, { headers: said }: Reply, { copied }: ForwardPlan): string {
  const own = new Map<string, string>();
  if (typeof said === 'object' && said !== null) {
    for (const [name, value] of Object.entries(said)) {
      if (typeof value === 'string') own.set(name.toLowerCase(), value);
    }
  }
  let lines = '';
  for (const name of copied) {
    const value = own.get(name);
    if (value === undefined) lines += linesOf(headers, name);
    else if (isPlain(value)) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

function relay(answer: ForwardAnswer, plan: ForwardPlan, verdict: Verdict): Judgement {
  const { status, headers, body } = answer;
  let lines = '';
  for (const name of plan.relayed) lines += linesOf(headers, name);
  if (status >= 300 && status < 400) lines += linesOf(headers, 'location');
  // What is encoded, or long, is not for the client to be guessed at: it gets the gateway's own words with these headers.
  const isReadable = firstOf(headers, 'content-encoding') === '' && body.length <= RELAYED_BYTES_MAX;
  if (isReadable) lines += linesOf(headers, 'content-type');
  const relayed = { status, lines, body: isReadable ? body.toString('utf8') : '' };
  return refused(verdict, 'the authoriser refuses', Number.POSITIVE_INFINITY, relayed);
}

function reasonOf({ reason }: Reply): string {
  return typeof reason === 'string' && reason !== '' ? reason.slice(0, DETAIL_CHARS_MAX) : 'the authoriser refuses';
}

function linesOf(headers: HeaderList, name: string): string {
  let lines = '';
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] as string;
    if (headers[i] === name && isPlain(value)) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

function firstOf(headers: HeaderList, name: string): string {
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return headers[i + 1] as string;
  return '';
}

function isPlain(value: string): boolean {
  return value.length <= VALUE_CHARS_MAX && PLAIN.test(value);
}
