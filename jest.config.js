const endurance = Boolean(process.env['ENDURANCE']);

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test', '<rootDir>/examples'],
  testMatch: ['**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  moduleNameMapper: {
    '^nestjs-tiered-cache$': '<rootDir>/src/index.ts',
    '^nestjs-tiered-cache/(.+)$': '<rootDir>/src/$1.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  // Far more than any test takes, also beside other work: it ends what hangs. Tests set no shorter limits of their own. Endurance runs are bounded as a whole by scripts/endurance.mjs.
  testTimeout: endurance ? 30 * 60_000 : 180_000,
  // More than two cores need: most files wait for servers, processes and clocks.
  maxWorkers: 3,
  testSequencer: '<rootDir>/scripts/longest-first.mjs',
  setupFilesAfterEnv: ['<rootDir>/test/support/close-built-caches.ts', '<rootDir>/test/support/release-storages.ts'],
  // Each file leaves its copy of the modules behind.
  workerIdleMemoryLimit: '400MB',
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts'],
  coverageReporters: ['text', 'lcovonly'],
};
