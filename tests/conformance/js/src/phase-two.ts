/** What commit and rollback do: handlers, closures, notifications. */

import { type Branch, Failure, handler, type Handler, raw, type Transaction } from '@reprise/guest';
import { type Scenario, step, stub } from './stub.js';

/** The handlers by the names that branches register. */
export const named = {
  undo: handler(raw, async (_tx, branch, _phase, payload) => {
    await branch.call(stub.post('/undo').body(payload));
  }),
  confirm: handler(raw, async (_tx, branch, _phase, payload) => {
    await branch.call(stub.post('/confirm').body(payload));
  }),
  stubborn: (async (_tx, branch) => {
    const reply = await branch.call(stub.post('/undo').json({})).json<{ again?: boolean }>();
    if (reply.again === true) throw new Failure('again');
  }) satisfies Handler,
};

export const handlers: Scenario = async (tx) => {
  for (const n of [1, 2, 3]) {
    await tx.branch().onRollbackHandler('undo', { n }).call(stub.post('/a').json({ n }));
  }
  throw new Failure('on purpose');
};

export const commitHandlers: Scenario = async (tx) => {
  for (const n of [1, 2, 3]) {
    await tx
      .branch()
      .onCommitHandler('confirm', { n })
      .onRollback(stub.post('/a/undo').json({ n }))
      .call(stub.post('/a').json({ n }));
  }
  return { done: 3 };
};

export const handlerFails: Scenario = async (tx) => {
  await tx
    .branch()
    .onRollbackHandler('stubborn')
    .call(stub.post('/a').json({ n: 1 }));
  throw new Failure('on purpose');
};

export const closures: Scenario = async (tx) => {
  for (const n of [1, 2, 3]) {
    const undo = async (_tx: Transaction, branch: Branch) => {
      await branch.call(stub.post('/undo').json({ n }));
    };
    await tx.branch().onRollbackWith(undo).call(stub.post('/a').json({ n }));
  }
  throw new Failure('on purpose');
};

export const finish: Scenario = async (tx) => {
  tx.onFinish(stub.post('/finish').json({ n: 1 }));
  return { a: await step(tx, 'a', 1) };
};
