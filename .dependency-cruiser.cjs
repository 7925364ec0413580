// The house (README, "How the code is laid out"): a file imports from its own room and from rooms on lower floors.
const floors = [
  ['value'],
  ['key', 'codec'],
  ['store', 'object', 'catalogue'],
  ['tier', 'origin', 'lock', 'record', 'document', 'backup'],
  ['coherence'],
  ['near'],
  ['load', 'write'],
  ['cache', 'file', 'setup'],
  ['decorator', 'http', 'adapter'],
  ['module', 'cli', 'testing'],
];

const floorRules = floors.flatMap((rooms, floor) =>
  rooms.map((room) => {
    const below = floors.slice(0, floor).flat();
    return {
      name: `floor-${floor}-${room}`,
      comment: `src/${room} may import itself and the floors below it: ${below.join(', ') || 'none'}.`,
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: '^src/', pathNot: `^src/(${[room, ...below].join('|')})/` },
    };
  }),
);

const nest = '(^|/)node_modules/(@nestjs|rxjs|reflect-metadata)(/|$)';

module.exports = {
  forbidden: [
    ...floorRules,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'barrels-are-for-users',
      comment: 'src/*.ts and src/testing/simulation.ts are the public entries: nobody in src imports them.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/([^/]+|testing/simulation)\\.ts$' },
    },
    {
      name: 'no-nest-below-the-decorators',
      severity: 'error',
      from: { path: `^src/(${floors.slice(0, 8).flat().join('|')})/` },
      to: { path: nest },
    },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'examples-use-the-public-api',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^(src/.+/|bench/)' },
    },
    {
      name: 'example-programs-need-no-tests',
      comment: 'Their tests may use test/support, the real memcached among it.',
      severity: 'error',
      from: { path: '^examples/[^/]+/src/' },
      to: { path: '^(test/|examples/[^/]+/test/)' },
    },
    { name: 'src-stands-alone', severity: 'error', from: { path: '^src/' }, to: { path: '^(test|examples|bench)/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.js'],
    },
    exclude: { path: '(^|/)dist/' },
  },
};
