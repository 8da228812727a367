// To the one of two targets that has less under way, all workers together. One that has stopped answering is avoided as soon
// as it has more under way than the others, long before a timeout.

import type { LiveTarget } from '../live-upstream.ts';
import { TwoChoices } from './two-choices.ts';

export class LeastRequests extends TwoChoices {
  /** @hot measured by npm run bench:hot */
  protected override cost(target: LiveTarget): number {
    return this.loadLevel(target);
  }
}
