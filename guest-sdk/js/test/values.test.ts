import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CallError, TimedOut } from '../src/error.js';
import { Failure, participant, participantAt, real, sql } from '../src/index.js';
import { type Options, toJson } from '../src/options.js';
import { Reply } from '../src/reply.js';
import { excerpt, toBytes, toText } from '../src/text.js';

const reply = (body: string, status = 0): Reply =>
  Reply.of({ status, refused: false, headers: [{ name: 'x-state', value: toBytes('later') }], body: toBytes(body) });

test('only options that are set are sent, by the names of the interface', () => {
  assert.equal(toJson({}), undefined);
  const options: Options = {
    deadlineMs: 1000.9,
    retry: { attempts: 3, jitter: 0.5 },
    headers: { a: 'b' },
    outcomeMap: { http: { '404': 'failure' }, matches: [{ body: '/error/code', equals: 7, outcome: 'failure' }] },
    compensateFailed: true,
    effect: 'pivot',
    answer: 'full',
  };
  assert.equal(
    toJson(options),
    '{"deadline_ms":1000,"retry":{"attempts":3,"jitter":0.5},"headers":{"a":"b"},' +
      '"outcome_map":{"http":{"404":"failure"},"matches":[{"body":"/error/code","equals":7,"outcome":"failure"}]},' +
      '"compensate_failed":true,"effect":"pivot","answer":"full"}',
  );
});

test('wrong options are named', () => {
  for (const [options, message] of [
    [{ timeout: 5 }, /unknown option `timeout`; there are timeoutMs, /],
    [{ retry: { tries: 5 } }, /unknown option `tries`; there are initialMs, /],
    [{ timeoutMs: '5s' }, /option `timeoutMs`: 5s is no number of milliseconds/],
    [{ deadlineMs: Number.NaN }, /option `deadlineMs`: NaN/],
  ] as const) {
    assert.throws(() => toJson(options as Options), message);
  }
});

test('targets have one slash', () => {
  const bank = participant('bank');
  for (const [http, want] of [
    [bank.get('/pay'), 'bank/pay'],
    [bank.post('pay?a=b'), 'bank/pay?a=b'],
    [participantAt('http://bank:80/').put('/pay'), 'http://bank:80/pay'],
    [participantAt('http://bank/v1').delete('pay'), 'http://bank/v1/pay'],
    [participant('bank/pay').patch(''), 'bank/pay'],
    [bank.grpc('/bank.Bank/Pay'), 'bank'],
  ] as const) {
    assert.equal((http.toWit().val as { target: string }).target, want);
  }
});

test('a body without JSON form is a mistake', () => {
  const post = participant('bank').post('/pay');
  assert.throws(() => post.json({ amount: 1n }).toWit(), /POST bank\/pay: no JSON form: .*BigInt/);
  assert.throws(() => post.json(undefined).toWit(), /no JSON form: it is undefined/);
  assert.throws(() => post.json(Uint8Array.of(1)).toWit(), /these are bytes/);
  assert.equal(toText((post.json({ a: 'ü' }).toWit().val as { body: Uint8Array }).body), '{"a":"ü"}');
});

test('parameters keep their order and type', () => {
  const values = [null, true, 1, 2n ** 62n, 1.5, real(2), 'text', Uint8Array.of(0)];
  const { val } = sql('bank').statement('?', values, { affected: 1 }).toWit() as { val: any };
  assert.deepEqual(val.statements[0].parameters, [
    { tag: 'null' },
    { tag: 'boolean', val: true },
    { tag: 'integer', val: '1' },
    { tag: 'integer', val: '4611686018427387904' },
    { tag: 'real', val: 1.5 },
    { tag: 'real', val: 2 },
    { tag: 'text', val: 'text' },
    { tag: 'bytes', val: Uint8Array.of(0) },
  ]);
  assert.equal(sql('bank').statement('SELECT 1').xa().toWit().tag, 'xa');
  const wrong = (value: unknown) => () =>
    sql('bank')
      .statement('SELECT ?', [value as null])
      .toWit();
  assert.throws(wrong(2 ** 60), /parameter 1 of `SELECT \?` is beyond 2\^53/);
  assert.throws(wrong(undefined), /is undefined; write null/);
  assert.throws(wrong(new Date()), /is no value of SQL/);
});

test('replies are read', () => {
  assert.deepEqual(reply('{"a":1}').json(), { a: 1 });
  assert.throws(() => reply('x').json(), /^ReplyError: the reply `x` is not the expected JSON: /);
  const rows = reply('[{"affected":1,"rows":[]},{"affected":0,"rows":[{"balance":70}]}]');
  assert.equal(rows.affected(0), 1);
  assert.deepEqual(rows.rows(1), [{ balance: 70 }]);
  assert.throws(() => rows.rows(2), /the reply has no statement 2: there were 2, counted from 0/);
  assert.throws(() => reply('{}').affected(0), /no reply of a database/);
  assert.equal(rows.header('X-State'), 'later');
  assert.equal(rows.header('x-other'), undefined);
});

test('errors say what the runtime’s own SDK says', () => {
  const refusal = CallError.of({ tag: 'failure', val: toBytes('too small') });
  assert.equal(refusal.message, 'the participant refused: too small');
  assert.equal(toText(Failure.from(refusal).details), 'too small');
  const database = '{"message":"statement 1 affected 0 rows instead of 1","statement":1}';
  const refused = CallError.of({ tag: 'failure', val: toBytes(database) });
  assert.equal(refused.message, 'the participant refused: statement 1 affected 0 rows instead of 1');
  assert.equal(CallError.of({ tag: 'canceled' }).message, 'the operation was cancelled');
  for (const [ms, want] of [
    [1500, '1.5s'],
    [60_000, '60s'],
    [200, '200ms'],
    [0, '0ns'],
    [0.5, '500µs'],
  ] as const) {
    assert.equal(new TimedOut(ms).message, `not done within ${want}`);
  }
});

test('failures have details of any kind', () => {
  assert.equal(toText(new Failure('no', [1, 2]).details), '[1,2]');
  assert.deepEqual(new Failure('no', Uint8Array.of(0, 255)).details, Uint8Array.of(0, 255));
  assert.equal(new Failure('no').details.length, 0);
  assert.match(new Failure('no', 1n).message, /^no \(its details have no JSON form: /);
  assert.equal(new Failure('no', 1).about('e2').message, 'e2: no');
  const bug = new TypeError('bug');
  assert.throws(() => Failure.from(bug), bug);
});

test('excerpts are cut between characters', () => {
  assert.equal(excerpt(toBytes('short')), 'short');
  assert.equal([...excerpt(toBytes('🌍'.repeat(300)))].length, 203);
});
