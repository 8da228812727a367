// What a request says of the keys of permissions.

import type { PermissionFacts, PermissionKey, PermissionValue } from '../../permissions/permission-keys.ts';
import { cameByHttps } from '../../pipeline/came-by-https.ts';
import type { Exchange } from '../../pipeline/exchange.ts';
import { matchForm } from '../../router/normalize-path.ts';

/** Those that change from one request of a caller at a route to the next, besides the method. */
export const openKeys: ReadonlySet<string> = new Set([
  'sluice:path',
  'sluice:sourceIp',
  'sluice:currentTime',
  'sluice:secureTransport',
]);

/** One for all steps of a worker: a decision is over before the next begins. */
export class ExchangeFacts implements PermissionFacts {
  #x: Exchange | undefined;

  /** @returns itself, about this request from now on @hot */
  of(x: Exchange): this {
    this.#x = x;
    return this;
  }

  /** @hot no throw */
  read({ name, claim }: PermissionKey): PermissionValue {
    const x = this.#x;
    if (x === undefined) return undefined;
    switch (name) {
      case 'sluice:sourceIp':
        return x.clientAddress;
      case 'sluice:currentTime':
        return x.plane.wallMs();
      case 'sluice:path':
        // The form by which routes are matched: however a character is spelled, it is the same path.
        return matchForm(x.path);
      case 'sluice:secureTransport':
        return cameByHttps(x);
      case 'sluice:method':
        return x.method;
      case 'sluice:service':
        return x.route?.plan.service;
      case 'sluice:route':
        return x.route?.plan.route;
      default:
        return this.#readCaller(name, claim);
    }
  }

  #readCaller(name: string, claim: string): PermissionValue {
    const consumer = this.#x?.consumer;
    switch (name) {
      case 'sluice:consumer':
        return consumer?.name;
      case 'sluice:keyId':
        return consumer?.keyId;
      case 'sluice:groups':
        return consumer?.groups;
      case 'sluice:scope':
        return consumer?.scopes;
      case 'sluice:principal':
        return consumer && [`consumer/${consumer.name}`, ...(consumer.groups ?? []).map((group) => `group/${group}`)];
      case 'sluice:claim':
        return consumer?.claims !== undefined && Object.hasOwn(consumer.claims, claim)
          ? consumer.claims[claim]
          : undefined;
      default:
        return undefined;
    }
  }
}
