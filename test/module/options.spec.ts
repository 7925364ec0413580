import { afterEach, describe, expect, it } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { cacheModule, start } from '../support/nest-application.js';

describe('The options of the module', () => {
  let app: INestApplication | undefined;
  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  it('limit the loaders that run at once', async () => {
    app = await start({ imports: [cacheModule({ maxConcurrentLoads: 2 })] });
    const cache = app.get(TieredCache);
    let [running, most] = [0, 0];
    const load = async (): Promise<number> => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return running--;
    };
    await Promise.all(['a', 'b', 'c', 'd'].map((key) => cache.getOrSet(key, load)));
    expect(most).toBe(2);
  });

  it('stop the start when they can’t be used, and the error names the option', async () => {
    const starting = start({ imports: [cacheModule({ maxConcurrentLoads: 0 })] });
    await expect(starting).rejects.toMatchObject({ code: 'INVALID_OPTION', option: 'maxConcurrentLoads' });
  });
});
