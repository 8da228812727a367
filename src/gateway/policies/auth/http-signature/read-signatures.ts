// The signatures that a request has: Signature-Input says what each is over and by whom, Signature is the signature itself.
// @source  RFC 9421, sections 2.3, 4.1 and 4.2

import { type BareItem, type InnerList, isInnerList, parseDictionary } from '../../../../base/structured-fields.ts';

const FIELD_CHARS_MAX = 8_192;
const SIGNATURES_MAX = 4;
// A parameter that is not known may change what a signature means.
const PARAMETERS: ReadonlySet<string> = new Set(['created', 'expires', 'nonce', 'alg', 'keyid', 'tag']);

export interface MessageSignature {
  readonly label: string;
  readonly input: InnerList;
  readonly bytes: Buffer;
  /** Seconds since 1970. */
  readonly created: number | undefined;
  readonly expires: number | undefined;
  readonly nonce: string;
  readonly alg: string;
  readonly keyId: string;
  readonly tag: string;
}

/**
 * @param input, signature  values of the two fields, all lines of each
 * @returns in the order of Signature-Input; a sentence when they cannot be read
 */
export function readSignatures(input: string, signature: string): readonly MessageSignature[] | string {
  if (input.length > FIELD_CHARS_MAX || signature.length > FIELD_CHARS_MAX) return 'the signature is too long';
  const inputs = parseDictionary(input);
  const signatures = parseDictionary(signature);
  if (inputs === undefined || signatures === undefined) return MALFORMED;
  if (inputs.size > SIGNATURES_MAX) return 'the request has too many signatures';
  const read: MessageSignature[] = [];
  for (const [label, member] of inputs) {
    const bytes = signatures.get(label);
    if (!isInnerList(member) || bytes === undefined || isInnerList(bytes) || bytes.item.kind !== 'bytes')
      return MALFORMED;
    const parameters = readParameters(member);
    if (typeof parameters === 'string') return parameters;
    read.push({ label, input: member, bytes: bytes.item.value, ...parameters });
  }
  return read;
}

const MALFORMED = 'the signature is malformed';

function readParameters({ parameters }: InnerList): Omit<MessageSignature, 'label' | 'input' | 'bytes'> | string {
  for (const name of parameters.keys()) {
    if (!PARAMETERS.has(name)) return 'the signature has a parameter that is not known';
  }
  const number = (name: string) => parameterOf(parameters.get(name), 'integer') as number | undefined;
  const string = (name: string) => parameterOf(parameters.get(name), 'string') as string | undefined;
  try {
    return {
      created: number('created'),
      expires: number('expires'),
      nonce: string('nonce') ?? '',
      alg: string('alg') ?? '',
      keyId: string('keyid') ?? '',
      tag: string('tag') ?? '',
    };
  } catch (error) {
    if (error === WRONG_TYPE) return MALFORMED;
    throw error;
  }
}

const WRONG_TYPE = new Error('a parameter has another type');

function parameterOf(item: BareItem | undefined, kind: 'integer' | 'string'): unknown {
  if (item === undefined) return undefined;
  if (item.kind !== kind) throw WRONG_TYPE;
  return item.value;
}
