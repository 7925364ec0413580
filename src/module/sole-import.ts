import type { DynamicModule, InjectionToken } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import type { InvalidOptionError } from '../value/errors.js';

/** Nest's own mark, as it stands on the classes of modules. */
const importsMark = 'imports';

/** As much of Nest's own modules as is needed: the imports of a dynamic one are known to its container alone. */
interface Inside {
  readonly container?: { getDynamicMetadataByToken?(token: string, key: 'imports'): unknown };
}

/**
 * Two imports of one name would provide two of what is asked for by one token, and chance would say which is injected where.
 *
 * @param token what both provide. @param refusal is told the importers.
 * @throws what `refusal` makes.
 */
export function assertSoleImport(
  modules: ModulesContainer,
  token: InjectionToken,
  refusal: (importers: string) => InvalidOptionError,
): void {
  const providing = [...modules.values()].filter(({ providers }) => providers.has(token));
  const owner = providing[0]?.metatype;
  if (providing.filter(({ metatype }) => metatype === owner).length < 2) return;
  const importers = [...modules.values()].flatMap((module) => {
    const ofInstance = (module as unknown as Inside).container?.getDynamicMetadataByToken?.(module.token, importsMark);
    const imports = [...listed(Reflect.getMetadata(importsMark, module.metatype)), ...listed(ofInstance)];
    return imports.filter((one) => provides(one, token)).map(() => module.metatype.name);
  });
  throw refusal(importers.length > 1 ? importers.join(' and by ') : 'several modules');
}

const listed = (imports: unknown): readonly unknown[] => (Array.isArray(imports) ? imports : []);

function provides(imported: unknown, token: InjectionToken): boolean {
  const { forwardRef, providers } = (imported ?? {}) as Partial<DynamicModule> & { forwardRef?: () => unknown };
  if (typeof forwardRef === 'function') return provides(forwardRef(), token);
  return providers?.some((one) => typeof one === 'object' && 'provide' in one && one.provide === token) ?? false;
}
