// The section `services`: what is served where, and its routes.
//
// Routes and policies are left to the caller: the reader checks each by itself, so that one broken route hides no other,
// and the JSON Schema puts the whole together.

import { isIPv6 } from 'node:net';
import * as z from 'zod';
import { flag, pathPrefix, routeMatch, safeName, section, text } from '../../gateway/units/config.ts';
import { priority } from './load-schema.ts';
import { bindingsSchema } from './plan-schema.ts';
import { mirrorSchema, steerSchema } from './steer-schema.ts';

// RFC 1123, and the _ that internal names often have.
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const HOST = new RegExp(`^(?:\\*\\.)?(?=.{1,253}$)${LABEL}(?:\\.${LABEL})*$`);

const pathFlags = {
  allowEncodedSlashes: flag().describe('Let %2F and %5C in a path through; servers differ on what they mean.'),
  allowSemicolons: flag().describe('Let ; and %3B in a path through; servers differ on what they mean.'),
};

function websocket() {
  return flag().describe('Take WebSocket handshakes; without it they are answered 403.');
}

function host(): z.ZodType<string> {
  return text(
    'a host name without port, such as shop.example or *.shop.example',
    String.raw`(?:\*\.)?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]`,
    (value) => {
      const lower = value.toLowerCase();
      const isBracketed = lower.startsWith('[') && lower.endsWith(']') && !lower.includes('%');
      return HOST.test(lower) || (isBracketed && isIPv6(lower.slice(1, -1))) ? lower : undefined;
    },
  );
}

export function serviceSchema<Routes extends z.ZodType, Policies extends z.ZodType>(
  routes: Routes,
  policies: Policies,
) {
  return section(
    {
      hosts: z.array(host()).prefault([]).describe('The hosts that it answers for; none: any host.'),
      path: pathPrefix().prefault('').describe('The prefix of every route.'),
      upstream: safeName().describe('The upstream that requests go to.'),
      steer: steerSchema.optional().describe('Rules that send some requests to other upstreams; the first that fits.'),
      mirror: mirrorSchema
        .optional()
        .describe('An upstream that gets copies of requests; nobody waits for its answers.'),
      stripPath: flag().prefault(false).describe("Drop the service's path before the request goes upstream."),
      preserveHost: flag().prefault(false).describe("Send the client's Host upstream instead of the target's."),
      priority: priority()
        .prefault(0)
        .describe('Who goes first at an overloaded upstream, if its consumer does not say.'),
      websocket: websocket().prefault(false),
      allowEncodedSlashes: pathFlags.allowEncodedSlashes.prefault(false),
      allowSemicolons: pathFlags.allowSemicolons.prefault(false),
      serverTiming: flag()
        .prefault(false)
        .describe('Tell callers in Server-Timing how long the gateway and the upstream took.'),
      plans: bindingsSchema
        .optional()
        .describe(
          'What consumers of each plan may do here, besides what the plan says; none: plans do not count here.',
        ),
      policies: policies.describe('Policies of all routes, before those of the route.'),
      routes: routes.describe('What is served, by name.'),
    },
    ['backend', 'environments', 'params', 'response', 'version'],
  );
}

export function routeSchema<Policies extends z.ZodType>(policies: Policies) {
  return section(
    {
      match: routeMatch().describe(
        'METHOD /path: {name} takes one segment, {name*} the rest; ANY stands for every method.',
      ),
      upstream: safeName()
        .optional()
        .describe("The upstream that this route's requests go to, without the service's steer and mirror."),
      steer: steerSchema.optional().describe("Instead of the service's list; an empty one for none."),
      mirror: mirrorSchema.optional().describe("Instead of the service's."),
      priority: priority().optional().describe("Instead of the service's."),
      websocket: websocket().optional(),
      allowEncodedSlashes: pathFlags.allowEncodedSlashes.optional(),
      allowSemicolons: pathFlags.allowSemicolons.optional(),
      plans: bindingsSchema.optional().describe("Besides the service's; none: plans do not count on this route."),
      policies: policies.describe("Policies of this route, after the service's."),
    },
    ['backend', 'params', 'response', 'timeouts', 'when'],
  );
}
