// mtls: a certificate that the caller's TLS connection has shown, and that an authority of the listener's has signed.

import type * as z from 'zod';
import { section } from '../../../units/config.ts';
import { defineAuthMethodConfig } from '../method-config.ts';

const schema: z.ZodType<Record<never, never>> = section({});

export const mtlsConfig = defineAuthMethodConfig<Record<never, never>, null>({
  kind: 'mtls',
  schema,
  // It travels in no part of the request.
  credentials: () => [],
  // There is no scheme for it: whoever has no certificate connects anew.
  challenge: () => '',
  compile: () => null,
});
