import 'reflect-metadata';
import type { InjectionToken, Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import type { LockRefusal } from '../lock/assert-store-can-lock.js';
import { InvalidOptionError } from '../value/errors.js';

type Module = NonNullable<ReturnType<ModulesContainer['get']>>;
type Wrapper = NonNullable<ReturnType<Module['injectables']['get']>>;

/** Nest's own marks: which parameters and properties of a class are optional. */
const optionalParameters = 'optional:paramtypes';
const optionalProperties = 'optional:properties_metadata';

/** The locks of a cache whose store can hold none. Nest injects undefined for them. */
export interface AbsentLocks {
  /** What they would be asked for by. */
  readonly token: InjectionToken;
  readonly refusal: LockRefusal;
}

/**
 * A cache whose store can hold no locks starts unless somebody asks for them: by a parameter, by a property, or by a method with `@WithLock`. Without this
 * the first call would fail. A dependency that is marked as optional may go without.
 *
 * @param owner the module that provides the locks.
 * @throws InvalidOptionError naming the store, the class and the remedy.
 */
export function assertLocksNotAskedFor(modules: ModulesContainer, owner: Type, { token, refusal }: AbsentLocks): void {
  const isAbsent = ({ token: provided, host, instance }: Wrapper): boolean =>
    provided === token && host?.metatype === owner && instance === undefined;
  for (const { providers, controllers, injectables, middlewares } of modules.values()) {
    for (const each of [providers, controllers, injectables, middlewares]) {
      for (const wrapper of each.values()) {
        if (!needs(wrapper, isAbsent)) continue;
        const [asking, locks] = [wrapper.name, typeof token === 'function' ? token.name : token].map(String);
        const problem = `${refusal.problem}, and ${asking} asks for ${locks}`;
        throw new InvalidOptionError('lock.store', problem, refusal.remedy);
      }
    }
  }
}

/** What is optional and absent leaves a hole in Nest's list, which `some` skips. */
function needs(wrapper: Wrapper, isAbsent: (one: Wrapper) => boolean): boolean {
  const { metatype, inject } = wrapper;
  const marked = (mark: string): readonly unknown[] => (Reflect.getMetadata(mark, metatype ?? {}) ?? []) as unknown[];
  const isOptional = (index: number): boolean =>
    inject
      ? (inject[index] as { optional?: boolean } | undefined)?.optional === true
      : marked(optionalParameters).includes(index);
  const parameters: readonly Wrapper[] = wrapper.getCtorMetadata() ?? [];
  const properties = wrapper.getPropertiesMetadata() ?? [];
  return (
    parameters.some((one, index) => isAbsent(one) && !isOptional(index)) ||
    properties.some(({ key, wrapper: one }) => isAbsent(one) && !marked(optionalProperties).includes(key))
  );
}
