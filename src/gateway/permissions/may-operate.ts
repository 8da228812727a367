// The same engine for whoever changes the gateway: may this operator do that? Roles are documents like all others.

import { decide, isAllowed, LiveDocument } from './live-document.ts';
import type { PermissionFacts, PermissionKey, PermissionValue } from './permission-keys.ts';
import type { DocumentPlan } from './permission-plan.ts';

export interface Operation {
  /** admin:CreateKey */
  readonly action: string;
  /** consumer/alice/key/alice-1 */
  readonly resource: string;
  /** By key: { 'sluice:operator': 'carol', 'sluice:sourceIp': '10.0.0.7', 'sluice:currentTime': Date.now() }. */
  readonly context: Readonly<Record<string, PermissionValue>>;
}

export interface OperationAnswer {
  readonly allowed: boolean;
  /** The statement that says so, for the audit log: editor[0]; '' where no statement speaks of it: then it is not allowed. */
  readonly by: string;
}

// Documents are prepared once; whoever changes one makes another object.
const prepared = new WeakMap<DocumentPlan, LiveDocument>();

/** @param documents  all that the operator has; none: nothing is allowed */
export function mayOperate(
  documents: readonly DocumentPlan[],
  { action, resource, context }: Operation,
): OperationAnswer {
  const decided = decide(documents.map(prepare), action.toLowerCase(), resource, new ContextFacts(context));
  return { allowed: isAllowed(decided), by: decided?.name ?? '' };
}

function prepare(document: DocumentPlan): LiveDocument {
  const known = prepared.get(document);
  if (known !== undefined) return known;
  const live = new LiveDocument(document);
  prepared.set(document, live);
  return live;
}

class ContextFacts implements PermissionFacts {
  readonly #context: Operation['context'];

  constructor(context: Operation['context']) {
    this.#context = context;
  }

  read({ text }: PermissionKey): PermissionValue {
    return Object.hasOwn(this.#context, text) ? this.#context[text] : undefined;
  }
}
