import { CLS_REQ, ClsServiceManager } from 'nestjs-cls';
import type { ClsService, ClsStore } from 'nestjs-cls';
import type { ScopeStorage } from '../near/request-scope.js';
import { putState, stateIn, withState } from './scope-in-context.js';

/**
 * The request tier travels in the context of `nestjs-cls`: one AsyncLocalStorage for both, and one scope per request. What is set
 * within a cache's scope is set in the team's own context. Where there is no context yet, one is opened.
 *
 * Import ClsModule before TieredCacheModule: for messages, its guard or interceptor opens the context and ours the scope in it.
 *
 * @param cls Default: the one service that nestjs-cls has.
 * @example TieredCacheModule.forRoot({ scopeStorage: nestjsClsStorage() })
 */
export function nestjsClsStorage(cls: ClsService = ClsServiceManager.getClsService()): ScopeStorage {
  const context = (): ClsStore | undefined => cls.get();
  const run: ScopeStorage['run'] = (state, work) => {
    const outer = context();
    if (outer) return cls.runWith(withState(outer, state), work);
    return state ? cls.runWith(putState<ClsStore>({}, state), work) : work();
  };
  return {
    run,
    // ClsInterceptor goes back to the context that ClsMiddleware made for the request: there the state must be. Its own map of contexts
    // (ContextClsStoreMap) can't be asked: from version 7 an application of CommonJS has a second copy of it.
    open: (state, work, request) => {
      const outer = context();
      if (!outer || !request || cls.get<unknown>(CLS_REQ) !== request) return run(state, work);
      putState(outer, state);
      return work();
    },
    current: () => stateIn(context()),
  };
}
