import { Controller, Get, Injectable, Req, UseGuards } from '@nestjs/common';
import type { CanActivate, ExecutionContext, INestApplication } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { TieredCache } from '../../src/cache/tiered-cache.js';
import { CachedResponse } from '../../src/http/cached-response.js';
import { ask } from '../support/ask.js';
import { buildCache } from '../support/build-cache.js';
import { cacheModule, listen, platforms } from '../support/nest-application.js';
import { storePlaces } from '../support/store-places.js';
import type { StorePlace } from '../support/store-places.js';

/** Nothing is read of the feed by itself: a process goes on believing what is near, unless it asks. */
const coherence = { interval: '10m', blindFor: '10m' } as const;
const options = { ttl: '1h', tags: ['t'] } as const;
let row = 'old';
const readRow = (cache: TieredCache): Promise<string> => cache.getOrSet('row', () => row, options);

interface Guarded {
  row?: string;
}

@Injectable()
class ReadsRow implements CanActivate {
  constructor(private readonly cache: TieredCache) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    context.switchToHttp().getRequest<Guarded>().row = await readRow(this.cache);
    return true;
  }
}

@Controller()
class Pages {
  private remembered = '';
  constructor(private readonly cache: TieredCache) {}

  /** What this process has near from now on. */
  @Get('warm')
  async warm(): Promise<string> {
    return (this.remembered = await readRow(this.cache));
  }

  @Get('page')
  @CachedResponse(options)
  async page(): Promise<string> {
    return `page with ${await readRow(this.cache)}`;
  }

  @Get('guarded')
  @UseGuards(ReadsRow)
  @CachedResponse({ ...options, keyedBy: () => [] })
  guarded(@Req() request: Guarded): string {
    return `page with ${request.row}`;
  }

  /** The control: no cache knows where this comes from. */
  @Get('remembered')
  @CachedResponse(options)
  fromMemory(): string {
    return `page with ${this.remembered}`;
  }
}

describe.each(platforms)('An answer under @CachedResponse on %s that is made of an entry', (platform) => {
  let place: StorePlace;
  beforeAll(async () => {
    place = await storePlaces.memcached();
  });
  afterAll(() => place.remove());
  const apps: INestApplication[] = [];
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
  });
  let runs = 0;

  async function application(namespace: string): Promise<string> {
    const imports = [cacheModule({ stores: place.connect(), namespace, coherence })];
    const app = await listen(platform, { imports, controllers: [Pages] });
    apps.push(app);
    return app.getUrl();
  }

  /** B has the row near; another process invalidates it; B makes the page at once; C has never asked for anything. */
  async function madeAfterwards(path: string): Promise<{ atB: string; atC: string }> {
    row = 'old';
    const namespace = `built${platform}${++runs}`;
    const b = await application(namespace);
    expect((await ask(`${b}/warm`)).text).toBe('old');
    const a = await buildCache({ namespace, store: place.connect(), coherence });
    row = 'new';
    expect(await a.invalidateTags('t')).toBe(true);
    const atB = (await ask(`${b}/${path}`)).text;
    const c = await application(namespace);
    const atC = (await ask(`${c}/${path}`)).text;
    await a.close();
    return { atB, atC };
  }

  it('T1 is made of nothing that was invalidated before it began', async () => {
    expect(await madeAfterwards('page')).toEqual({ atB: 'page with new', atC: 'page with new' });
  });

  it('T1 is stored for nobody where a guard has read what was invalidated', async () => {
    const { atB, atC } = await madeAfterwards('guarded');
    expect(atB).toMatch(/^page with (old|new)$/);
    expect(atC).toBe('page with new');
  });

  it('T1 is stored, old as it is, where the handler has it from elsewhere', async () => {
    expect(await madeAfterwards('remembered')).toEqual({ atB: 'page with old', atC: 'page with old' });
  });
});
