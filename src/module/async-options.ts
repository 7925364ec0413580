import type { Provider, Type } from '@nestjs/common';
import { InvalidOptionError } from '../value/errors.js';
import { knownAsyncOptions, knownModuleOptions } from './known-module-options.js';
import type {
  NamelessOptions,
  TieredCacheAsyncOptions,
  TieredCacheOptions,
  TieredCacheOptionsFactory,
} from './tiered-cache.options.js';

const owner = 'TieredCacheModule.forRootAsync()';

/**
 * The providers that ask a factory for the options.
 * @throws InvalidOptionError at once for an unknown option, and unless there is exactly one factory.
 */
export function asyncProviders(token: string, options: TieredCacheAsyncOptions): Provider[] {
  knownAsyncOptions.check(options);
  const { name, inject = [], useFactory, useClass, useExisting } = options;
  const factories = Object.entries({ useFactory, useClass, useExisting }).filter(([, one]) => one !== undefined);
  if (factories.length !== 1) {
    const problem =
      factories.length === 0 ? 'no factory was given' : `${factories.map(([one]) => one).join(' and ')} were given`;
    throw new InvalidOptionError(owner, problem, 'Give one of useFactory, useClass and useExisting.');
  }
  const named = (given: NamelessOptions | undefined): TieredCacheOptions => {
    knownModuleOptions.check(given ?? {}, `the factory of ${owner}`);
    if (given && 'name' in given && given.name !== undefined) {
      throw new InvalidOptionError('name', 'a factory gave it, and it is needed before', 'Give it beside the factory.');
    }
    return { ...given, ...(name !== undefined && { name }) };
  };
  if (useFactory) {
    const ask = async (...dependencies: unknown[]): Promise<TieredCacheOptions> =>
      named(await useFactory(...dependencies));
    return [{ provide: token, inject: inject as never[], useFactory: ask }];
  }
  const asked = (useClass ?? useExisting) as Type<TieredCacheOptionsFactory>;
  return [
    ...(useClass ? [useClass] : []),
    {
      provide: token,
      inject: [asked],
      useFactory: async (factory: TieredCacheOptionsFactory) => named(await factory.createTieredCacheOptions()),
    },
  ];
}
