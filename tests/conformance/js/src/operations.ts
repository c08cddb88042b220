/** Every kind of operation and of body. */

import { Failure, sql } from '@reprise/guest';
import { type Scenario, stub, undoable } from './stub.js';

export const big: Scenario = async (tx) => {
  const body = Uint8Array.from({ length: 1_000_000 }, (_, i) => i % 251);
  const { bytes } = await undoable(tx, 'big', { n: 1 }).call(stub.post('/big').body(body));
  return { bytes: bytes.length, sum: bytes.reduce((sum, byte) => sum + byte, 0) };
};

export const empty: Scenario = async (tx) => (await tx.branch().readOnly().call(stub.post('/empty'))).bytes;

export const unicode: Scenario = async (tx) => {
  const text = await tx.branch().readOnly().call(stub.post('/text').body('Grüße, 世界 🌍 "\\"')).text();
  return { text };
};

export const statements: Scenario = async (tx) => {
  const update = 'UPDATE t SET a = ?, b = ?, c = ?, d = ?, e = ?, f = ?';
  const values = [null, true, 9007199254740993n, 1.5, 'text', Uint8Array.of(0x00, 0xff)];
  await tx
    .branch()
    .onRollback(sql('ledger').statement('UPDATE t SET a = 0'))
    .call(sql('ledger').statement(update, values, { affected: 1 }));
  return { done: true };
};

export const xa: Scenario = async (tx) => {
  await tx.branch().call(sql('ledger').statement('UPDATE t SET a = a - ?', [5], { affected: 1 }).xa());
  return { done: true };
};

export const grpc: Scenario = async (tx) => {
  const message = Uint8Array.of(0x08, 0x01);
  const reply = await tx
    .branch()
    .onRollback(stub.grpc('bank.Bank/Revert').message(message))
    .call(stub.grpc('bank.Bank/Pay').message(message));
  return { hex: hex(reply.bytes) };
};

/** With `fetch`, which StarlingMonkey has and QuickJS has not. */
export const http: Scenario = async (tx) => {
  if (typeof fetch === 'undefined') throw new Failure('unknown scenario');
  const branch = undoable(tx, 'b', { n: 2 });
  return branch.scope(async () => {
    const a = await numberOf(await fetch('http://stub.test/a'));
    const b = await numberOf(await fetch('http://stub.test/b', { method: 'POST', body: JSON.stringify({ n: 2 }) }));
    return { a, b };
  });
};

async function numberOf(response: Response): Promise<unknown> {
  const { n } = (await response.json()) as { n: number };
  return n;
}

/** Bytes as hexadecimal text. */
export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
