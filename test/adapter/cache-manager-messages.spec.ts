import { once } from 'node:events';
import { connect } from 'node:net';
import { Cache, CACHE_MANAGER, CacheInterceptor, CacheKey, CacheModule } from '@nestjs/cache-manager';
import { Controller, Inject, Module, UseInterceptors } from '@nestjs/common';
import type { DynamicModule, INestApplication } from '@nestjs/common';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import type { ClientProxy } from '@nestjs/microservices';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { WsAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Test } from '@nestjs/testing';
import { WebSocket } from 'ws';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { firstValueFrom } from 'rxjs';
import { CacheManagerModule } from '../../src/adapter/cache-manager.module.js';
import { freePort } from '../support/free-port.js';
import { cacheModule, platforms } from '../support/nest-application.js';

let calls = 0;

@WebSocketGateway({ path: '/events' })
class EventsGateway {
  constructor(@Inject(CACHE_MANAGER) private readonly cache: Cache) {}

  @SubscribeMessage('intercepted')
  @CacheKey('gateway')
  @UseInterceptors(CacheInterceptor)
  intercepted(): object {
    return { event: 'answer', data: ++calls };
  }

  @SubscribeMessage('wrapped')
  async wrapped(): Promise<object> {
    return { event: 'answer', data: await this.cache.wrap('wrapped', async () => ++calls) };
  }
}

@Controller()
class EventsController {
  constructor(@Inject(CACHE_MANAGER) private readonly cache: Cache) {}

  @MessagePattern('intercepted')
  @CacheKey('message')
  @UseInterceptors(CacheInterceptor)
  intercepted(): number {
    return ++calls;
  }

  @MessagePattern('without-key')
  @UseInterceptors(CacheInterceptor)
  withoutKey(): number {
    return ++calls;
  }

  @MessagePattern('wrapped')
  wrapped(): Promise<number> {
    return this.cache.wrap('wrapped', async () => ++calls);
  }
}

const onTheTiers = (): DynamicModule[] => [cacheModule(), CacheManagerModule.register()];
const caches: [string, () => DynamicModule[]][] = [
  ['@nestjs/cache-manager', () => [CacheModule.register()]],
  ['the tiers', onTheTiers],
];

/**
 * CacheInterceptor writes `X-Cache` on what it takes for the response whenever the application has an HTTP adapter. For a message that is its
 * data: the write fails, and the interceptor falls back on the handler.
 */
describe.each(platforms.flatMap((platform) => caches.map(([name, imports]) => ({ platform, name, imports }))))(
  'Messages beside $platform, with the cache of $name',
  ({ platform, imports }) => {
    let app: INestApplication;
    let port: number;
    beforeEach(async () => {
      calls = 0;
      @Module({ imports: imports(), controllers: [EventsController], providers: [EventsGateway] })
      class AppModule {}
      const module = await Test.createTestingModule({ imports: [AppModule] }).compile();
      app =
        platform === 'Express'
          ? module.createNestApplication()
          : module.createNestApplication(new FastifyAdapter() as never);
      app.useWebSocketAdapter(new WsAdapter(app));
      port = await freePort();
      const options = { host: '127.0.0.1', port };
      app.connectMicroservice({ transport: Transport.TCP, options }, { inheritAppConfig: true });
      await app.startAllMicroservices();
      await app.listen(0, '127.0.0.1');
    });
    afterEach(() => app.close());

    it('of a gateway are never answered by CacheInterceptor, and are by wrap', async () => {
      const socket = new WebSocket(`${(await app.getUrl()).replace('http', 'ws')}/events`);
      await once(socket, 'open');
      const ask = async (event: string): Promise<unknown> => {
        socket.send(JSON.stringify({ event, data: {} }));
        const [answer] = (await once(socket, 'message')) as [Buffer];
        return JSON.parse(answer.toString());
      };
      try {
        const answers = [];
        for (const event of ['intercepted', 'intercepted', 'wrapped', 'wrapped']) answers.push(await ask(event));
        expect(answers).toEqual([1, 2, 3, 3].map((data) => ({ event: 'answer', data })));
      } finally {
        socket.close();
        await once(socket, 'close');
      }
    });

    it('of a microservice in the same application neither', async () => {
      const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
      try {
        expect(await answersOf(client)).toEqual([1, 2, 3, 3]);
      } finally {
        await client.close();
      }
    });
  },
);

async function answersOf(client: ClientProxy): Promise<number[]> {
  const answers: number[] = [];
  for (const pattern of ['intercepted', 'intercepted', 'wrapped', 'wrapped']) {
    answers.push(await firstValueFrom(client.send<number>(pattern, {})));
  }
  return answers;
}

describe.each(caches)('Messages of a microservice alone, with the cache of %s', (_name, imports) => {
  it('are answered by CacheInterceptor where they have a key', async () => {
    calls = 0;
    const options = { host: '127.0.0.1', port: await freePort() };
    const module = await Test.createTestingModule({ imports: imports(), controllers: [EventsController] }).compile();
    const service = module.createNestMicroservice({ transport: Transport.TCP, options });
    await service.listen();
    const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
    try {
      expect(await answersOf(client)).toEqual([1, 1, 2, 2]);
    } finally {
      await client.close();
      await service.close();
    }
  });

  it('reach their handler where they have no key, also those without data', async () => {
    calls = 0;
    const options = { host: '127.0.0.1', port: await freePort() };
    const module = await Test.createTestingModule({ imports: imports(), controllers: [EventsController] }).compile();
    const service = module.createNestMicroservice({ transport: Transport.TCP, options });
    await service.listen();
    try {
      const answers = [];
      for (const data of [null, 'text', {}])
        answers.push(await sendRaw(options.port, { pattern: 'without-key', data }));
      expect(answers).toEqual([1, 2, 3].map((response) => ({ id: 'a', response, isDisposed: true })));
    } finally {
      await service.close();
    }
  });
});

/** As clients in other languages write messages: that of Nest sends none without data. */
async function sendRaw(port: number, message: object): Promise<unknown> {
  const socket = connect(port, '127.0.0.1');
  const packet = JSON.stringify({ ...message, id: 'a' });
  socket.write(`${packet.length}#${packet}`);
  try {
    const [answer] = (await once(socket, 'data')) as [Buffer];
    return JSON.parse(answer.toString().replace(/^\d+#/, ''));
  } finally {
    socket.destroy();
  }
}
