import 'reflect-metadata';
import { AsyncLocalStorage } from 'node:async_hooks';
import type { CacheLock } from '../lock/cache-lock.js';
import { resolveLockOptions } from '../lock/lock-options.js';
import type { LockOptions } from '../lock/lock-options.js';
import { assertLockResource, isLockResource } from '../lock/lock-place.js';
import type { LockResource } from '../lock/lock-place.js';
import type { Lease } from '../lock/lease.js';
import { getCacheLockToken } from '../cache/injection-tokens.js';
import { injected } from './injected.js';
import { assertOneAnswer, assertPromised } from './assert-promised.js';
import { InvalidOptionError, LeaseLostError } from '../value/errors.js';
import { memberName, methodOf } from '../value/member.js';
import { KnownOptions } from '../value/known-options.js';
import type { Unchecked } from '../value/unchecked.js';
import { addLayer, runAbove } from './method-run.js';
import type { MethodCalledWith } from './method-called-with.js';
import { replaceMethod } from './wrapped-method.js';

export interface WithLockOptions<Args extends readonly unknown[]> extends Omit<LockOptions, 'signal'> {
  /** The name of the cache whose locks are used. Default: the one injected by class. */
  readonly cache?: string;
  /** What nobody else may work on meanwhile: a string or an array of key parts, or how to make it from the arguments. `this` is the instance. */
  readonly resource: LockResource | ((...args: Args) => LockResource);
}

const known = KnownOptions.of<WithLockOptions<readonly unknown[]>>(
  '@WithLock',
  { cache: true, resource: true, ttl: true, wait: true, renew: true, fencing: true },
  { signal: 'Each call has its own: use CacheLock.using.' },
);

export type WithLockDecorator<Args extends readonly unknown[]> = <F extends (...args: never[]) => Promise<unknown>>(
  target: object,
  method: string | symbol,
  descriptor: MethodCalledWith<F, Args>,
) => void;

type Method = (...args: readonly unknown[]) => Promise<unknown>;

/** The lease of the innermost section that the running code belongs to. */
const leases = new AsyncLocalStorage<Lease>();

/**
 * The lease under which the present `@WithLock` method runs: for its fencing token and its signal. Undefined outside of one, and for what goes on once the
 * lock was given back.
 */
export function heldLease(): Lease | undefined {
  const lease = leases.getStore();
  return lease?.isGivenBack === true ? undefined : lease;
}

/**
 * Runs the method under a lock, as `CacheLock.using` does: one caller of all processes at a time for each resource.
 *
 * Calls reject with LockHeldError (somebody else has it) or LockUnavailableError (nobody can know), and the method has not run; or with
 * LeaseLostError: it ran, but may not have been alone to its end. `CacheLockExceptionFilter` makes HTTP answers of these.
 *
 * @throws InvalidOptionError, InvalidDurationError at the definition of the class, naming the method or the option.
 * @example
 * @WithLock({ resource: (policyUuid: string) => ['policy', policyUuid], wait: '2s' })
 * async redeem(policyUuid: string, request: Redemption): Promise<Transaction> { … }
 */
export function WithLock<A extends readonly unknown[] = Unchecked[]>(options: WithLockOptions<A>): WithLockDecorator<A>;
export function WithLock(given: object): WithLockDecorator<never> {
  const { cache: name, resource, ...options } = given as WithLockOptions<readonly unknown[]>;
  assertDurations(options);
  return (target, method, descriptor) => {
    const original = methodOf('@WithLock', target, method, descriptor) as unknown as Method;
    const member = memberName(target, method);
    known.check(given, `@WithLock ${member}`);
    assertResource(resource, member);
    assertPromised('@WithLock', target, method, original);
    const needs = ' with a store that can hold locks (stores or lock.store)';
    const lockOf = injected<CacheLock>('@WithLock', target, method, getCacheLockToken(name), { needs });
    const layer = addLayer(target, method);
    replaceMethod(descriptor, original as never, async function (this: object, ...args: readonly unknown[]) {
      const wanted = typeof resource === 'function' ? resource.apply(this, [...args]) : resource;
      assertLockResource(wanted, `${member}: a lock's resource`);
      const above = runAbove(layer);
      const answered = async (): Promise<unknown> => {
        const value = await assertOneAnswer('@WithLock', member, original.apply(this, [...args]));
        above?.noteReturned(value);
        return value;
      };
      try {
        return await lockOf(this, 'using').using(wanted, options, (lease) => leases.run(lease, answered));
      } catch (error) {
        if (error instanceof LeaseLostError) above?.noteRun();
        throw error;
      }
    });
  };
}

function assertResource(resource: unknown, member: string): void {
  if (typeof resource === 'function' || isLockResource(resource)) return;
  const remedy = 'Give a text, a list of key parts, a Key, or a function of the arguments that makes one.';
  throw new InvalidOptionError('@WithLock', `${member} names no resource to lock`, remedy);
}

/** A bad duration is wrong at the definition, not at the first call. */
function assertDurations({ ttl, wait }: LockOptions): void {
  resolveLockOptions({ ...(ttl !== undefined && { ttl }), ...(wait !== undefined && { wait }) }, '60s', 0);
}
