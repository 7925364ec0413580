// The versions that the smoke application is run with. What package.json claims of its peers must be among them: see test/house/peers.spec.ts.
// A version that leaves something open, such as `12`, is the newest of its kind.

const ofNest = (version) =>
  Object.fromEntries(
    [
      'common',
      'core',
      'microservices',
      'platform-express',
      'platform-fastify',
      'platform-ws',
      'testing',
      'websockets',
    ].map((name) => [`@nestjs/${name}`, version]),
  );

const oldest = {
  '@redis/client': '5.12.0',
  '@aws-sdk/client-s3': '3.750.0',
  '@aws-sdk/s3-request-presigner': '3.750.0',
  'cache-manager': '6.0.0',
  'cls-hooked': '4.2.1',
  ioredis: '5.4.1',
  keyv: '5.4.0',
  lmdb: '3.0.0',
  'memcache-client': '1.0.5',
  'prom-client': '15.0.0',
  rxjs: '7.2.0',
  '@opentelemetry/api': '1.9.0',
  '@opentelemetry/sdk-trace': '2',
  '@opentelemetry/sdk-metrics': '2',
};

const newest = {
  '@redis/client': '6',
  '@aws-sdk/client-s3': '3',
  '@aws-sdk/s3-request-presigner': '3',
  'cache-manager': '7',
  'cls-hooked': '4',
  ioredis: '6',
  keyv: '5',
  lmdb: '3',
  'memcache-client': '1.0.5',
  'prom-client': '15',
  'reflect-metadata': '0.2',
  rxjs: '7',
  '@opentelemetry/api': '1',
  '@opentelemetry/sdk-trace': '3',
  '@opentelemetry/sdk-metrics': '3',
};

/** One project each. `peers` says which; `packages` is what its package.json asks for. */
export const combinations = [
  {
    nest: '11.0.1',
    peers: 'oldest peers',
    packages: {
      ...ofNest('11.0.1'),
      // The first that accept Nest 11.
      '@nestjs/platform-fastify': '11.0.3',
      '@nestjs/platform-ws': '11.0.5',
      ...oldest,
      'reflect-metadata': '0.1.12',
      'nestjs-cls': '5.4.2',
      '@nestjs/cache-manager': '3.0.0',
      '@nestjs/terminus': '11.0.0',
    },
    // @nestjs/cache-manager asks for 7.8.1, and whoever does without it may have this.
    overrides: { rxjs: '7.2.0' },
  },
  {
    nest: '11',
    peers: 'peers of its time',
    packages: {
      ...ofNest('11'),
      ...newest,
      '@redis/client': '6.0.0',
      'cache-manager': '7.0.0',
      ioredis: '6.0.0',
      'nestjs-cls': '6.0.0',
      '@nestjs/cache-manager': '3',
      '@nestjs/terminus': '11',
    },
  },
  {
    nest: '11',
    peers: 'newest peers',
    packages: {
      ...ofNest('11'),
      ...newest,
      'nestjs-cls': '6', // the ES modules of 7 import files that Nest 11 has under other names
      '@nestjs/cache-manager': '12',
      '@nestjs/terminus': '12',
    },
  },
  {
    nest: '12.0.1',
    peers: 'oldest peers',
    packages: {
      ...ofNest('12.0.1'),
      ...oldest,
      rxjs: '7.8.1',
      'reflect-metadata': '0.2.0',
      'nestjs-cls': '6.3.0',
      '@nestjs/cache-manager': '12.0.0',
      '@nestjs/terminus': '12.0.0',
    },
  },
  {
    nest: '12',
    peers: 'peers of its time',
    packages: {
      ...ofNest('12'),
      ...newest,
      'cache-manager': '7.0.0',
      'nestjs-cls': '7.0.0',
      '@nestjs/cache-manager': '12',
      '@nestjs/terminus': '12',
    },
  },
  {
    nest: '12',
    peers: 'newest peers',
    packages: {
      ...ofNest('12'),
      ...newest,
      'nestjs-cls': '7',
      '@nestjs/cache-manager': '12',
      '@nestjs/terminus': '12',
    },
  },
];
