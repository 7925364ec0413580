import 'reflect-metadata';
import { getAfterCommitToken, getTieredCacheToken } from '../cache/injection-tokens.js';
import type { TieredCache } from '../cache/tiered-cache.js';
import { InvalidOptionError, StoreUnavailableError } from '../value/errors.js';
import { reportFault } from '../value/events.js';
import { memberName, methodOf } from '../value/member.js';
import type { Unchecked } from '../value/unchecked.js';
import { assertOneAnswer, assertPromised } from './assert-promised.js';
import { injected } from './injected.js';
import { knownInvalidateOptions } from './invalidate-options.js';
import type { InvalidateDecorator, InvalidateOptions } from './invalidate-options.js';
import { addLayer, runBelow } from './method-run.js';
import type { MethodRun } from './method-run.js';
import { afterCommitOf } from './transaction.js';
import type { AfterCommitWork, CommitHooks } from './transaction.js';
import { untrueNames } from './untrue-names.js';
import { replaceMethod } from './wrapped-method.js';

type Args = readonly unknown[];
type Method = (...args: Args) => Promise<unknown>;
type Options = InvalidateOptions<Args, unknown>;

/**
 * Invalidates after the method has succeeded, before its caller knows; a method that throws invalidates nothing. An error in `keys`, `tags`
 * or `byResult`, such as a tag that is too long, reaches the caller, although the method has run; all else that they name is invalidated. So they
 * are where the method has run and a decorator below rejects all the same: another `@Invalidate`, or `@WithLock` whose lease was lost (`byResult` where the
 * method has returned).
 *
 * Inside a transaction say `after: 'commit'`: what is invalidated before the commit may be loaded again from the old rows.
 *
 * @throws InvalidOptionError at the definition of the class, naming the method.
 * @example
 * @Invalidate({ keys: (slug: string) => courseKey({ slug }), tags: ['course-lists'] })
 * async rename(slug: string, title: string): Promise<Course> { … }
 */
export function Invalidate<A extends readonly unknown[] = Unchecked[], R = Unchecked>(
  options: InvalidateOptions<A, R>,
): InvalidateDecorator<A, R>;
export function Invalidate(given: object): InvalidateDecorator<never, unknown> {
  const options = given as Options;
  return (target, method, descriptor) => {
    const original = methodOf('@Invalidate', target, method, descriptor) as unknown as Method;
    const member = memberName(target, method);
    assertOptions(options, member);
    const { byResult: _byResult, ...byArguments } = options;
    assertPromised('@Invalidate', target, method, original);
    const cacheOf = injected<TieredCache>('@Invalidate', target, method, getTieredCacheToken(options.cache));
    const hooksOf =
      options.after === 'commit'
        ? injected<CommitHooks>('@Invalidate', target, method, getAfterCommitToken(options.cache))
        : undefined;
    const toCall = options.keys ? 'deleteMany' : options.tags ? 'invalidateTags' : undefined;
    const layer = addLayer(target, method);
    replaceMethod(descriptor, original as never, async function (this: object, ...args: Args) {
      const call = { cache: cacheOf(this, toCall), hooks: hooksOf?.(this, 'afterCommit'), instance: this, args };
      const end = await runBelow(layer, (run) => oneAnswer(member, original.apply(this, [...args]), run));
      if (end.failed) {
        const { error, mayHaveRun, returned } = end.failed;
        if (returned) await invalidate(options, call, returned.value).catch(() => undefined);
        else if (mayHaveRun) await invalidate(byArguments, call).catch(() => undefined);
        throw error;
      }
      await invalidate(options, call, end.value);
      return end.value;
    });
  };
}

interface Call {
  readonly cache: TieredCache;
  /** Absent: it is done at once. */
  readonly hooks: CommitHooks | undefined;
  readonly instance: object;
  readonly args: Args;
}

async function invalidate(options: Options, { cache, hooks, instance, args }: Call, result?: unknown): Promise<void> {
  const { keys, tags, errors } = untrueNames(options, instance, args, result);
  const work = async (): Promise<void> => {
    const { confirm = false } = options;
    await Promise.all([
      keys.length > 0 ? cache.deleteMany(keys, { confirm }) : undefined,
      tags.length > 0 ? invalidateTags(cache, tags, confirm) : undefined,
    ]);
  };
  const handed = (): Promise<void> => reported(work, cache);
  await (hooks ? afterCommitOf({ work, inDoubt: handed }, () => hooks.afterCommit(handed)) : work());
  if (errors.length > 0) throw errors[0];
}

/** A stream that is returned as it is has no end that could be waited for. One that a promise brings has: the promise. */
function oneAnswer(member: string, answer: Promise<unknown>, run: MethodRun): Promise<unknown> {
  try {
    return assertOneAnswer('@Invalidate', member, answer);
  } catch (error) {
    run.noteRun();
    throw error;
  }
}

function assertOptions(options: Options, member: string): void {
  knownInvalidateOptions.check(options, `@Invalidate ${member}`);
  const { keys, tags, byResult, after = 'success', confirm } = options;
  if (!keys && !tags && !byResult) {
    const problem = `${member} names nothing to invalidate`;
    throw new InvalidOptionError('@Invalidate', problem, 'Give keys, tags or byResult.');
  }
  if (after !== 'success' && after !== 'commit') {
    throw new InvalidOptionError(
      '@Invalidate',
      `${member} says when by a word that is none`,
      "Give 'success' or 'commit'.",
    );
  }
  if (after === 'success' || confirm !== true) return;
  const problem = `${member} asks for confirmation after the commit, when its caller has been answered`;
  throw new InvalidOptionError('@Invalidate', problem, 'Leave confirm out: what is not acknowledged is sent again.');
}

async function invalidateTags(cache: TieredCache, tags: readonly string[], confirm: boolean): Promise<void> {
  if ((await cache.invalidateTags(...tags)) || !confirm) return;
  throw new StoreUnavailableError(cache.name, 'the invalidation of tags was not acknowledged');
}

/** A library does the work when its caller was answered, and may end the process over a rejection that nobody waits for. */
async function reported(work: AfterCommitWork, { name }: TieredCache): Promise<void> {
  try {
    await work();
  } catch (cause) {
    const message = 'An invalidation after a commit failed.';
    reportFault({ source: name, kind: 'write-unacknowledged', message, cause });
  }
}
