/** What the kinds of operations have in common. */

import type { Operation } from '../wit.js';

/** One thing done outside the guest: what `participant(..).post(..)`, `.grpc(..)` and `sql(..)` make. */
export interface Op {
  /**
   * As the interface has it.
   *
   * Throws a `Mistake` where it can't be: a body without JSON form.
   */
  toWit(): Operation;
}
