// One page of the admin port: what it is asked by, who may ask, and what it answers.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type * as z from 'zod';
import type { Result } from '../../base/result.ts';

export interface AdminPage {
  /** GET takes HEAD, too. */
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** /api/v1/consumers/{consumer}/keys: a name in braces stands for one segment. */
  readonly path: string;
  /** One line for the list of pages; absent: it is not listed. */
  readonly says?: string;
  /** What an operator must be allowed to do: admin:GetUsage. Absent: whoever reaches the port may ask. */
  readonly action?: string;
  /** What it is done to: consumer/alice/key. Absent: the path behind /api/v1/. */
  resource?(params: Readonly<Record<string, string>>): string;
  /** For the description of the API: parameters of the query, with what each says. */
  readonly query?: Readonly<Record<string, string>>;
  /** And what the body must be. */
  readonly body?: z.ZodType;
  /** @returns undefined: it has been answered already @throws for a failure that is not the client's */
  answer(request: AdminRequest): AdminAnswer | undefined | Promise<AdminAnswer | undefined>;
}

export interface AdminRequest {
  /** What stood for the names in braces, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Who asks; '' where nobody has to say. */
  readonly operator: string;
  /** Of the connection's peer. */
  readonly address: string;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** The body, which must be JSON and say so; at most 1 MiB. @returns it, or what is wrong with it */
  json(): Promise<Result<unknown, AdminAnswer>>;
}

export interface AdminAnswer {
  readonly status: number;
  /** text/plain for texts, application/json for everything else, unless it is said. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text or bytes as they are; everything else as JSON. */
  readonly body: unknown;
}

/** A refusal, as every page says it. */
export function problem(status: number, text: string): AdminAnswer {
  return { status, body: { problem: text } };
}
