/** Several things at once. */

import type { Transaction } from '@reprise/guest';
import { Numbered, type Scenario, stub } from './stub.js';

export const tcc: Scenario = async (tx) => {
  const prepare = (path: string, n: number) =>
    tx
      .branch()
      .onCommit(stub.post(`/${path}/confirm`).json({ n }))
      .onRollback(stub.post(`/${path}/cancel`).json({ n }));
  const a = prepare('a', 1);
  const b = prepare('b', 2);
  const [first, second] = await tx.join([
    a.call(stub.post('/a/try').json({ n: 1 })).json(Numbered),
    b.call(stub.post('/b/try').json({ n: 2 })).json(Numbered),
  ]);
  return { a: first.n, b: second.n };
};

export const fanOut: Scenario = async (tx) => {
  const order: number[] = [];
  const look = async (i: number) => {
    await tx
      .branch()
      .readOnly()
      .call(stub.get(`/w/${i}`));
    await tx
      .branch()
      .readOnly()
      .call(stub.get(`/x/${i}`));
    order.push(i);
  };
  await Promise.all([1, 2, 3, 4].map(look));
  return { order };
};

export const race: Scenario = async (tx) => {
  const first = await tx.race([tx.branch().readOnly().call(stub.get('/fast')), tx.sleep(10_000)]);
  return { winner: first.index === 0 ? 'call' : 'timer' };
};

export const manyTasks: Scenario = async (tx, count) => {
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  const replies = await Promise.all(numbers.map((i) => numberOf(tx, i)));
  return { sum: replies.reduce((sum, n) => sum + n, 0) };
};

async function numberOf(tx: Transaction, i: number): Promise<number> {
  const { n } = await tx
    .branch()
    .readOnly()
    .call(stub.get(`/${i}`))
    .json(Numbered);
  return n;
}
