import { SEAL_KEY_BYTES } from '../../src/base/sealed.ts';

/** Of secrets in the snapshots of a test. */
export const sealKey: Uint8Array = new Uint8Array(SEAL_KEY_BYTES).fill(7);
