/** Time, randomness, messages, and what the language draws from its surroundings. */

import { log } from '@reprise/guest';
import { hex } from './operations.js';
import { type Scenario, stub } from './stub.js';

export const sleep: Scenario = async (tx) => {
  await tx.sleep(1_500);
  await tx.sleep(0);
  return { slept: true };
};

export const now: Scenario = async (tx) => {
  const before = tx.now().getTime();
  await tx.branch().readOnly().call(stub.get('/a'));
  return { before, after: tx.now().getTime() };
};

export const random: Scenario = async (tx) => ({ hex: hex(tx.randomBytes(16)) });

export const entropy: Scenario = async () => {
  const keys = Array.from({ length: 50 }, (_, i) => `key${(i * 37) % 50}`);
  return {
    random: [Math.random(), Math.random()],
    uuid: crypto.randomUUID(),
    bytes: hex(crypto.getRandomValues(new Uint8Array(8))),
    date: new Date().toISOString(),
    now: Date.now(),
    ticks: performance.now(),
    object: Object.keys(Object.fromEntries(keys.map((key) => [key, 1]))),
    set: [...new Set(keys)],
    shuffled: keys.toSorted(() => Math.random() - 0.5),
    zone: new Date().getTimezoneOffset(),
    stack: new Error('here').stack,
  };
};

export const messages: Scenario = async () => {
  log.trace('t');
  log.debug('d');
  log.info('i');
  log.warn('w');
  log.error('e');
  console.log('out');
  console.error('err');
  return { logged: 5 };
};

export const trap: Scenario = async (tx) => {
  await tx.branch().readOnly().call(stub.get('/a'));
  throw new Error('boom in scenario');
};
