// Who may ask the admin port for what.

import type { IncomingMessage } from 'node:http';
import type { AdminAnswer } from './admin-page.ts';

/** What is asked for, of a page that says who may. */
export interface AdminDeed {
  readonly action: string;
  readonly resource: string;
}

export interface AdminGate {
  /** @param deed  undefined: whoever is known may ask @returns who it is, or the refusal */
  admit(req: IncomingMessage, deed: AdminDeed | undefined): Promise<AdminAdmission>;
}

export type AdminAdmission =
  | {
      readonly operator: string;
      readonly roles?: readonly string[];
      /** Whether they may do something else, too. */
      may?(deed: AdminDeed): boolean;
    }
  | { readonly refusal: AdminAnswer };
