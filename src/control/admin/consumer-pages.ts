// Pages about consumers: who may call, and what is known of them.

import { IDENTITY } from '../../base/names.ts';
import type { ChangeRefusal, MakeChange } from '../catalog/consumer-change.ts';
import { type ConsumerPatch, patchConsumer, removeConsumer, setConsumer } from '../catalog/key-changes.ts';
import type { KeyDesk } from '../catalog/key-desk.ts';
import { type AdminAnswer, type AdminPage, type AdminRequest, problem } from './admin-page.ts';
import { consumerBody, consumerPatchBody } from './consumer-bodies.ts';
import { listConsumers, showConsumer } from './consumer-view.ts';
import { withBody } from './read-body.ts';

export const CONSUMERS_PATH = '/api/v1/consumers';
export const CONSUMER_PATH = `${CONSUMERS_PATH}/{consumer}`;
const PAGE_DEFAULT = 100;
const PAGE_MAX = 1_000;
const WHOLE = /^[1-9][0-9]{0,3}$/;

export const ofConsumer = ({ consumer }: Readonly<Record<string, string>>): string => `consumer/${consumer}`;

const statuses: Readonly<Record<ChangeRefusal['kind'], number>> = {
  missing: 404,
  conflict: 409,
  invalid: 422,
  store: 503,
};

export function refusedAnswer({ kind, message }: ChangeRefusal): AdminAnswer {
  return problem(statuses[kind], message);
}

export function consumerName({ params }: AdminRequest): string {
  return params['consumer'] ?? '';
}

export function consumerPages(desk: KeyDesk): readonly AdminPage[] {
  return [...readingPages(desk), ...changingPages(desk)];
}

function readingPages(desk: KeyDesk): readonly AdminPage[] {
  return [
    {
      method: 'GET',
      path: CONSUMERS_PATH,
      says: 'consumers of sluice.yaml and of the store, by name, as JSON',
      action: 'admin:ListConsumers',
      resource: () => 'consumer',
      query: { limit: `Consumers at most, up to ${PAGE_MAX}.`, cursor: 'Of the page before: next.' },
      answer: async ({ query }) => {
        const limit = query.get('limit') ?? String(PAGE_DEFAULT);
        const count = WHOLE.test(limit) ? Number(limit) : 0;
        if (count < 1 || count > PAGE_MAX) return problem(400, `limit has to be a number from 1 to ${PAGE_MAX}`);
        await desk.inForce();
        const consumers = listConsumers(desk, query.get('cursor') ?? '', count);
        const next = consumers.length === count ? (consumers.at(-1)?.name ?? null) : null;
        return { status: 200, body: { consumers, next } };
      },
    },
    {
      method: 'GET',
      path: CONSUMER_PATH,
      says: 'one consumer, with its keys (without the secrets)',
      action: 'admin:GetConsumer',
      resource: ofConsumer,
      answer: async (request) => {
        await desk.inForce();
        const consumer = showConsumer(desk, consumerName(request));
        return consumer === undefined ? nobody(request) : { status: 200, body: consumer };
      },
    },
  ];
}

function changingPages(desk: KeyDesk): readonly AdminPage[] {
  return [
    {
      method: 'PUT',
      path: CONSUMER_PATH,
      says: 'make a consumer, or say anew what is known of it; its keys stay',
      action: 'admin:UpdateConsumer',
      resource: ofConsumer,
      body: consumerBody,
      answer: (request) =>
        withBody(request, consumerBody, (settings) => {
          const name = consumerName(request);
          if (!IDENTITY.test(name)) return problem(422, 'the name has to be at most 128 letters, digits and . _ @ + -');
          return change(desk, request, settings, setConsumer(name, settings, desk.nowMs));
        }),
    },
    {
      method: 'PATCH',
      path: CONSUMER_PATH,
      says: 'change some of what is known of a consumer; null takes it away',
      action: 'admin:UpdateConsumer',
      resource: ofConsumer,
      body: consumerPatchBody,
      answer: (request) =>
        withBody(request, consumerPatchBody, (patch) =>
          change(desk, request, patch, patchConsumer(consumerName(request), patch, desk.nowMs)),
        ),
    },
    {
      method: 'DELETE',
      path: CONSUMER_PATH,
      says: 'remove a consumer with all keys: on every instance within a second',
      action: 'admin:DeleteConsumer',
      resource: ofConsumer,
      answer: async (request) => {
        if (desk.written.isWritten(consumerName(request))) return written(request);
        const deed = deedOf(request, ofConsumer(request.params), 'admin:DeleteConsumer');
        const result = await desk.change(
          consumerName(request),
          deed,
          removeConsumer(consumerName(request), desk.nowMs),
        );
        return 'refusal' in result ? refusedAnswer(result.refusal) : { status: 204, body: '' };
      },
    },
  ];
}

/** @param change  what it names has to be there */
async function change(
  desk: KeyDesk,
  request: AdminRequest,
  { plan, permissions }: Pick<ConsumerPatch, 'plan' | 'permissions'>,
  make: MakeChange,
): Promise<AdminAnswer> {
  const name = consumerName(request);
  if (desk.written.isWritten(name)) return written(request);
  if (plan != null && !desk.written.hasPlan(plan)) return problem(422, `sluice.yaml has no plan ${plan}`);
  const missing = permissions?.find((document) => !desk.written.hasPermissions(document));
  if (missing !== undefined) return problem(422, `sluice.yaml has no permissions ${missing}`);
  const result = await desk.change(name, deedOf(request, ofConsumer(request.params), 'admin:UpdateConsumer'), make);
  if ('refusal' in result) return refusedAnswer(result.refusal);
  const isInForce = await desk.inForce();
  const body = { ...showConsumer(desk, name), ...(!isInForce && { inForce: false }) };
  return { status: !isInForce ? 202 : result.before === undefined ? 201 : 200, body };
}

export function deedOf({ operator, address }: AdminRequest, resource: string, action: string) {
  return { operator, address, action, resource };
}

function nobody(request: AdminRequest): AdminAnswer {
  return problem(404, `there is no consumer ${consumerName(request)}`);
}

function written(request: AdminRequest): AdminAnswer {
  return problem(409, `consumer ${consumerName(request)} is of sluice.yaml, and changed there; keys can be added here`);
}
