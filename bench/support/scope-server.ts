import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RequestScope } from 'nestjs-tiered-cache';
import { verify } from '../harness.js';
import { announce } from './forked-server.js';
import { document, hotKeys, neverLoads, openCache } from './subjects.js';

const lookUps = 20;
const awaits = 100;

/** What a request does, in the kinds of scope that the arguments name. Each kind loads nothing of the others. */
const held = new Map<string, object>(hotKeys.map((key, index) => [key, document(200, index)]));
const ports: number[] = [];
for (const kind of process.argv.slice(2)) {
  const answer = await answerIn(kind);
  const server = createServer((_request, response) => void answer().then(() => response.end('ok')));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ports.push((server.address() as AddressInfo).port);
}
announce(ports);

async function work(lookUp: (key: string) => unknown): Promise<void> {
  for (let index = 0; index < awaits; index++) {
    await Promise.resolve(index);
    if (index < lookUps) verify((await lookUp(hotKeys[index] as string)) !== undefined, 'a look-up');
  }
}

async function answerIn(kind: string): Promise<() => Promise<void>> {
  switch (kind) {
    case 'AsyncLocalStorage': {
      const local = new AsyncLocalStorage<Map<string, object>>();
      return () => local.run(held, () => work((key) => local.getStore()?.get(key)));
    }
    case 'nestjs-tiered-cache': {
      const scope = new RequestScope();
      const cache = await openCache({ scope });
      for (const [key, value] of held) await cache.set(key, value, { ttl: '1h' });
      return () => scope.run(() => work((key) => cache.getOrSet(key, neverLoads)));
    }
    case 'nestjs-cls': {
      const { ClsServiceManager } = await import('nestjs-cls');
      const cls = ClsServiceManager.getClsService();
      return () =>
        cls.run(() => {
          cls.set('held', held);
          return work((key) => cls.get<Map<string, object>>('held').get(key));
        });
    }
    case 'cls-hooked': {
      const { createNamespace } = await import('cls-hooked');
      const namespace = createNamespace('bench');
      return () =>
        namespace.runPromise(async () => {
          namespace.set('held', held);
          await work((key) => (namespace.get('held') as Map<string, object>).get(key));
        });
    }
    default:
      return () => work((key) => held.get(key));
  }
}
