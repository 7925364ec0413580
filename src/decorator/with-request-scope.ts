import 'reflect-metadata';
import { RequestScope } from '../near/request-scope.js';
import { memberName, methodOf } from '../value/member.js';
import { assertOneAnswer, assertPromised } from './assert-promised.js';
import { injected } from './injected.js';
import { replaceMethod } from './wrapped-method.js';

type Method = (...args: readonly unknown[]) => Promise<unknown>;

export type WithRequestScopeDecorator = <F extends (...args: never[]) => Promise<unknown>>(
  target: object,
  method: string | symbol,
  descriptor: TypedPropertyDescriptor<F>,
) => void;

/**
 * Runs each call of the method in a request scope of its own, as `RequestScope.run` does: for cron jobs, queue workers, commands, and
 * whatever else no request begins. The scope ends when the returned promise settles. Where one is open already, as in a request, the call
 * sees nothing of it.
 *
 * @throws InvalidOptionError at the definition of the class, naming the method.
 * @example
 * @Cron('0 * * * *')
 * @WithRequestScope()
 * async importCatalogs(): Promise<void> { … }
 */
export function WithRequestScope(): WithRequestScopeDecorator {
  return (target, method, descriptor) => {
    const original = methodOf('@WithRequestScope', target, method, descriptor) as unknown as Method;
    assertPromised('@WithRequestScope', target, method, original);
    const scopeOf = injected<RequestScope>('@WithRequestScope', target, method, RequestScope);
    const member = memberName(target, method);
    replaceMethod(descriptor, original as never, async function (this: object, ...args: readonly unknown[]) {
      const answered = (): Promise<unknown> =>
        assertOneAnswer('@WithRequestScope', member, original.apply(this, [...args]));
      return scopeOf(this, 'run').run(answered);
    });
  };
}
