/** The transfer against a bank in the test: both tries, then what settles them. */

import { Answer, TestHost } from '@reprise/guest/testing';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import transfer from '../src/transfer.js';

const bank = (): TestHost =>
  new TestHost()
    .on('POST bank/transfer-out/try', () => Answer.json({ account: 'alice', balance: 100 }))
    .on('POST bank/transfer-in/try', () => Answer.json({ account: 'bob', balance: 0 }));

const order = { from: 'alice', to: 'bob', amount: 30 };

test('both tries are confirmed', () => {
  const run = bank().run(transfer, order);
  assert.deepEqual(run.output, { from_balance: 100, to_balance: 0 });
  assert.deepEqual(run.trace, [
    '01 action POST bank/transfer-out/try: success',
    '02 action POST bank/transfer-in/try: success',
    '02 commit POST bank/transfer-in/confirm: success',
    '01 commit POST bank/transfer-out/confirm: success',
  ]);
});

test('a refused try cancels the other one, whichever comes first', () => {
  for (const delayMs of [0, 10]) {
    const run = bank()
      .on('POST bank/transfer-in/try', () => Answer.failure('unknown account').after(delayMs))
      .on('POST bank/transfer-out/try', () => Answer.json({ balance: 100 }).after(10 - delayMs))
      .run(transfer, order);
    assert.equal(run.failure?.message, 'the participant refused: unknown account');
    assert.deepEqual(run.trace.slice(2), ['01 rollback POST bank/transfer-out/cancel: success']);
  }
});
