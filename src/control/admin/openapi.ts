// GET /api/v1/openapi.json: the admin API as the pages declare it.

import * as z from 'zod';
import type { AdminPage } from './admin-page.ts';

const JSON_TYPE = 'application/json';

/** @param pages  all that are served */
export function openApiPage(pages: readonly AdminPage[], version: string): AdminPage {
  let document: unknown;
  const page: AdminPage = {
    method: 'GET',
    path: '/api/v1/openapi.json',
    says: 'this API, as OpenAPI 3.1',
    answer: () => {
      document ??= describe([...pages, page], version);
      return { status: 200, body: document };
    },
  };
  return page;
}

function describe(pages: readonly AdminPage[], version: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const page of pages) {
    paths[page.path] ??= {};
    (paths[page.path] as Record<string, unknown>)[page.method.toLowerCase()] = operationOf(page);
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Sluice admin API', version },
    paths,
    components: {
      securitySchemes: { operator: { type: 'http', scheme: 'bearer', description: 'A token of an operator: slo_…' } },
      schemas: {
        Problem: { type: 'object', required: ['problem'], properties: { problem: { type: 'string' } } },
      },
    },
  };
}

function operationOf({ method, path, says, action, isForOperators, query, body }: AdminPage): unknown {
  const isOpen = action === undefined && isForOperators !== true;
  const refusal = (description: string) => ({
    description,
    content: { [JSON_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
  });
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/[^A-Za-z0-9]+([A-Za-z0-9]?)/g, (_, next: string) => next.toUpperCase())}`,
    ...(says !== undefined && { summary: says }),
    ...(action !== undefined && { description: `Needs the permission ${action}.` }),
    security: isOpen ? [] : [{ operator: [] }],
    parameters: [
      ...[...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => ({
        ...{ name, in: 'path', required: true, schema: { type: 'string' } },
      })),
      ...Object.entries(query ?? {}).map(([name, description]) => ({
        ...{ name, in: 'query', description, schema: { type: 'string' } },
      })),
    ],
    ...(body !== undefined && {
      requestBody: { required: true, content: { [JSON_TYPE]: { schema: schemaOf(body) } } },
    }),
    responses: {
      default: { description: 'Done.' },
      ...(!isOpen && {
        401: refusal('No token, or none that is known.'),
        403: refusal('The operator may not do this.'),
      }),
      ...(!isOpen && { 429: refusal('Too many tokens that were none.'), 503: refusal('Nobody can be let in now.') }),
      ...(body !== undefined && { 400: refusal('The body is not valid.') }),
    },
  };
}

function schemaOf(body: z.ZodType): unknown {
  const { $schema: _schema, ...schema } = z.toJSONSchema(body, { io: 'input', unrepresentable: 'any' });
  return schema;
}
