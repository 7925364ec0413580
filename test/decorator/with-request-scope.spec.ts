import { Injectable } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { WithRequestScope } from '../../src/decorator/with-request-scope.js';
import { RequestScope } from '../../src/near/request-scope.js';
import { cacheModule, start } from '../support/nest-application.js';

@Injectable()
class Jobs {
  loads = 0;
  constructor(
    private readonly cache: TieredCache,
    private readonly scope: RequestScope,
  ) {}

  /** Twice the same question within one run. */
  @WithRequestScope()
  async run(name: string): Promise<string> {
    const rate = (): Promise<number> => this.cache.getOrSet('rate', () => ++this.loads, { ttl: 0 });
    return `${name} ${await rate()} ${await rate()} ${this.scope.active}`;
  }

  async bare(): Promise<string> {
    const rate = (): Promise<number> => this.cache.getOrSet('rate', () => ++this.loads, { ttl: 0 });
    return `${await rate()} ${await rate()} ${this.scope.active}`;
  }

  @WithRequestScope()
  async failing(): Promise<void> {
    throw new Error('no catalog');
  }
}

describe('@WithRequestScope', () => {
  let app: INestApplication;
  afterEach(() => app?.close());
  const jobs = async (): Promise<Jobs> => {
    app = await start({ imports: [cacheModule()], providers: [Jobs] });
    return app.get(Jobs);
  };

  it('gives each run a scope of its own', async () => {
    const one = await jobs();
    expect([await one.run('a'), await one.run('b')]).toEqual(['a 1 1 true', 'b 2 2 true']);
    expect(await one.bare()).toBe('3 4 false');
  });

  it('shows a run nothing of the scope that it was started in', async () => {
    const one = await jobs();
    await app.get(RequestScope).run(async () => {
      expect(await one.bare()).toBe('1 1 true');
      expect(await one.run('a')).toBe('a 2 2 true');
      expect(await one.bare()).toBe('1 1 true');
    });
  });

  it('hands on what the method throws', async () => {
    await expect((await jobs()).failing()).rejects.toThrow('no catalog');
    expect(app.get(RequestScope).active).toBe(false);
  });
});
