/** The participant of all scenarios, and what most of them do with it. */

import { type Branch, participant, type Transaction } from '@reprise/guest';
import * as v from 'valibot';

/** One scenario; `count` is the parameter of those that count. */
export type Scenario = (tx: Transaction, count: number) => Promise<unknown>;

/** Who is called. */
export const stub = participant('stub');

/** The reply `{"n": 1}`. */
export const Numbered = v.object({ n: v.number() });

/** A branch whose undo is `POST stub/PATH/undo` with the action's body. */
export function undoable(tx: Transaction, path: string, body: unknown): Branch {
  return tx.branch().onRollback(stub.post(`/${path}/undo`).json(body));
}

/** `POST stub/PATH` with a number, undone by `POST stub/PATH/undo`; gives the number of the reply. */
export async function step(tx: Transaction, path: string, n: number): Promise<number> {
  const reply = await undoable(tx, path, { n })
    .call(stub.post(`/${path}`).json({ n }))
    .json(Numbered);
  return reply.n;
}
