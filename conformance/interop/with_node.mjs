// Ten uploads of 10 MiB, echoed, on one connection, all at once: bit-identical, whatever the windows.
import http2 from 'node:http2';
import { createHash, randomBytes } from 'node:crypto';

const url = process.argv[2];
const content = randomBytes(10 << 20);
const sum = (data) => createHash('sha256').update(data).digest('hex');
const expected = sum(content);

for (const initialWindowSize of [65535, 1024, 1000000]) {
  const session = http2.connect(url, { maxSessionMemory: 1000, settings: { initialWindowSize } });
  await Promise.all(Array.from({ length: 10 }, () => new Promise((done, failed) => {
    const stream = session.request({ ':method': 'POST', ':path': '/echo' });
    const hash = createHash('sha256');
    let length = 0;
    stream.on('data', (data) => { hash.update(data); length += data.length; });
    stream.on('end', () => hash.digest('hex') === expected ? done() : failed(new Error(`${length} bytes differ`)));
    stream.on('error', failed);
    stream.end(content);
  })));
  await new Promise((closed) => session.close(closed));
}
