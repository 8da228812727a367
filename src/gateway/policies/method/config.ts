// method: which methods are let in.

import * as z from 'zod';
import { methodMask } from '../../router/methods.ts';
import { methodName, section } from '../../units/config.ts';
import { definePolicyConfig } from '../policy-config.ts';
import type { MethodPlan } from './method-plan.ts';

const schema: z.ZodType<MethodPlan> = section({
  allow: z.array(methodName()).min(1).describe('All others are refused; with GET, HEAD is let in as well.'),
}).transform(({ allow }) => ({ mask: methodMask(allow) }));

export const methodConfig = definePolicyConfig<MethodPlan, MethodPlan>({
  name: 'method',
  schema,
  stage: () => 'perimeter',
  compile: (config) => config,
});
