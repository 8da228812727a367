// The backend of an upstream that has no target: its discovery has found none yet.

import { errors } from '../pipeline/errors.ts';
import { refuse } from '../pipeline/respond.ts';
import type { Backend } from './backend.ts';

export const noTarget: Backend = {
  start(x) {
    refuse(x, errors.UPSTREAM_UNREACHABLE.id, 'no target of the upstream is known');
  },
};
