import type { ModulesContainer } from '@nestjs/core';
import { apartRemedy } from '../decorator/memoized-classes.js';
import { memoizedMethodsOf } from '../decorator/memoized-methods.js';
import { InvalidKeyError } from '../value/errors.js';

type Module = NonNullable<ReturnType<ModulesContainer['get']>>;
type Wrapper = NonNullable<ReturnType<Module['injectables']['get']>>;

/**
 * A class of request scope has an instance for each request, and what one of them answers may be its own tenant's. Where its keys say nothing of
 * the instance, the start fails, not the second request. That holds for providers, controllers, guards, pipes, interceptors, filters and
 * middleware, and for the transient ones that are made with them.
 *
 * @throws InvalidKeyError naming the class and the method.
 */
export function assertMemoizedOnce(modules: ModulesContainer): void {
  for (const { providers, controllers, injectables, middlewares } of modules.values()) {
    for (const each of [providers, controllers, injectables, middlewares]) {
      for (const wrapper of each.values()) {
        if (!wrapper.isDependencyTreeStatic()) madeAnew(wrapper).forEach(assertInstancesApart);
      }
    }
  }
}

/** The class itself, and its own instances of what it asks for. */
function madeAnew(wrapper: Wrapper, found = new Set<Wrapper>()): Set<Wrapper> {
  if (found.has(wrapper)) return found;
  found.add(wrapper);
  const asked = [wrapper.getCtorMetadata(), wrapper.getPropertiesMetadata()?.map((property) => property.wrapper)];
  // What is optional and absent leaves a hole in the list, which forEach skips.
  for (const list of asked) list?.forEach((one) => one.isTransient && madeAnew(one, found));
  return found;
}

function assertInstancesApart({ metatype, inject }: Wrapper): void {
  if (typeof metatype !== 'function' || inject) return;
  for (const [method, needsOneInstance] of memoizedMethodsOf(metatype.prototype)) {
    if (!needsOneInstance) continue;
    throw new InvalidKeyError(
      `@Memoize: ${metatype.name} is made anew for each request, and ${metatype.name}.${method} would answer for all instances alike. ${apartRemedy(metatype.name)}`,
    );
  }
}
