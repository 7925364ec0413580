import { join, resolve } from 'node:path';
import { InvalidOptionError } from 'nestjs-tiered-cache';
import type { ByteSize } from 'nestjs-tiered-cache';

/** What the service is told by its environment. The cache reads its own variables, and the S3 client its own. */
export class Configuration {
  /** `PORT`: default 3001; 0 is a free one. */
  readonly port: number;
  /** `FILES_DATA`: rows, copies and, without a bucket, the objects. Default `data/file-service`. */
  readonly dataDirectory: string;
  /** `FILES_MAX_BYTES`: what copies may take on this host. Default 2gb. */
  readonly maxBytes: ByteSize;
  /** `OBJECTS_BUCKET`: a bucket of S3. Default: objects lie in a folder. */
  readonly bucket: string | undefined;
  /** `OBJECTS_ENDPOINT`: of a server that speaks S3's language. Default: AWS. */
  readonly endpoint: string | undefined;
  /** `FILES_REDIS_URL`: where accounts and their files are. Default: there are none. */
  readonly redisUrl: string | undefined;

  /** @throws InvalidOptionError naming the variable and what would be valid. */
  constructor(env: NodeJS.ProcessEnv = process.env) {
    this.port = port(env['PORT']);
    this.dataDirectory = resolve(env['FILES_DATA'] || join('data', 'file-service'));
    this.maxBytes = (env['FILES_MAX_BYTES'] || '2gb') as ByteSize;
    this.bucket = env['OBJECTS_BUCKET'] || undefined;
    this.endpoint = env['OBJECTS_ENDPOINT'] || undefined;
    this.redisUrl = env['FILES_REDIS_URL'] || undefined;
  }
}

function port(given: string | undefined): number {
  const number = Number(given || 3001);
  if (Number.isInteger(number) && number >= 0 && number < 65_536) return number;
  throw new InvalidOptionError('PORT', 'it is no port', 'Give a number from 0 to 65535.');
}
