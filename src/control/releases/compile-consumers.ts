// Consumers → packed plans, and the table that finds them by what their callers present.

import type { Packr } from 'msgpackr';
import { credentialDigest, nameDigest } from '../../base/name-digest.ts';
import { keyPurpose, seal } from '../../base/sealed.ts';
import type { KeyFacts } from '../../gateway/consumer-plan.ts';
import type { ArenaParts } from '../../shm/arena.ts';
import type {
  ClientCertificateConfig,
  ConsumerConfig,
  KeyConfig,
  KeyUse,
  PasswordConfig,
} from '../config/consumer-config.ts';
import type { PermissionCompiler } from './compile-permissions.ts';
import type { PlanCompiler } from './compile-plans.ts';

/** One way to find a consumer. */
interface Credential {
  /** Its key's, as logs and usage show it. */
  readonly id: string;
  readonly digest: Uint8Array;
  readonly facts: KeyFacts | null;
}

export interface CompiledConsumers extends Pick<ArenaParts, 'consumers' | 'keys'> {
  /** Of each key, in the order of the arena's table. */
  readonly callerNames: readonly (readonly [consumer: string, key: string, plan: string])[];
}

/**
 * Keys are numbered in the order of their consumers, and of theirs.
 * @param sealKey  of secrets in the snapshot: SEAL_KEY_BYTES, of this process
 */
export function compileConsumers(
  consumers: readonly ConsumerConfig[],
  { plans, permissions }: { readonly plans: PlanCompiler; readonly permissions: PermissionCompiler },
  packr: Packr,
  sealKey: Uint8Array,
): CompiledConsumers {
  const packed: Buffer[] = [];
  const keys: ArenaParts['keys'][number][] = [];
  const callerNames: [string, string, string][] = [];
  for (const [index, consumer] of consumers.entries()) {
    const credentials = credentialsOf(consumer, plans.needsNames, sealKey);
    const plan = plans.consumer(consumer, placesOf(credentials, keys.length));
    packed.push(packr.pack({ ...plan, ...permissions.consumer(consumer) }));
    for (const { id, digest } of credentials) {
      keys.push({ digest, consumer: index, ordinal: keys.length });
      callerNames.push([consumer.name, id, consumer.plan ?? '']);
    }
  }
  return { consumers: packed, keys, callerNames };
}

function placesOf(credentials: readonly Credential[], firstKey: number) {
  const keyIds = credentials.map(({ id }) => id);
  const keyFacts = credentials.map(({ facts }) => facts);
  return { keyIds, firstKey, ...(keyFacts.some((facts) => facts !== null) && { keyFacts }) };
}

/** A key that may be used in two ways is found in two ways. */
function credentialsOf(
  { name, keys, passwords = [], certificates = [] }: ConsumerConfig,
  needsName: boolean,
  sealKey: Uint8Array,
): readonly Credential[] {
  const credentials = [
    ...keys.flatMap((key) => key.uses.map((use) => keyCredential(key, use, sealKey))),
    ...passwords.map(passwordCredential),
    ...certificates.map(certificateCredential),
  ];
  // No key that is written has a colon in its id.
  return needsName ? [...credentials, { id: `token:${name}`, digest: nameDigest(name), facts: null }] : credentials;
}

function certificateCredential({ id, says, fromMs, untilMs }: ClientCertificateConfig): Credential {
  const facts: KeyFacts = { ...(fromMs !== undefined && { fromMs }), ...(untilMs !== undefined && { untilMs }) };
  const digest = credentialDigest('mtls', says);
  return { id: `mtls:${id}`, digest, facts: Object.keys(facts).length === 0 ? null : facts };
}

function passwordCredential({ username, hash, fromMs, untilMs }: PasswordConfig): Credential {
  const facts: KeyFacts = {
    ...(fromMs !== undefined && { fromMs }),
    ...(untilMs !== undefined && { untilMs }),
    password: hash,
  };
  return { id: `basic:${username}`, digest: credentialDigest('basic', username), facts };
}

function keyCredential(key: KeyConfig, use: KeyUse, sealKey: Uint8Array): Credential {
  const { id, sha256, secret = '', publicKey, fromMs, untilMs } = key;
  const facts: KeyFacts = {
    ...(fromMs !== undefined && { fromMs }),
    ...(untilMs !== undefined && { untilMs }),
    ...(use === 'http-signature' && publicKey !== undefined && { publicKey }),
    ...(use === 'hmac' && { sealed: seal(sealKey, secret, keyPurpose(use, id)) }),
  };
  const digest = use === 'api-key' ? Buffer.from(sha256, 'hex') : credentialDigest(use, id);
  return { id, digest, facts: Object.keys(facts).length === 0 ? null : facts };
}
