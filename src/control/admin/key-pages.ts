// Pages about consumers' keys.

import type { ChangeResult } from '../catalog/consumer-change.ts';
import { addKey, patchKey, removeKey, rotateKey, showKey } from '../catalog/key-changes.ts';
import type { KeyDesk, MadeKey } from '../catalog/key-desk.ts';
import { type AdminAnswer, type AdminPage, type AdminRequest, problem } from './admin-page.ts';
import { keyPatchBody, type NewKeyBody, newKeyBody, type RotateBody, rotateBody } from './consumer-bodies.ts';
import { CONSUMER_PATH, consumerName, deedOf, ofConsumer, refusedAnswer } from './consumer-pages.ts';
import { showConsumer } from './consumer-view.ts';
import { withBody } from './read-body.ts';
import { RepeatedRequests } from './repeated-requests.ts';

const KEYS_PATH = `${CONSUMER_PATH}/keys`;
const KEY_PATH = `${KEYS_PATH}/{key}`;

type Params = Readonly<Record<string, string>>;
const ofKeys = (params: Params): string => `${ofConsumer(params)}/key`;
const ofKey = (params: Params): string => `${ofKeys(params)}/${params['key']}`;

export function keyPages(desk: KeyDesk): readonly AdminPage[] {
  const repeated = new RepeatedRequests(() => performance.now());
  return [
    listPage(desk),
    createPage(desk, repeated),
    patchPage(desk),
    revokePage(desk),
    rotatePage(desk, repeated),
    resealPage(desk),
  ];
}

function listPage(desk: KeyDesk): AdminPage {
  return {
    method: 'GET',
    path: KEYS_PATH,
    says: "a consumer's keys (without the secrets)",
    action: 'admin:ListKeys',
    resource: ofKeys,
    answer: async (request) => {
      await desk.inForce();
      const consumer = showConsumer(desk, consumerName(request));
      if (consumer === undefined) return problem(404, `there is no consumer ${consumerName(request)}`);
      return { status: 200, body: { keys: consumer.keys } };
    },
  };
}

function createPage(desk: KeyDesk, repeated: RepeatedRequests): AdminPage {
  return {
    method: 'POST',
    path: KEYS_PATH,
    says: 'a new key; its secret is shown once (Idempotency-Key makes it safe to send again)',
    action: 'admin:CreateKey',
    resource: ofKeys,
    body: newKeyBody,
    answer: (request) =>
      withBody(request, newKeyBody, (body) =>
        repeated.once(request, `POST ${ofKeys(request.params)}`, body, (requestSha256) =>
          createKey(desk, request, body, requestSha256),
        ),
      ),
  };
}

async function createKey(
  desk: KeyDesk,
  request: AdminRequest,
  { id, use, secret, notBefore, expires }: NewKeyBody,
  requestSha256: string | undefined,
): Promise<AdminAnswer> {
  if (notBefore !== undefined && expires !== undefined && notBefore >= expires) {
    return problem(422, 'expires is not after notBefore');
  }
  const name = consumerName(request);
  const made = await desk.makeKey(name, { id, uses: use, secret, fromMs: notBefore, untilMs: expires, requestSha256 });
  if ('refusal' in made) return refusedAnswer(made.refusal);
  const deed = deedOf(request, `${ofKeys(request.params)}/${made.key.id}`, 'admin:CreateKey');
  const result = await desk.change(name, deed, addKey(name, made.key, desk.written.isWritten(name)));
  return madeAnswer(desk, result, made);
}

function patchPage(desk: KeyDesk): AdminPage {
  return {
    method: 'PATCH',
    path: KEY_PATH,
    says: 'say anew from and until when a key counts, or disable it',
    action: 'admin:UpdateKey',
    resource: ofKey,
    body: keyPatchBody,
    answer: (request) =>
      withBody(request, keyPatchBody, async ({ notBefore, expires, disabled }) => {
        const id = keyOf(request);
        const patch = { fromMs: notBefore, untilMs: expires, isDisabled: disabled };
        const deed = deedOf(request, ofKey(request.params), 'admin:UpdateKey');
        const result = await desk.change(
          consumerName(request),
          deed,
          patchKey(consumerName(request), id, patch, desk.nowMs),
        );
        if ('refusal' in result) return refusedAnswer(result.refusal);
        const isInForce = await desk.inForce();
        return { status: isInForce ? 200 : 202, body: { ...shown(result, id), ...(!isInForce && { inForce: false }) } };
      }),
  };
}

function revokePage(desk: KeyDesk): AdminPage {
  return {
    method: 'DELETE',
    path: KEY_PATH,
    says: 'revoke a key: on every instance within a second',
    action: 'admin:DeleteKey',
    resource: ofKey,
    answer: async (request) => {
      const name = consumerName(request);
      const deed = deedOf(request, ofKey(request.params), 'admin:DeleteKey');
      const result = await desk.change(name, deed, removeKey(name, keyOf(request), desk.nowMs));
      return 'refusal' in result ? refusedAnswer(result.refusal) : { status: 204, body: '' };
    },
  };
}

function rotatePage(desk: KeyDesk, repeated: RepeatedRequests): AdminPage {
  return {
    method: 'POST',
    path: `${KEY_PATH}/rotate`,
    says: 'a new key in place of one, which counts on for the overlap; the secret is shown once',
    action: 'admin:RotateKey',
    resource: ofKey,
    body: rotateBody,
    answer: (request) =>
      withBody(request, rotateBody, (body) =>
        repeated.once(request, `rotate ${ofKey(request.params)}`, body, (requestSha256) =>
          rotate(desk, request, body, requestSha256),
        ),
      ),
  };
}

async function rotate(
  desk: KeyDesk,
  request: AdminRequest,
  { overlap, id, secret, expires }: RotateBody,
  requestSha256: string | undefined,
): Promise<AdminAnswer> {
  const name = consumerName(request);
  const oldId = keyOf(request);
  const old = desk.catalog.get(name)?.keys.find((key) => key.id === oldId);
  if (old === undefined) return problem(404, `consumer ${name} has no key ${oldId} that was made at run time`);
  const made = await desk.makeKey(name, { id, uses: old.uses, secret, untilMs: expires, requestSha256 });
  if ('refusal' in made) return refusedAnswer(made.refusal);
  const deed = deedOf(request, ofKey(request.params), 'admin:RotateKey');
  const result = await desk.change(name, deed, rotateKey(name, oldId, overlap, made.key, desk.nowMs));
  return madeAnswer(desk, result, made, oldId);
}

function resealPage(desk: KeyDesk): AdminPage {
  return {
    method: 'POST',
    path: '/api/v1/consumers-reseal',
    says: 'encrypt the secrets of the store with the newest gateway.encryptionKey',
    action: 'admin:ResealKeys',
    resource: () => 'consumer',
    answer: async (request) => ({
      status: 200,
      body: await desk.reseal(deedOf(request, 'consumer', 'admin:ResealKeys')),
    }),
  };
}

async function madeAnswer(desk: KeyDesk, result: ChangeResult, made: MadeKey, replaced?: string): Promise<AdminAnswer> {
  if ('refusal' in result) return refusedAnswer(result.refusal);
  const isInForce = await desk.inForce();
  const old = replaced === undefined ? {} : { replaced: shown(result, replaced) ?? null };
  const secret = made.shownSecret === '' ? {} : { secret: made.shownSecret };
  const body = { key: showKey(made.key), ...secret, ...old, ...(!isInForce && { inForce: false }) };
  return { status: isInForce ? 201 : 202, body };
}

function shown(result: Exclude<ChangeResult, { refusal: unknown }>, id: string) {
  const key = result.after.keys.find((each) => each.id === id);
  return key && showKey(key);
}

function keyOf({ params }: AdminRequest): string {
  return params['key'] ?? '';
}
