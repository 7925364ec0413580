import { once } from 'node:events';
import { Controller, Injectable, UseFilters } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { ClientProxyFactory, MessagePattern, Transport } from '@nestjs/microservices';
import type { ClientProxy, MicroserviceOptions } from '@nestjs/microservices';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { firstValueFrom } from 'rxjs';
import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WithLock } from '../../src/decorator/with-lock.js';
import { CacheLockExceptionFilter } from '../../src/http/cache-lock-exception.filter.js';
import { sendException } from '../../src/http/socket-exception.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import type { Lease } from '../../src/lock/lease.js';
import { LeaseLostError } from '../../src/value/errors.js';
import { freePort } from '../support/free-port.js';
import { cacheModule } from '../support/nest-application.js';

const detail = 'This resource is locked by another request.';
const lostDetail = 'The lock was lost; check the outcome before trying again.';

@Injectable()
class Policies {
  @WithLock({ resource: () => ['policy', 'p1'] })
  async redeem(): Promise<string> {
    return 'redeemed';
  }
  losesItsLock(): never {
    throw new LeaseLostError('policy:p1', 'taken');
  }
}

@Controller()
@UseFilters(CacheLockExceptionFilter)
class PoliciesController {
  constructor(private readonly policies: Policies) {}
  @MessagePattern('redeem')
  redeem(): Promise<string> {
    return this.policies.redeem();
  }
  @MessagePattern('lose')
  lose(): never {
    return this.policies.losesItsLock();
  }
}

@WebSocketGateway({ path: '/policies' })
@UseFilters(CacheLockExceptionFilter)
class PoliciesGateway {
  constructor(private readonly policies: Policies) {}
  @SubscribeMessage('redeem')
  redeem(): Promise<string> {
    return this.policies.redeem();
  }
  @SubscribeMessage('lose')
  lose(): never {
    return this.policies.losesItsLock();
  }
}

describe('CacheLockExceptionFilter, where no response is at hand', () => {
  let app: INestApplication;
  let held: Lease;
  let client: ClientProxy;
  beforeAll(async () => {
    const options = { transport: Transport.TCP, options: { host: '127.0.0.1', port: await freePort() } } as const;
    const controllers = [PoliciesController];
    const providers = [Policies, PoliciesGateway];
    const module = await Test.createTestingModule({ imports: [cacheModule()], controllers, providers }).compile();
    app = module.createNestApplication();
    app.useWebSocketAdapter(new WsAdapter(app));
    app.connectMicroservice<MicroserviceOptions>(options, { inheritAppConfig: true });
    await app.startAllMicroservices();
    await app.listen(0, '127.0.0.1');
    client = ClientProxyFactory.create(options);
    const outcome = await app.get(CacheLock).acquire(['policy', 'p1'], { ttl: '1m' });
    if (outcome.status !== 'acquired') throw new Error(outcome.status);
    held = outcome.lease;
  });
  afterAll(async () => {
    await held.release();
    await client.close();
    await app.close();
  });

  it('tells the sender of a message how long to wait, and not which resource is locked', async () => {
    const told: unknown = await firstValueFrom(client.send('redeem', {})).catch((error: unknown) => error);
    expect(told).toMatchObject({ message: detail, status: 429, response: { detail, retryAfterSeconds: 10 } });
    expect(JSON.stringify(told)).not.toContain('policy');
  });

  it('tells the sender of a message whose section has run nothing of another time', async () => {
    const told: unknown = await firstValueFrom(client.send('lose', {})).catch((error: unknown) => error);
    expect(told).toMatchObject({ message: lostDetail, status: 409 });
    expect((told as { response: unknown }).response).toEqual({ detail: lostDetail });
  });

  it.each([
    ['redeem', { status: 'error', message: detail, retryAfterSeconds: 10 }],
    ['lose', { status: 'error', message: lostDetail }],
  ])('tells the client of a gateway that sent %s, as the event that Nest sends of any failure', async (sent, data) => {
    const socket = new WebSocket(`${(await app.getUrl()).replace('http', 'ws')}/policies`);
    await once(socket, 'open');
    socket.send(JSON.stringify({ event: sent }));
    const [message] = (await once(socket, 'message')) as [Buffer];
    expect(JSON.parse(message.toString())).toEqual({ event: 'exception', data });
    socket.close();
    await once(socket, 'close');
  });

  it('emits it to a client that is no WebSocket, as one of Socket.IO', () => {
    const emitted: unknown[][] = [];
    const data = { status: 'error', message: detail, retryAfterSeconds: 1 } as const;
    sendException({ emit: (...all) => emitted.push(all) }, data);
    expect(emitted).toEqual([['exception', data]]);
  });
});
