import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drain, enqueue, OrderedPromise, start, takeUnhandled } from '../src/promise.js';
import { currentTask, Task } from '../src/task.js';

/** What a promise has come to when nothing is left to do. */
function endOf(promise: OrderedPromise<unknown>): unknown {
  drain();
  return OrderedPromise.outcome(promise);
}

test('async functions use it', () => {
  const answer = (async () => {
    const two = await 2;
    return two + (await (async () => 40)());
  })();
  assert.ok(answer instanceof OrderedPromise);
  assert.deepEqual(endOf(answer as OrderedPromise<number>), { kept: true, value: 42 });
});

test('jobs run in the order in which they were asked for', () => {
  const order: string[] = [];
  const note = (text: string) => () => void order.push(text);
  const kept = OrderedPromise.resolve();
  kept.then(note('1')).then(note('4')).then(note('6'));
  kept.then(note('2'));
  queueMicrotask(note('3'));
  OrderedPromise.reject(new Error('x')).catch(note('5'));
  assert.deepEqual(order, []);
  drain();
  assert.deepEqual(order, ['1', '2', '3', '5', '4', '6']);
});

test('it is settled once', () => {
  const promise = new OrderedPromise<number>((resolve, reject) => {
    resolve(OrderedPromise.resolve(1));
    resolve(2);
    reject(new Error('late'));
    throw new Error('later');
  });
  assert.deepEqual(endOf(promise), { kept: true, value: 1 });
});

test('thenables are adopted, and what they throw', () => {
  const thenable = { then: (keep: (value: number) => void) => keep(7) } as unknown as PromiseLike<number>;
  assert.deepEqual(endOf(OrderedPromise.resolve(thenable)), { kept: true, value: 7 });
  const broken = {
    get then(): never {
      throw 'broken';
    },
  };
  assert.deepEqual(endOf(OrderedPromise.resolve(broken)), { kept: false, reason: 'broken' });
  const { promise, resolve } = OrderedPromise.withResolvers<unknown>();
  resolve(promise);
  assert.match(String((endOf(promise) as { reason: unknown }).reason), /can not wait for itself/);
});

test('combinators', () => {
  const kept = OrderedPromise.resolve('a');
  const broken = OrderedPromise.reject('b');
  const never = new OrderedPromise(() => {});
  for (const [promise, want] of [
    [OrderedPromise.all<unknown>([kept, 1]), { kept: true, value: ['a', 1] }],
    [OrderedPromise.all([]), { kept: true, value: [] }],
    [OrderedPromise.all([never, broken]), { kept: false, reason: 'b' }],
    [OrderedPromise.race([never, kept, broken]), { kept: true, value: 'a' }],
    [OrderedPromise.any([broken, kept]), { kept: true, value: 'a' }],
    [
      OrderedPromise.allSettled([kept, broken]),
      {
        kept: true,
        value: [
          { status: 'fulfilled', value: 'a' },
          { status: 'rejected', reason: 'b' },
        ],
      },
    ],
    [kept.finally(() => 'ignored'), { kept: true, value: 'a' }],
    [broken.finally(() => {}), { kept: false, reason: 'b' }],
    [
      OrderedPromise.try(() => {
        throw 'c';
      }),
      { kept: false, reason: 'c' },
    ],
  ] as const) {
    assert.deepEqual(endOf(promise), want);
  }
  assert.deepEqual(endOf(OrderedPromise.any([broken]).catch((error) => error.errors)), { kept: true, value: ['b'] });
});

test('a failure that nobody awaits is kept to be shown', () => {
  takeUnhandled();
  OrderedPromise.reject('lost');
  OrderedPromise.reject('found').catch(() => {});
  drain();
  assert.deepEqual(takeUnhandled(), ['lost']);
  assert.deepEqual(takeUnhandled(), []);
});

test('jobs run in the task in which they were asked for, and not at all in one that was dropped', () => {
  const [kept, dropped] = [new Task(), new Task(currentTask())];
  const seen: Array<[string, boolean]> = [];
  const look = (name: string, task: Task) => async () => {
    await null;
    seen.push([name, currentTask() === task]);
    await null;
    seen.push([name, currentTask() === task]);
  };
  start(kept, look('kept', kept));
  start(dropped, look('dropped', dropped));
  enqueue({ task: currentTask(), run: () => dropped.drop() });
  drain();
  assert.deepEqual(seen, [
    ['kept', true],
    ['dropped', true],
    ['kept', true],
  ]);
});

test('promises of the engine are waited for', async () => {
  const text = await new Promise((resolve) => setImmediate(() => resolve('from Node')));
  assert.equal(text, 'from Node');
});
