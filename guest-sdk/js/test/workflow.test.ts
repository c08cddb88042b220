import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { CallError, Failure, handler, participant, raw, type Transaction, workflow } from '../src/index.js';
import { Answer, TestHost } from '../src/testing/index.js';

const bank = participant('bank');
const read = (tx: Transaction, path: string) => tx.branch().readOnly().call(bank.get(path));
const anything = (): TestHost => new TestHost().on('*', () => Answer.json({ n: 1 }));

test('a saga is undone in reverse order', () => {
  const saga = workflow(async (tx) => {
    for (const step of ['a', 'b', 'c']) {
      await tx
        .branch()
        .onRollback(bank.post(`/${step}/undo`).json(1))
        .call(bank.post(`/${step}`).json(1));
    }
  });
  const run = anything()
    .on('POST bank/c', () => Answer.failure('too late'))
    .run(saga, null);
  assert.equal(run.failure?.message, 'the participant refused: too late');
  assert.deepEqual(run.trace, [
    '01 action POST bank/a: success',
    '02 action POST bank/b: success',
    '03 action POST bank/c: failure',
    '02 rollback POST bank/b/undo: success',
    '01 rollback POST bank/a/undo: success',
  ]);
});

test('an action that nobody can undo is not sent', () => {
  const careless = workflow((tx) => tx.branch().call(bank.post('/a').json(1)));
  const run = anything().run(careless, null);
  assert.match(run.failure?.message ?? '', /branch 01 does not say how its action is undone/);
  assert.deepEqual(run.calls, []);
});

test('input and output', () => {
  const Order = v.object({ amount: v.number() });
  const double = workflow({ input: Order }, async (_tx, { amount }) => ({ amount: amount * 2 }));
  assert.deepEqual(anything().run(double, { amount: 2 }).output, { amount: 4 });
  for (const [input, message] of [
    [{ amount: 'ten' }, /^the input can't be read: amount: .*Expected number but received "ten"/],
    [{}, /^the input can't be read: amount: .*received undefined/],
    [new TextEncoder().encode('{'), /^the input can't be read: .*JSON/],
    [new Uint8Array(0), /^the input can't be read: .*received null/],
  ] as const) {
    assert.match(anything().run(double, input).failure?.message ?? '', message);
  }
  const bytes = workflow({ input: raw }, (_tx, input) => new TextEncoder().encode(String(input.length)));
  assert.equal(anything().run(bytes, Uint8Array.of(1, 2)).output, 2);
  assert.equal(
    anything().run(
      workflow(() => {}),
      null,
    ).output,
    null,
  );
  assert.match(
    anything().run(
      workflow(() => 1n),
      null,
    ).failure?.message ?? '',
    /^the output has no JSON form: /,
  );
});

test('only failures roll back', () => {
  const bug = new TypeError('a bug');
  const broken = workflow(() => {
    throw bug;
  });
  assert.throws(() => anything().run(broken, null), bug);
  assert.throws(
    () =>
      anything().run(
        workflow(() => {
          throw 'text';
        }),
        null,
      ),
    /something that is no error was thrown: text/,
  );
});

test('what nothing can wake is an error', () => {
  const stuck = workflow(() => new Promise(() => {}));
  assert.throws(() => anything().run(stuck, null), /nothing can ever wake it/);
});

test('mistakes come out where the branch is called, or at the end', () => {
  const called = workflow(async (tx) => {
    const branch = tx.branch().options({ timeoutMs: -1 }).onRollbackHandler('nobody');
    return read(tx, '/x')
      .then(() => branch.call(bank.get('/a')))
      .catch((error) => [error instanceof CallError, error.kind, error.message]);
  });
  assert.deepEqual(anything().run(called, null).output, [
    true,
    'invalid',
    'option `timeoutMs`: -1 is no number of milliseconds',
  ]);
  const silent = workflow((tx) => void tx.branch().onCommitHandler('nobody'));
  assert.match(
    anything().run(silent, null).failure?.message ?? '',
    /^branch 01: no handler `nobody`: name it in workflow/,
  );
  const twice = workflow((tx) => void tx.branch().onCommit(bank.post('/a')).onCommit(bank.post('/b')));
  assert.match(anything().run(twice, null).failure?.message ?? '', /branch 01 has its commit operation already/);
});

test('handlers and closures run in phase two', () => {
  const handlers = {
    confirm: handler(v.object({ n: v.number() }), async (_tx, branch, phase, { n }) => {
      await branch.call(bank.post(`/${phase}`).json(n));
    }),
  };
  const both = workflow({ handlers }, async (tx) => {
    for (const n of [1, 2]) {
      tx.branch()
        .onCommitHandler('confirm', { n })
        .onRollbackWith(async (tx, branch) => {
          await read(tx, `/look/${n}`);
          await branch.call(bank.post('/undo').json(n));
        });
    }
    const fails = await read(tx, '/fails').json<boolean>();
    if (fails) throw new Failure('on purpose');
  });
  const ending = (fails: boolean) =>
    anything()
      .on('GET bank/fails', () => Answer.json(fails))
      .run(both, null)
      .trace.slice(1);
  assert.deepEqual(ending(false), ['02 commit POST bank/commit: success', '01 commit POST bank/commit: success']);
  assert.deepEqual(ending(true), [
    '02-01 action GET bank/look/2: success',
    '02 rollback POST bank/undo: success',
    '01-01 action GET bank/look/1: success',
    '01 rollback POST bank/undo: success',
  ]);
  const broken = workflow(
    {
      handlers: {
        undo: () => {
          throw new Failure('again');
        },
      },
    },
    (tx) => void tx.branch().onCommitHandler('undo'),
  );
  assert.throws(() => anything().run(broken, null), /handler `undo`: again/);
});

test('notifications come last', () => {
  const notified = workflow(async (tx) => {
    tx.onFinish(bank.post('/done'));
    await tx.branch().onCommit(bank.post('/confirm')).onRollback(bank.post('/cancel')).call(bank.post('/try'));
  });
  assert.deepEqual(anything().run(notified, null).trace.slice(1), [
    '01 commit POST bank/confirm: success',
    'finish POST bank/done: success',
  ]);
});

test('time and chance are the test’s', () => {
  const surroundings = workflow(async (tx) => {
    const began = Date.now();
    await tx.sleep(1500);
    await new Promise((resolve) => setTimeout(resolve, 500));
    return {
      passed: tx.now().getTime() - began,
      same: Date.now() === new Date().getTime(),
      chance: [tx.random(), Math.random(), tx.uuid()],
    };
  });
  const first = anything().run(surroundings, null);
  assert.equal(first.output?.passed, 2000);
  assert.equal(first.output?.same, true);
  assert.equal(first.elapsedMs, 2000);
  assert.match(
    first.output?.chance[2] as string,
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  assert.deepEqual(anything().run(surroundings, null).output, first.output);
  assert.notDeepEqual(anything().seed(1).run(surroundings, null).output?.chance, first.output?.chance);
});

test('another path on replay is found', () => {
  let runs = 0;
  const fickle = workflow((tx) => read(tx, `/${(runs += 1)}`));
  assert.throws(
    () => anything().run(fickle, null),
    /takes another path when it is replayed\n {2}first {2}01 action GET bank\/1/,
  );
});
