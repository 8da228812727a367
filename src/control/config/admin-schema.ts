// The section `gateway.admin`: where administration answers, and whom.

import * as z from 'zod';
import { section, text, word } from '../../gateway/units/config.ts';
import { address } from './address-schema.ts';
import type { AdminConfig } from './admin-config.ts';

const HOSTS_MAX = 64;
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

const defaults = { anonymous: 'none', metrics: 'open', allowedHosts: [] } as const;

export const adminSchema: z.ZodType<AdminConfig> = z
  .union([
    address(),
    section(
      {
        address: address().prefault('127.0.0.1:9080').describe('Where it listens; never where traffic does.'),
        anonymous: word(['none', 'viewer'])
          .prefault('none')
          .describe(
            'What those may do who show no token: nothing, or what the role viewer may (for closed networks only).',
          ),
        metrics: word(['open', 'protected'])
          .prefault('open')
          .describe('Whether /metrics answers without a token; protected: to whoever may do admin:GetMetrics.'),
        allowedHosts: z
          .array(text('a host name such as gateway.example, without a port', '[A-Za-z0-9.-]+', readHost))
          .max(HOSTS_MAX)
          .prefault([])
          .describe('Names that it is asked by, beside localhost; requests that name another one are refused.'),
      },
      ['tls'],
    ),
  ])
  .transform((admin): AdminConfig => {
    if (!('address' in admin)) return { ...admin, ...defaults };
    const { address: listen, ...rest } = admin;
    return { ...listen, ...rest };
  });

function readHost(value: string): string | undefined {
  return HOST.test(value) && value.length <= 253 ? value.toLowerCase() : undefined;
}
