// The saga and the race of `probe`, in JavaScript for QuickJS. The journals must be the same bytes.

import transaction from 'reprise:workflow/transaction@0.1.0';
import time from 'reprise:workflow/time@0.1.0';

// QuickJS has no TextEncoder; all texts here are ASCII.
const bytes = (text) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const text = (list) => Array.from(list, (b) => String.fromCharCode(b)).join('');
const http = (target, body) => ({ tag: 'http', val: { method: 'POST', target, body: bytes(body) } });
const failure = (message, details = new Uint8Array(0)) => ({ message, details });

function call(branch, operation) {
  try {
    return transaction.callBranch(branch, operation);
  } catch (thrown) {
    const error = thrown.payload ?? thrown;
    if (error.tag === 'failure') throw failure('refused', error.val);
    if (error.tag === 'canceled') throw failure('canceled');
    throw failure(error.val);
  }
}

function saga() {
  const out = transaction.newBranch();
  transaction.setOptions(out, '{"timeout_ms": 2000, "headers": {"x-probe": "1"}}');
  transaction.onRollback(out, http('bank/out/undo', '{"amount":30}'));
  call(out, http('bank/out', '{"amount":30}'));
  const into = transaction.newBranch();
  transaction.onRollbackHandler(into, 'undo-in', bytes('30'));
  transaction.onCommitHandler(into, 'confirm-in', bytes('30'));
  call(into, http('bank/in', '{"amount":30}'));
  return bytes('done');
}

function race() {
  const waiting = [];
  for (let i = 0; i < 3; i++) {
    const name = `bank/${i}`;
    waiting.push([transaction.submit(transaction.newBranch(), http(name, '')), name]);
  }
  waiting.push([time.timer({ seconds: 5, nanos: 0 }), 'timer']);
  const order = [];
  while (waiting.length > 0) {
    const [[ticket, name]] = waiting.splice(transaction.waitAny(waiting.map(([t]) => t)), 1);
    if (name === 'bank/0') transaction.cancel(ticket);
    try {
      transaction.take(ticket);
      order.push(`${name}:ok`);
    } catch {
      order.push(`${name}:err`);
    }
    if (order.length === 2) {
      const branch = transaction.newBranch();
      waiting.push([transaction.submit(branch, http('bank/late', order.join(','))), 'late']);
    }
  }
  return bytes(order.join(' '));
}

function calls(count) {
  let total = 0;
  for (let i = 0; i < count; i++) total += call(transaction.newBranch(), http('bank/one', String(i))).length;
  return bytes(String(total));
}

function sleep() {
  const began = Date.now();
  time.sleep({ seconds: 1, nanos: 1 });
  return bytes(String(Date.now() - began));
}

export function run(input) {
  const [word, number] = text(input).split(' ');
  switch (word) {
    case 'noop':
      return new Uint8Array(0);
    case 'saga':
      return saga();
    case 'race':
      return race();
    case 'calls':
      return calls(Number(number));
    case 'sleep':
      return sleep();
    case 'entropy':
      return bytes(`${Math.random()} ${Date.now()}`);
    case 'panic':
      throw new Error('boom');
    default:
      throw failure(`unknown word ${word}`);
  }
}

export function handle(phase, branch, name, payload) {
  call(branch, http(`bank/${name}/${phase}`, text(payload)));
}
