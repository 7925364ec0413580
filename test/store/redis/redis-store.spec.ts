import { afterAll, beforeAll } from '@jest/globals';
import { startRedis } from '../../support/redis-process.js';
import type { RedisProcess } from '../../support/redis-process.js';
import { contractsThrough } from './contracts-through.js';

let server: RedisProcess;
beforeAll(async () => void (server = await startRedis()));
afterAll(() => server.stop());

// The other clients: npm run test:scenarios.
contractsThrough('built-in', 'redis', () => ({ url: server.url }));
contractsThrough('ioredis 6', 'redis', () => ({ url: server.url }));
