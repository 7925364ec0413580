import { Injectable } from '@nestjs/common';
import type { INestApplication } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Memoize } from '../../src/decorator/memoize.js';
import { WithLock, heldLease } from '../../src/decorator/with-lock.js';
import { CacheLock } from '../../src/lock/cache-lock.js';
import { LockHeldError, InvalidDurationError, InvalidKeyError, InvalidOptionError } from '../../src/value/errors.js';
import { cacheModule, start } from '../support/nest-application.js';

@Injectable()
class Policies {
  running = 0;
  mostRunning = 0;
  tokens: (number | undefined)[] = [];
  onRedeem: () => Promise<void> = async () => {};

  @WithLock({ resource: (uuid: string) => ['policy', uuid], wait: '10s' })
  async redeem(uuid: string, learner: number): Promise<string> {
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    this.tokens.push(heldLease()?.fencingToken);
    await this.onRedeem();
    this.running--;
    return `${uuid} ${learner}`;
  }

  @WithLock({ resource: (uuid: string) => ['policy', uuid] })
  async tryRedeem(uuid: string): Promise<string> {
    return this.redeemed(uuid);
  }

  loads = 0;
  @WithLock({ resource: 'report' })
  @Memoize()
  async redeemed(uuid: string): Promise<string> {
    return `${uuid} ${++this.loads}`;
  }
}

describe('@WithLock', () => {
  let app: INestApplication;
  afterEach(() => app?.close());

  it('lets one caller at a time in, each with its own growing fencing token', async () => {
    app = await start({ imports: [cacheModule()], providers: [Policies] });
    const policies = app.get(Policies);
    policies.onRedeem = () => new Promise((resolve) => setImmediate(resolve));
    const answers = await Promise.all([1, 2, 3, 4, 5].map((learner) => policies.redeem('p', learner)));
    expect(answers).toEqual([1, 2, 3, 4, 5].map((learner) => `p ${learner}`));
    expect(policies.mostRunning).toBe(1);
    expect(new Set(policies.tokens).size).toBe(5);
    expect(policies.tokens).toEqual([...policies.tokens].sort((a = 0, b = 0) => a - b));
    expect(heldLease()).toBeUndefined();
  });

  it('is over for what the method has begun and not waited for', async () => {
    app = await start({ imports: [cacheModule()], providers: [Policies] });
    const policies = app.get(Policies);
    let end = (): void => undefined;
    const isOver = new Promise<void>((resolve) => (end = resolve));
    let later: Promise<unknown> = Promise.resolve();
    policies.onRedeem = () => {
      later = isOver.then(() => heldLease());
      return Promise.resolve();
    };
    await policies.redeem('p', 1);
    end();
    expect(await later).toBeUndefined();
    expect(policies.tokens).toEqual([expect.any(Number)]);
  });

  it('does not run the method while somebody else has the lock, and other resources go on', async () => {
    app = await start({ imports: [cacheModule()], providers: [Policies] });
    const policies = app.get(Policies);
    await app.get(CacheLock).using(['policy', 'p'], {}, async () => {
      await expect(policies.tryRedeem('p')).rejects.toThrow(LockHeldError);
      expect(await policies.tryRedeem('q')).toBe('q 1');
    });
    expect(policies.loads).toBe(1);
    expect(await policies.tryRedeem('p')).toBe('p 2');
  });

  it.each([undefined, null, 5, new Set(['a'])])('refuses a resource that is %p at the definition', (resource) => {
    const define = () => {
      class Reports {
        @WithLock({ resource: resource as never })
        async write(): Promise<void> {}
      }
      return Reports;
    };
    expect(define).toThrow(InvalidOptionError);
    expect(define).toThrow(
      '@WithLock: Reports.write names no resource to lock. Give a text, a list of key parts, a Key',
    );
  });

  it('names the method whose function gives no resource, and does not run it', async () => {
    @Injectable()
    class Reports {
      written = 0;
      @WithLock({ resource: (name: string) => ({ a: 'report' })[name] as string })
      async write(_name: string): Promise<number> {
        return ++this.written;
      }
    }
    app = await start({ imports: [cacheModule()], providers: [Reports] });
    const reports = app.get(Reports);
    expect(await reports.write('a')).toBe(1);
    const refused = reports.write('b');
    await expect(refused).rejects.toThrow(InvalidKeyError);
    await expect(refused).rejects.toThrow("Reports.write: a lock's resource is a text, a list of key parts or a Key");
    expect(reports.written).toBe(1);
  });

  it('refuses a bad duration at the definition', () => {
    expect(() => WithLock({ resource: 'a', ttl: 0 })).toThrow(InvalidDurationError);
  });
});
