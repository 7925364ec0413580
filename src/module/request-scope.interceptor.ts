import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import { Observable, from, switchMap } from 'rxjs';
import { ScopeState } from '../near/request-scope.js';
import type { RequestScope } from '../near/request-scope.js';
import type { ResolvedOptions } from './resolved-options.js';

/**
 * Opens the scope where no middleware can: for messages, events, sockets. Grants forced misses: here, because guards have run and know who asks.
 */
export class RequestScopeInterceptor implements NestInterceptor {
  constructor(
    private readonly scope: RequestScope,
    private readonly options: Pick<ResolvedOptions, 'mayForceMiss'>,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (!this.scope.active) return this.inScope(next);
    const { mayForceMiss } = this.options;
    if (!mayForceMiss || context.getType() !== 'http') return next.handle();
    const request: unknown = context.switchToHttp().getRequest();
    if (!asksToForceMiss(request)) return next.handle();
    return from(Promise.resolve(mayForceMiss(request as never))).pipe(
      switchMap((granted) => {
        if (granted === true) this.scope.forceMiss();
        return next.handle();
      }),
    );
  }

  private inScope(next: CallHandler): Observable<unknown> {
    return new Observable((subscriber) => {
      const state = new ScopeState();
      const subscription = this.scope.open(state, () => next.handle().subscribe(subscriber));
      subscription.add(() => state.close());
      return subscription;
    });
  }
}

/** `?force_cache_miss=true`, in any case. */
function asksToForceMiss(request: unknown): boolean {
  const query = (request as { query?: Record<string, unknown> } | null)?.query;
  const asked = query?.['force_cache_miss'];
  return typeof asked === 'string' && asked.toLowerCase() === 'true';
}
