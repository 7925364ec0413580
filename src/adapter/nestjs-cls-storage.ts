import { CLS_REQ, ClsServiceManager, ContextClsStoreMap } from 'nestjs-cls';
import type { ClsService, ClsStore } from 'nestjs-cls';
import type { ScopeStorage } from '../tier/request-scope.js';
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
    // ClsInterceptor and ClsGuard go back to the context that ClsMiddleware made for the request: there the state must be.
    open: (state, work) => {
      const outer = context();
      if (!outer || !isOfRequest(outer, cls.get(CLS_REQ))) return run(state, work);
      putState(outer, state);
      return work();
    },
    current: () => stateIn(context()),
  };
}

/** Whether the context is one request's own, not a part of it and not one that several share. */
function isOfRequest(context: ClsStore, request: unknown): boolean {
  return typeof request === 'object' && request !== null && ContextClsStoreMap.getByRaw(request) === context;
}
