import * as transaction from 'reprise:workflow/transaction@0.1.0';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function get(url) {
  const response = await fetch(url, { headers: { 'x-test': '1' } });
  const body = await response.text();
  return `${response.status} ${response.headers.get('x-shop') ?? '-'} ${body.length} ${body.slice(0, 20)}`;
}

async function inScope() {
  const branch = transaction.newBranch();
  const undo = { tag: 'http', val: { method: 'POST', target: 'shop/refund', body: encoder.encode('30') } };
  transaction.onRollback(branch, undo);
  transaction.scope(branch);
  const paid = await (await fetch('http://shop/pay', { method: 'POST', body: '30' })).text();
  const receipt = await get('http://shop/receipt');
  transaction.scope(undefined);
  const outside = await get('http://bank/balance');
  return `${paid}|${receipt}|${outside}`;
}

async function race() {
  const order = [];
  const note = (name) => () => order.push(name);
  await Promise.all([
    get('http://shop/a').then(note('a')),
    get('http://shop/b').then(note('b')),
    get('http://shop/slow').then(note('slow')),
    new Promise((done) => setTimeout(done, 5000)).then(note('timer')),
  ]);
  return order.join(', ');
}

export async function run(input) {
  const word = decoder.decode(input);
  const words = { get: () => get('http://shop/items?q=1'), scope: inScope, race };
  try {
    return encoder.encode(await words[word]());
  } catch (error) {
    throw { message: String(error), details: new Uint8Array(0) };
  }
}
