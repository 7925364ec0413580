import type { ScopeStorage } from '../near/request-scope.js';
import { putState, stateIn, withState } from './scope-in-context.js';
import type { TeamContext } from './scope-in-context.js';

/** As much of a namespace of `cls-hooked` as is needed. */
export interface ClsHookedNamespace {
  /** The present context; nullish outside of any. */
  readonly active: unknown;
  createContext(): unknown;
  enter(context: unknown): void;
  exit(context: unknown): void;
}

/**
 * The request tier travels in a namespace of `cls-hooked`: one scope per request, in the context that the team's middleware opened or in
 * a new one. What is set within a cache's scope is set in the team's own context.
 *
 * For teams that depend on it. Without such a need keep the default: an asynchronous hook slows every request, whether it uses the cache
 * or not.
 *
 * @example TieredCacheModule.forRoot({ scopeStorage: clsHookedStorage(createNamespace('app')) })
 */
export function clsHookedStorage(namespace: ClsHookedNamespace): ScopeStorage {
  return {
    run: (state, work) => {
      const outer = namespace.active as TeamContext | null | undefined;
      if (!outer && !state) return work();
      const context = outer ? withState(outer, state) : putState(namespace.createContext() as TeamContext, state);
      namespace.enter(context);
      try {
        return work();
      } finally {
        namespace.exit(context);
      }
    },
    current: () => stateIn(namespace.active as TeamContext | null | undefined),
  };
}
