// The setting `nonce` of methods that check signatures.

import { duration, flag, word } from '../../units/config.ts';
import type { CompileContext } from '../policy-config.ts';
import type { NoncePlan } from './nonce-plan.ts';

const TTL_MS_MIN = 1_000;
// As Tencent's plugin: 1 to 1,800 s.
const TTL_MS_MAX = 1_800_000;

export interface NonceConfig {
  readonly required: boolean;
  readonly ttl: number;
  readonly onStoreLoss: 'closed' | 'local';
}

export function nonceShape() {
  return {
    required: flag().prefault(true).describe('Whether a request without a nonce is refused.'),
    ttl: duration(TTL_MS_MIN, TTL_MS_MAX)
      .prefault('15m')
      .describe('How long a nonce is remembered, at least; always for as long as the signature would be accepted.'),
    onStoreLoss: word(['closed', 'local'])
      .prefault('closed')
      .describe('When Redis does not answer: refuse (closed), or believe what this instance remembers (local).'),
  };
}

export function noncePlan({ required, ttl, onStoreLoss }: NonceConfig, { hasStore }: CompileContext): NoncePlan {
  return { isRequired: required, ttlMs: ttl, isShared: hasStore, isLocalOnLoss: onStoreLoss === 'local' };
}
