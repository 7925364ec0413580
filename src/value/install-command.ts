/** The packages that are loaded where they are needed, in the versions that `peerDependencies` of package.json names. */
const versions = {
  '@aws-sdk/s3-request-presigner': '^3.750.0',
  '@redis/client': '^5.12.0 || ^6.0.0',
  ioredis: '^5.4.1 || ^6.0.0',
  lmdb: '^3.0.0',
  'memcache-client': '1.0.5',
} as const;

export type LoadedPackage = keyof typeof versions;

export const loadedPackages = Object.keys(versions) as LoadedPackage[];

/** What an error advises where the package is missing. Without a version npm takes the newest, which may be none that is promised. */
export function installCommand(name: LoadedPackage): string {
  return `npm install "${name}@${versions[name]}"`;
}
