/**
 * Money from one account to another as a SAGA: each step takes effect at once, and its undo is registered before it.
 *
 * Input `{"from": "alice", "to": "bob", "amount": 30}`, output `{"from_balance": 70, "to_balance": 30}`. The
 * participant `bank` is `examples/bank`, or whatever the runtime's configuration calls so. When it refuses a step (409:
 * unknown account, too little money), the workflow ends with that refusal and the runtime undoes the step before.
 */

import { participant, workflow } from '@reprise/guest';
import * as v from 'valibot';

/** What to move: from the account that pays to the one that is paid, more than zero. */
const Transfer = v.object({ from: v.string(), to: v.string(), amount: v.pipe(v.number(), v.integer()) });

/** What the bank answers. */
const Balance = v.object({ balance: v.number() });

/** Takes the money out, then puts it in. */
export default workflow({ input: Transfer }, async (tx, order) => {
  const bank = participant('bank');
  const taken = { account: order.from, amount: order.amount };
  const given = { account: order.to, amount: order.amount };

  const out = tx.branch().onRollback(bank.post('/transfer-out/revert').json(taken));
  const from = await out.call(bank.post('/transfer-out').json(taken)).json(Balance);

  const into = tx.branch().onRollback(bank.post('/transfer-in/revert').json(given));
  const to = await into.call(bank.post('/transfer-in').json(given)).json(Balance);

  return { from_balance: from.balance, to_balance: to.balance };
});
