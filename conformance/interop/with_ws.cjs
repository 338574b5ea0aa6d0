// node's `ws`: messages, fragments, pings and closes, with and without compression.
const assert = require('node:assert');
const { randomBytes } = require('node:crypto');
const { once } = require('node:events');
const WebSocket = require('ws');

const url = process.argv[2];

async function talk(options, expected) {
  const socket = new WebSocket(url + '/ws', options);
  const queue = [];
  let waiting;
  socket.on('message', (data, isBinary) => {
    queue.push(isBinary ? data : data.toString());
    waiting?.();
  });
  const next = async () => {
    while (queue.length === 0) await new Promise((wake) => { waiting = wake; });
    return queue.shift();
  };
  await once(socket, 'open');
  assert.strictEqual(socket.extensions.startsWith('permessage-deflate'), expected, socket.extensions);
  for (const n of [0, 1, 125, 126, 65535, 65536, 1000000]) {
    for (const message of ['é'.repeat(n / 2), randomBytes(n), Buffer.alloc(n, 'a')]) {
      socket.send(message);
      assert.deepStrictEqual(await next(), message);
    }
  }
  for (let i = 0; i < 10; i++) socket.send('piece ' + i + ' ', { fin: i === 9 });
  assert.strictEqual(await next(), Array.from({ length: 10 }, (_, i) => 'piece ' + i + ' ').join(''));
  socket.ping('there?');
  assert.strictEqual((await once(socket, 'pong'))[0].toString(), 'there?');
  socket.close(4321, 'enough');
  const [code] = await once(socket, 'close');
  assert.strictEqual(code, 4321);
}

async function main() {
  await talk({ perMessageDeflate: false }, false);
  await talk({ perMessageDeflate: true }, true);
  await talk({ perMessageDeflate: { threshold: 0, clientNoContextTakeover: true, serverNoContextTakeover: true } }, true);
  await talk({ perMessageDeflate: { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 9 } }, true);
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
