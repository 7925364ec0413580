import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3ClientConfig } from '@aws-sdk/client-s3';

/** The server that `npm run test:objects` has started. */
export const radosgw = {
  get port(): number {
    return Number(setting('OBJECTS_PORT'));
  },
  get pid(): number {
    return Number(setting('OBJECTS_PID'));
  },
};

/** A client as users of Ceph configure it. @param port of a proxy in front. Default: the server's own. */
export function radosgwClient(port = radosgw.port, config: S3ClientConfig = {}): S3Client {
  return new S3Client({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: setting('OBJECTS_KEY'), secretAccessKey: setting('OBJECTS_SECRET') },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...config,
  });
}

export async function createBucket(name: string): Promise<string> {
  const client = radosgwClient();
  await client.send(new CreateBucketCommand({ Bucket: name }));
  client.destroy();
  return name;
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set. Run these tests by: npm run test:objects`);
  return value;
}
