/** The transfer against a bank in the test: what is called, and what is undone. */

import { Answer, TestHost } from '@reprise/guest/testing';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import transfer from '../src/transfer.js';

const bank = (): TestHost =>
  new TestHost()
    .on('POST bank/transfer-out', () => Answer.json({ account: 'alice', balance: 70 }))
    .on('POST bank/transfer-in', () => Answer.json({ account: 'bob', balance: 30 }));

const order = { from: 'alice', to: 'bob', amount: 30 };

test('money moves', () => {
  const run = bank().run(transfer, order);
  assert.deepEqual(run.output, { from_balance: 70, to_balance: 30 });
  assert.deepEqual(run.trace, [
    '01 action POST bank/transfer-out: success',
    '02 action POST bank/transfer-in: success',
  ]);
  assert.deepEqual(run.calls[0]?.json(), { account: 'alice', amount: 30 });
  assert.deepEqual(run.calls[1]?.json(), { account: 'bob', amount: 30 });
});

test('a refused step undoes the one before', () => {
  const run = bank()
    .on('POST bank/transfer-in', () => Answer.failure('unknown account'))
    .run(transfer, order);
  assert.equal(run.failure?.message, 'the participant refused: unknown account');
  assert.deepEqual(run.trace, [
    '01 action POST bank/transfer-out: success',
    '02 action POST bank/transfer-in: failure',
    '01 rollback POST bank/transfer-out/revert: success',
  ]);
  assert.deepEqual(run.calls[2]?.json(), { account: 'alice', amount: 30 });
});

test('the first refusal leaves nothing to undo', () => {
  const run = bank()
    .on('POST bank/transfer-out', () => Answer.failure('too little money'))
    .run(transfer, order);
  assert.ok(run.failure);
  assert.deepEqual(run.trace, ['01 action POST bank/transfer-out: failure']);
});

test('an order that can not be read calls nobody', () => {
  const run = bank().run(transfer, { from: 'alice' });
  assert.match(run.failure?.message ?? '', /^the input can't be read: to: /);
  assert.deepEqual(run.calls, []);
});
