// The file as a whole: its sections, and the JSON Schema for editors.

import * as z from 'zod';
import { permissionDocument } from '../../gateway/permissions/config.ts';
import { configRegistry } from '../../gateway/policies/config-registry.ts';
import { identity, safeName, scalar, section } from '../../gateway/units/config.ts';
import { consumerSchema } from './consumer-schema.ts';
import { gatewaySchema } from './gateway-schema.ts';
import { groupSchema } from './group-schema.ts';
import { planSchema } from './plan-schema.ts';
import { addModeTo, modeSchema } from './policy-mode.ts';
import { routeSchema, serviceSchema } from './service-schema.ts';
import { upstreamSchema } from './upstream-schema.ts';

const versionSchema = scalar({
  expected: '1',
  json: { const: 1 },
  read: (value) => (value === 1 ? 1 : undefined),
}).describe('The version of this format.');

interface Parts {
  readonly gateway: z.ZodType;
  readonly upstreams: z.ZodType;
  readonly plans: z.ZodType;
  readonly permissions: z.ZodType;
  readonly groups: z.ZodType;
  readonly consumers: z.ZodType;
  readonly services: z.ZodType;
}

export function fileSchema(parts: Parts) {
  return section(
    {
      version: versionSchema,
      gateway: parts.gateway.describe('What holds for every service.'),
      upstreams: parts.upstreams.describe('Where requests go, by name.'),
      plans: parts.plans.describe('What consumers may do, by name.'),
      permissions: parts.permissions.describe('What may be done, by name: documents in the form of CAM and IAM.'),
      groups: parts.groups.describe('What whoever is in a group may do, by name.'),
      consumers: parts.consumers.describe('Who may call, by name.'),
      services: parts.services.describe('What is served, by name.'),
    },
    ['environments', 'functions', 'portal'],
  );
}

/** Draft 7, which editors' YAML support knows best. */
export function jsonSchema(): Record<string, unknown> {
  const policies = z.array(policySchema()).optional();
  const routes = z.record(safeName(), routeSchema(policies)).optional();
  const schema = fileSchema({
    gateway: gatewaySchema.optional(),
    upstreams: z.record(safeName(), upstreamSchema).optional(),
    plans: z.record(safeName(), planSchema).optional(),
    permissions: z.record(safeName(), permissionDocument).optional(),
    groups: z.record(safeName(), groupSchema).optional(),
    consumers: z.record(identity(), consumerSchema).optional(),
    services: z.record(safeName(), serviceSchema(routes, policies)).optional(),
  });
  const options = { target: 'draft-7', io: 'input', unrepresentable: 'any' } as const;
  const { $schema: _, ...mode } = z.toJSONSchema(modeSchema, options);
  const policySchemas = new Set<unknown>(configRegistry.map((policy) => policy.schema));
  const json = z.toJSONSchema(schema, {
    ...options,
    override: ({ zodSchema, jsonSchema }) => {
      if (policySchemas.has(zodSchema)) addModeTo(jsonSchema as Parameters<typeof addModeTo>[0], mode);
    },
  });
  return { ...json, title: 'sluice.yaml', description: 'Configuration of the Sluice API gateway.' };
}

/** A policy's name alone, or a map of its name to its settings. */
function policySchema(): z.ZodType {
  const uses = configRegistry.map((policy) => z.strictObject({ [policy.name]: policy.schema }));
  const bare = configRegistry.filter((policy) => policy.schema.safeParse({}).success).map((policy) => policy.name);
  return bare.length === 0 ? z.union(uses) : z.union([z.enum(bare), ...uses]);
}
