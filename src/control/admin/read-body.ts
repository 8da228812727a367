// A request's body against its schema: everything that is wrong with it at once, each with its place.

import type * as z from 'zod';
import { err, ok, type Result } from '../../base/result.ts';
import { listed, type Problem, type SectionKeys } from '../../gateway/units/config.ts';
import type { Path } from '../config/read-value.ts';
import { printPath } from '../config/report.ts';
import type { AdminAnswer, AdminRequest } from './admin-page.ts';

type ZodIssue = z.core.$ZodIssue;

const BAD_REQUEST = 400;
const ISSUES_MAX = 50;

export interface BodyIssue {
  /** permissions.statement[0].action; '' for the body as a whole. */
  readonly path: string;
  readonly message: string;
}

/** @returns what the schema makes of the body; or 400, with every problem */
export function readBody<T>(schema: z.ZodType<T>, body: unknown): Result<T, AdminAnswer> {
  const read = schema.safeParse(body);
  if (read.success) return ok(read.data);
  const issues = read.error.issues.flatMap((issue) => issuesOf(issue, [])).slice(0, ISSUES_MAX);
  const [first] = issues;
  const where = first === undefined || first.path === '' ? '' : `${first.path} `;
  return err({
    status: BAD_REQUEST,
    body: { problem: `the body is not valid: ${where}${first?.message ?? ''}`, issues },
  });
}

/** @param then  given what the schema makes of the body, and the body as it came @returns its answer; or what is wrong with the body */
export async function withBody<T>(
  request: AdminRequest,
  schema: z.ZodType<T>,
  then: (body: T, raw: unknown) => AdminAnswer | Promise<AdminAnswer>,
): Promise<AdminAnswer> {
  const json = await request.json();
  if (!json.ok) return json.error;
  const body = readBody(schema, json.value);
  return body.ok ? then(body.value, json.value) : body.error;
}

function issuesOf(issue: ZodIssue, base: Path): BodyIssue[] {
  const path = [...base, ...(issue.path as Path)];
  const at = (message: string): BodyIssue[] => [{ path: printPath(path), message }];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const { known } = sectionKeys(issue.message);
      return issue.keys.map((key) => ({
        path: printPath([...path, key]),
        message: `is no key here; expected ${listed(known)}`,
      }));
    }
    case 'invalid_union': {
      // The branch that has the value's shape speaks for all.
      const fitting = issue.errors.find((branch) => !branch.some(isWrongShape)) ?? issue.errors[0] ?? [];
      return fitting.flatMap((inner) => issuesOf(inner, path));
    }
    case 'custom': {
      const { message, expected } = (issue.params ?? {}) as Problem;
      return at(message ?? `has to be ${expected ?? 'another value'}`);
    }
    case 'too_big':
      return at(`has to be at most ${issue.maximum}`);
    case 'too_small':
      return at(`has to be at least ${issue.minimum}`);
    case 'invalid_type':
      return at(`has to be ${issue.expected === 'array' ? 'a list' : `of the type ${issue.expected}`}`);
    default:
      return at(issue.message);
  }
}

function sectionKeys(text: string): SectionKeys {
  return JSON.parse(text) as SectionKeys;
}

function isWrongShape(issue: ZodIssue): boolean {
  if (issue.path.length > 0) return false;
  return issue.code === 'invalid_type' || (issue.code === 'custom' && (issue.params as Problem)?.wrongShape === true);
}
