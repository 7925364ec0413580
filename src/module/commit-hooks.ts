import type { ModulesContainer } from '@nestjs/core';
import type { AfterCommitHook, CommitHooks } from '../decorator/transaction.js';
import type { TieredCacheOptions } from './tiered-cache.options.js';

/**
 * The hook of one cache. Where it was given none, those of the application's other caches are asked: a transaction is the application's, and what is
 * invalidated before its commit may be loaded again from the old rows.
 *
 * @param token what each module provides its options by.
 */
export function commitHooks(
  { afterCommit }: TieredCacheOptions,
  modules: ModulesContainer,
  token: string,
): CommitHooks {
  return { afterCommit: afterCommit ?? ((work) => givenHooks(modules, token).some((hook) => hook(work))) };
}

function givenHooks(modules: ModulesContainer, token: string): AfterCommitHook[] {
  return [...modules.values()].flatMap(({ providers }) => {
    const options = providers.get(token)?.instance as TieredCacheOptions | undefined;
    return options?.afterCommit ?? [];
  });
}
