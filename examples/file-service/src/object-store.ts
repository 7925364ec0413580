import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { folderObjectStore } from 'nestjs-tiered-cache';
import type { ObjectStore } from 'nestjs-tiered-cache';
import { s3ObjectStore } from 'nestjs-tiered-cache/s3';
import type { Configuration } from './configuration.js';

/** A folder, or the bucket that the environment names. Region and credentials are where the S3 client looks for them. */
export function objectStoreOf({ bucket, endpoint, dataDirectory }: Configuration): ObjectStore {
  if (bucket === undefined) return folderObjectStore({ directory: join(dataDirectory, 'objects') });
  const client = new S3Client({
    // Servers other than AWS know neither buckets as hosts nor AWS's newer checksums.
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' }),
  });
  return s3ObjectStore({ client, bucket });
}
