/**
 * Money from one account to another as a TCC: both banks try at once, then both confirm or both cancel.
 *
 * Input `{"from": "alice", "to": "bob", "amount": 30}`, output the balances that the tries saw, before the money moves:
 * `{"from_balance": 100, "to_balance": 0}`. The participant `bank` is `examples/bank`, or whatever the runtime's
 * configuration calls so. A try reserves the money, so nobody can spend it before all is settled; when a try is refused
 * (409), the runtime cancels the other one.
 */

import { participant, workflow } from '@reprise/guest';
import * as v from 'valibot';

/** What to move: from the account that pays to the one that is paid, more than zero. */
const Transfer = v.object({ from: v.string(), to: v.string(), amount: v.pipe(v.number(), v.integer()) });

/** What the bank answers. */
const Balance = v.object({ balance: v.number() });

/** Tries both halves at once; confirming and cancelling is left to the runtime. */
export default workflow({ input: Transfer }, async (tx, order) => {
  const bank = participant('bank');
  const taken = { account: order.from, amount: order.amount };
  const given = { account: order.to, amount: order.amount };

  const out = tx
    .branch()
    .onCommit(bank.post('/transfer-out/confirm').json(taken))
    .onRollback(bank.post('/transfer-out/cancel').json(taken));
  const into = tx
    .branch()
    .onCommit(bank.post('/transfer-in/confirm').json(given))
    .onRollback(bank.post('/transfer-in/cancel').json(given));
  const [from, to] = await tx.join([
    out.call(bank.post('/transfer-out/try').json(taken)).json(Balance),
    into.call(bank.post('/transfer-in/try').json(given)).json(Balance),
  ]);

  return { from_balance: from.balance, to_balance: to.balance };
});
