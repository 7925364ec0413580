export const help = `tiered-cache: the key catalogue of an application, and a look into its store

  tiered-cache keys [MODULE] [--format md|json] [--check FILE]
      Prints the catalogue that MODULE exports: a built file with a Catalogue, or with key classes, among its exports.
      Default: "tieredCache": { "catalogue": "dist/…" } in package.json. --check compares with FILE instead, and fails
      when it is not what the code says.

  tiered-cache stats                 which parts of the store answer, their entries, bytes, evictions, hits and misses
  tiered-cache get KEY               whether there is an entry, its life, size and codec; the value is masked
  tiered-cache explain KEY           tier by tier: hit or miss and why, age, what is left
  tiered-cache delete KEY            invalidates it for all processes
  tiered-cache clear --yes           makes every entry of the namespace unreachable; what others keep in the store stays

  KEY is as the store shows it behind the versions, parts joined by ':' ('content_metadata:abc'), or a JSON array of
  parts ('["content_metadata", 17]').

Which store and which keys, as the application has it; run it in the application's folder:
  --servers HOST:PORT,…              default MEMCACHED_SERVERS
  --disk FOLDER                      default CACHE_DISK_PATH, else node_modules/.cache/nestjs-tiered-cache
  --namespace NAME                   default: name in package.json
  --package-version VERSION          default: version in package.json
  --stamp STAMP                      default CACHE_KEY_VERSION_STAMP
  --show-values                      with get: prints the value (json and text codecs as they are, others in hexadecimal)
  --json                             prints JSON

Exit codes: 0 done; 1 no entry, not current, or not acknowledged; 2 the arguments or the configuration are off.
`;
