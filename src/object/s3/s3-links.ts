import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { milliseconds } from '../../value/duration.js';
import { InvalidDurationError, InvalidOptionError } from '../../value/errors.js';
import { installCommand } from '../../value/install-command.js';
import { attachmentNamed } from '../attachment.js';
import { ObjectOperationError } from '../object-errors.js';
import { assertContentType } from '../object-metadata.js';
import type { PresignedRequest, PresignOptions } from '../object-store.js';

interface Place {
  /** The store's name, for errors. */
  readonly store: string;
  readonly Bucket: string;
  readonly Key: string;
}

/** What signatures of version 4 allow. */
const maxSeconds = 7 * 24 * 60 * 60;

export async function presignS3(client: S3Client, place: Place, options: PresignOptions): Promise<PresignedRequest> {
  const expiresIn = Math.floor(milliseconds(options.expiresIn, 'expiresIn') / 1000);
  if (expiresIn < 1 || expiresIn > maxSeconds) {
    throw new InvalidDurationError('expiresIn', options.expiresIn, '1 s to 7 days');
  }
  assertContentType(options.contentType);
  const getSignedUrl = await loadSigner(place.store);
  const { Bucket, Key } = place;
  if (options.method === 'GET') {
    const { downloadName, contentType } = options;
    const command = new GetObjectCommand({
      Bucket,
      Key,
      ...(contentType !== undefined && { ResponseContentType: contentType }),
      ...(downloadName !== undefined && { ResponseContentDisposition: attachmentNamed(downloadName) }),
    });
    return { method: 'GET', url: await getSignedUrl(client, command, { expiresIn }), headers: {} };
  }
  const headers = headersOf(options.contentType, options.size);
  const command = new PutObjectCommand({ Bucket, Key });
  withHeaders(command, headers);
  const names = new Set(Object.keys(headers));
  // The signer leaves a type out unless it is told to sign it, and moves others to the address.
  const url = await getSignedUrl(client, command, {
    expiresIn,
    signableHeaders: new Set([...names, 'host']),
    unhoistableHeaders: names,
  });
  return { method: 'PUT', url, headers };
}

function headersOf(contentType: string | undefined, size: number | undefined): Record<string, string> {
  if (size !== undefined && !(Number.isSafeInteger(size) && size >= 0)) {
    throw new InvalidOptionError('size', `${String(size)} is not a size`, 'Give whole bytes, 0 or more.');
  }
  return {
    ...(contentType !== undefined && { 'content-type': contentType }),
    ...(size !== undefined && { 'content-length': String(size) }),
  };
}

/** The client would add the checksum of a body that it does not have, and the link would take nothing but the empty one. */
function withHeaders(command: PutObjectCommand, headers: Readonly<Record<string, string>>): void {
  command.middlewareStack.add(
    (next) => (args) => {
      const { request } = args as { readonly request: { headers: Record<string, string> } };
      for (const name of Object.keys(request.headers)) {
        if (/^(x-amz-checksum-|x-amz-sdk-checksum-|content-(type|length)$)/i.test(name)) delete request.headers[name];
      }
      Object.assign(request.headers, headers);
      return next(args);
    },
    { step: 'build', priority: 'low', name: 'signedHeadersOnly' },
  );
}

async function loadSigner(store: string) {
  try {
    return (await import('@aws-sdk/s3-request-presigner')).getSignedUrl;
  } catch {
    const wanted = installCommand('@aws-sdk/s3-request-presigner');
    const remedy = `They need a package beside @aws-sdk/client-s3. Run \`${wanted}\`.`;
    throw new ObjectOperationError(store, 'links', remedy);
  }
}
