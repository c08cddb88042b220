/** One call after the other: sagas, refusals, limits, options. */

import { CallError, Failure, Refusal } from '@reprise/guest';
import { Numbered, type Scenario, step, stub } from './stub.js';

export const saga: Scenario = async (tx) => ({ a: await step(tx, 'a', 1), b: await step(tx, 'b', 2) });

export const refused: Scenario = async (tx) => {
  try {
    return { a: await step(tx, 'a', 1) };
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.reply.text() };
    throw error;
  }
};

export const attempts: Scenario = async (tx) =>
  kindOf(
    tx
      .branch()
      .readOnly()
      .options({ retry: { attempts: 3 } })
      .call(stub.get('/down')),
  );

export const deadline: Scenario = async (tx) =>
  kindOf(tx.branch().readOnly().options({ deadlineMs: 60_000 }).call(stub.get('/down')));

export const cancel: Scenario = async (tx) => {
  const slow = tx.branch().readOnly().call(stub.get('/slow'));
  slow.cancel();
  return kindOf(slow);
};

export const invalid: Scenario = async (tx) => kindOf(tx.branch().call(stub.post('/a').json({ n: 1 })));

export const failure: Scenario = async (tx) => {
  await step(tx, 'a', 1);
  throw new Failure('no stock', { sku: 7 });
};

export const options: Scenario = async (tx) => {
  const branch = tx.branch().options({
    timeoutMs: 1_500,
    deadlineMs: 60_000,
    retry: { initialMs: 10, factor: 2, maxMs: 1_000, attempts: 5, jitter: 0.5 },
    ongoingMs: 200,
    headers: { 'x-a': '1', 'x-b': '2' },
    idempotencyKey: 'k-1',
    outcomeMap: { http: { '404': 'failure' } },
    effect: 'read-only',
  });
  const { n } = await branch.call(stub.get('/a')).json(Numbered);
  return { n };
};

export const full: Scenario = async (tx) => {
  const reply = await tx.branch().readOnly().options({ answer: 'full' }).call(stub.get('/full'));
  return { status: reply.status, header: reply.header('x-kind') };
};

export const many: Scenario = async (tx, count) => {
  let sum = 0;
  for (let i = 1; i <= count; i += 1) {
    const { n } = await tx
      .branch()
      .readOnly()
      .call(stub.get(`/${i}`))
      .json(Numbered);
    sum += n;
  }
  return { sum };
};

/** How a call ends that does not succeed. */
async function kindOf(call: PromiseLike<unknown>): Promise<unknown> {
  try {
    await call;
    return { error: 'none' };
  } catch (error) {
    if (error instanceof CallError) return { error: error.kind };
    throw error;
  }
}
