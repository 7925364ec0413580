import type { InjectionToken, Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { InvalidOptionError } from '../value/errors.js';

/**
 * Whatever depends on a request, Nest makes anew for each, and calls none of its hooks: each request would open a cache that nobody closes. To be called
 * after all modules were made.
 *
 * @param owner the module. @param token what it provides, or makes that of.
 * @throws InvalidOptionError naming the module.
 */
export function assertMadeOnce(modules: ModulesContainer, owner: Type, token: InjectionToken): void {
  const provided = [...modules.values()].flatMap(({ metatype, providers }) =>
    metatype === owner ? (providers.get(token) ?? []) : [],
  );
  if (provided.every((one) => one.isDependencyTreeStatic())) return;
  throw new InvalidOptionError(
    `${owner.name}.forRootAsync()`,
    'the options depend on a request, and what is made of them serves all requests',
    'Let the factory inject no provider of request scope, a durable one included.',
  );
}
