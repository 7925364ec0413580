import { once } from 'node:events';
import type { INestApplication } from '@nestjs/common';
import { ApplicationConfig } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Test } from '@nestjs/testing';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { cacheModule } from '../support/nest-application.js';
import { expectNoCrossings, visitAll } from './support/visit-all.js';
import { Visits } from './support/visits.js';

@WebSocketGateway({ path: '/visits' })
class VisitsGateway {
  constructor(private readonly visits: Visits) {}
  @SubscribeMessage('visit')
  async visit(@MessageBody() id: number): Promise<object> {
    return { event: 'visited', data: await this.visits.visit(id) };
  }
}

/** One connection, over which many ask at once. */
class Client {
  private readonly waiting = new Map<number, (id: number) => void>();

  constructor(private readonly socket: WebSocket) {
    socket.on('message', (message: Buffer) => {
      const { data } = JSON.parse(message.toString()) as { data: number };
      this.waiting.get(data)?.(data);
    });
  }

  visit(id: number): Promise<number> {
    this.socket.send(JSON.stringify({ event: 'visit', data: id }));
    return new Promise((resolve) => this.waiting.set(id, resolve));
  }

  async close(): Promise<void> {
    this.socket.close();
    await once(this.socket, 'close');
  }
}

describe.each([
  ['', true],
  [' where Nest runs no global interceptor for them, as 11 does not', false],
])('Messages over WebSockets%s', (_where, global) => {
  let app: INestApplication;
  let clients: Client[];
  beforeAll(async () => {
    const metadata = { imports: [cacheModule()], providers: [Visits, VisitsGateway] };
    const module = await Test.createTestingModule(metadata).compile();
    const interceptors = module.get(ApplicationConfig).getGlobalInterceptors();
    if (!global) interceptors.splice(0);
    app = module.createNestApplication();
    app.useWebSocketAdapter(new WsAdapter(app));
    await app.listen(0, '127.0.0.1');
    const url = `${(await app.getUrl()).replace('http', 'ws')}/visits`;
    const open = async (): Promise<Client> => {
      const socket = new WebSocket(url);
      await once(socket, 'open');
      return new Client(socket);
    };
    clients = await Promise.all(Array.from({ length: 10 }, open));
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await app.close();
  });

  it('have a scope each, also those of one connection', async () => {
    await visitAll((id) => (clients[id % clients.length] as Client).visit(id));
    expectNoCrossings(await app.get(Visits).verdict());
  });
});
