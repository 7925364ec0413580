// One scope for each message of a gateway and of a microservice beside the HTTP platform, also for those that are under way at once.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { Controller, Injectable } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { ClientProxyFactory, MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { RequestCache, RequestScope } from 'nestjs-tiered-cache';
import { WebSocket } from 'ws';
import { inMemory, meeting, withApplication } from '../application.js';

const all = ['1', '2'];
let allAreHere = meeting(all.length);

@Injectable()
class Visits {
  constructor(
    private readonly requests: RequestCache,
    private readonly scope: RequestScope,
  ) {}

  async visit(id: string) {
    const own = this.requests.namespace('visitor');
    own.set('id', id);
    await allAreHere();
    return { id, own: own.get('id'), active: this.scope.active };
  }
}

@WebSocketGateway({ path: '/visits' })
class VisitsGateway {
  constructor(private readonly visits: Visits) {}

  @SubscribeMessage('visit')
  async visit(@MessageBody() id: string) {
    return { event: 'visited', data: await this.visits.visit(id) };
  }
}

@Controller()
class VisitsController {
  constructor(private readonly visits: Visits) {}

  @MessagePattern('visit')
  visit(@Payload() id: string) {
    return this.visits.visit(id);
  }
}

const expected = all.map((id) => ({ id, own: id, active: true }));

export async function messages(): Promise<void> {
  const gateway = { imports: [inMemory()], providers: [Visits, VisitsGateway] };
  const withSockets = async (app: INestApplication) => void app.useWebSocketAdapter(new WsAdapter(app));
  await withApplication(gateway, async (_ask, app) => overSocket(await app.getUrl()), withSockets);

  const options = { host: '127.0.0.1', port: await freePort() };
  const service = { imports: [inMemory()], controllers: [VisitsController], providers: [Visits] };
  await withApplication(
    service,
    () => overTcp(options),
    async (app) => {
      app.connectMicroservice({ transport: Transport.TCP, options }, { inheritAppConfig: true });
      await app.startAllMicroservices();
    },
  );
}

async function overSocket(url: string): Promise<void> {
  allAreHere = meeting(all.length);
  const socket = new WebSocket(`${url.replace('http', 'ws')}/visits`);
  await once(socket, 'open');
  const answers: { id: string }[] = [];
  const answered = new Promise<void>((resolve) =>
    socket.on('message', (message: Buffer) => {
      answers.push((JSON.parse(message.toString()) as { data: { id: string } }).data);
      if (answers.length === all.length) resolve();
    }),
  );
  for (const id of all) socket.send(JSON.stringify({ event: 'visit', data: id }));
  await answered;
  socket.close();
  await once(socket, 'close');
  assert.deepEqual(
    answers.sort((one, other) => one.id.localeCompare(other.id)),
    expected,
  );
}

async function overTcp(options: { host: string; port: number }): Promise<void> {
  allAreHere = meeting(all.length);
  const client = ClientProxyFactory.create({ transport: Transport.TCP, options });
  try {
    // The types of old versions of rxjs are not found by an import of ES modules.
    const visit = (id: string) =>
      new Promise<unknown>((resolve, reject) =>
        client.send<unknown>('visit', id).subscribe({ next: resolve, error: reject }),
      );
    assert.deepEqual(await Promise.all(all.map(visit)), expected);
  } finally {
    await client.close();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
