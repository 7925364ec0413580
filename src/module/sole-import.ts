import type { DynamicModule, InjectionToken } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { InvalidOptionError } from '../value/errors.js';

/** Nest's own mark, as it stands on the classes of modules. */
const importsMark = 'imports';

/** As much of Nest's own modules as is needed: the imports of a dynamic one are known to its container alone. */
interface Inside {
  readonly container?: { getDynamicMetadataByToken?(token: string, key: 'imports'): unknown };
}

/**
 * Two imports of one name would provide two caches under one token, and chance would say which is injected where.
 *
 * @param token what both provide. @param name the name that was given, if any.
 * @throws InvalidOptionError naming the modules that import it.
 */
export function assertSoleImport(modules: ModulesContainer, token: InjectionToken, name: string | undefined): void {
  const providing = [...modules.values()].filter(({ providers }) => providers.has(token));
  const owner = providing[0]?.metatype;
  if (providing.filter(({ metatype }) => metatype === owner).length < 2) return;
  const importers = [...modules.values()].flatMap((module) => {
    const ofInstance = (module as unknown as Inside).container?.getDynamicMetadataByToken?.(module.token, importsMark);
    const imports = [...listed(Reflect.getMetadata(importsMark, module.metatype)), ...listed(ofInstance)];
    return imports.filter((one) => provides(one, token)).map(() => module.metatype.name);
  });
  const which = name === undefined ? 'without a name' : `with the name '${name}'`;
  const where = importers.length > 1 ? importers.join(' and by ') : 'several modules';
  throw new InvalidOptionError(
    'name',
    `TieredCacheModule is imported ${which} by ${where}, and chance would say which cache is injected`,
    'Import it once, in the root module, since it is global; or give the second a name of its own.',
  );
}

const listed = (imports: unknown): readonly unknown[] => (Array.isArray(imports) ? imports : []);

function provides(imported: unknown, token: InjectionToken): boolean {
  const { forwardRef, providers } = (imported ?? {}) as Partial<DynamicModule> & { forwardRef?: () => unknown };
  if (typeof forwardRef === 'function') return provides(forwardRef(), token);
  return providers?.some((one) => typeof one === 'object' && 'provide' in one && one.provide === token) ?? false;
}
