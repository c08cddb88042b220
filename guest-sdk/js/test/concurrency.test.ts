import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallError, participant, TimedOut, type Transaction, workflow } from '../src/index.js';
import { Answer, TestHost } from '../src/testing/index.js';

const bank = participant('bank');
const read = (tx: Transaction, path: string) => tx.branch().readOnly().call(bank.get(path));

/** Answers `GET bank/N/..` after N milliseconds with N; refuses `GET bank/N/no`. */
const host = (): TestHost =>
  new TestHost().on('GET bank/*', ({ key }) => {
    const ms = Number(key.split('/')[1]);
    return (key.endsWith('/no') ? Answer.failure(`no ${ms}`) : Answer.json(ms)).after(ms);
  });

test('what follows on a result begins before the next result is taken', () => {
  const fanOut = workflow(async (tx) => {
    const order: number[] = [];
    const look = async (ms: number) => {
      await read(tx, `/${ms}`);
      await read(tx, `/${ms}/more`);
      order.push(ms);
    };
    await Promise.all([30, 10, 40, 20].map(look));
    return order;
  });
  const run = host().run(fanOut, null);
  assert.deepEqual(run.output, [10, 20, 30, 40]);
  assert.deepEqual(
    run.calls.map(({ branch, key }) => `${branch} ${key}`),
    [
      '01 GET bank/30',
      '02 GET bank/10',
      '03 GET bank/40',
      '04 GET bank/20',
      '05 GET bank/10/more',
      '06 GET bank/20/more',
      '07 GET bank/30/more',
      '08 GET bank/40/more',
    ],
  );
});

test('join waits for all, and throws the first error by place', () => {
  const joined = workflow(async (tx) => tx.join([read(tx, '/20').json<number>(), read(tx, '/10').json<number>()]));
  assert.deepEqual(host().run(joined, null).output, [20, 10]);
  const failing = workflow(async (tx) => tx.join([read(tx, '/30/no'), read(tx, '/10/no'), () => read(tx, '/90')]));
  const run = host().run(failing, null);
  assert.equal(run.failure?.message, 'the participant refused: no 30');
  assert.equal(run.elapsedMs, 90);
});

test('tryJoin ends at the first error in time and gives up the others', () => {
  const failing = workflow(async (tx) => {
    const stages: string[] = [];
    const slow = async () => {
      await read(tx, '/30');
      stages.push('never');
    };
    await tx.tryJoin([slow, read(tx, '/10/no')]).catch((error) => stages.push(error.message));
    await tx.sleep(100);
    return stages;
  });
  const run = host().run(failing, null);
  assert.deepEqual(run.output, ['the participant refused: no 10']);
});

test('a race has one winner; the others are given up', () => {
  const race = workflow(async (tx) => {
    const slow = read(tx, '/50');
    const first = await tx.race([slow, tx.sleep(20), () => read(tx, '/10').json<number>()]);
    const loser = await slow.catch((error: CallError) => error.kind);
    return { first, loser };
  });
  const run = host().run(race, null);
  assert.deepEqual(run.output, { first: { index: 2, value: 10 }, loser: 'canceled' });
  assert.equal(run.elapsedMs, 10);
  const plain = workflow((tx) => tx.race([(async () => 1)() as never]));
  assert.throws(() => host().run(plain, null), /write `\(\) => pay\(tx\)`/);
});

test('a timeout rolls back', () => {
  const late = workflow(async (tx) => tx.timeout(1500, read(tx, '/2000')));
  const run = host().run(late, null);
  assert.equal(run.failure?.message, 'not done within 1.5s');
  const caught = workflow(async (tx) =>
    tx.timeout(5, () => read(tx, '/10')).catch((error) => error instanceof TimedOut),
  );
  assert.equal(host().run(caught, null).output, true);
  const inTime = workflow(async (tx) => tx.timeout(20, read(tx, '/10').json<number>()));
  assert.equal(host().run(inTime, null).output, 10);
});

test('a canceled call says so', () => {
  const canceled = workflow(async (tx) => {
    const call = read(tx, '/10');
    const kind = call.then(
      () => 'none',
      (error: CallError) => error.kind,
    );
    call.cancel();
    return kind;
  });
  assert.equal(host().run(canceled, null).output, 'canceled');
});

test('a failure that nobody awaits is in the log', () => {
  const floating = workflow(async (tx) => {
    void read(tx, '/5/no').then(() => 1);
    await tx.sleep(10);
  });
  const run = host().run(floating, null);
  assert.deepEqual(run.log, [['warn', 'a promise failed and nobody awaited it: the participant refused: no 5']]);
});
