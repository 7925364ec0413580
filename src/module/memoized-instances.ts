import type { ModulesContainer } from '@nestjs/core';
import { apartRemedy } from '../decorator/memoized-classes.js';
import { memoizedMethodsOf } from '../decorator/memoized-methods.js';
import { InvalidKeyError } from '../value/errors.js';

/**
 * A provider of request scope has an instance for each request, and what one of them answers may be its own tenant's. Where its keys say
 * nothing of the instance, the start fails, not the second request.
 *
 * @throws InvalidKeyError naming the class and the method.
 */
export function assertMemoizedOnce(modules: ModulesContainer): void {
  for (const { providers, controllers } of modules.values()) {
    for (const wrapper of [...providers.values(), ...controllers.values()]) {
      const { metatype } = wrapper;
      if (typeof metatype !== 'function' || wrapper.inject || wrapper.isDependencyTreeStatic()) continue;
      for (const [method, { needsOneInstance }] of memoizedMethodsOf(metatype.prototype)) {
        if (!needsOneInstance) continue;
        throw new InvalidKeyError(
          `@Memoize: ${metatype.name} is made anew for each request, and ${metatype.name}.${method} would answer for all instances alike. ${apartRemedy(metatype.name)}`,
        );
      }
    }
  }
}
