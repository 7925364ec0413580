import type { IncomingMessage } from 'node:http';
import { BadRequestException, PayloadTooLargeException, UnsupportedMediaTypeException } from '@nestjs/common';
import { imageExports } from '../catalogue/objects.keys.js';
import { isImageType } from './images.service.js';
import type { NewImage } from './images.service.js';

/** Whoever made the thumbnail says how large it is. */
export interface SizeQuery {
  readonly width?: unknown;
  readonly height?: unknown;
}

/**
 * An image as a request brings it. All of this is said before anything is read: what breaks off an upload breaks its connection, and nobody hears why.
 *
 * @throws UnsupportedMediaTypeException · PayloadTooLargeException · BadRequestException
 */
export function newImage({ width, height }: SizeQuery, request: IncomingMessage): NewImage {
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
  if (!isImageType(type)) throw new UnsupportedMediaTypeException('Send a JPEG, PNG, WebP or SVG.');
  const length = request.headers['content-length'];
  const size = length === undefined ? undefined : Number(length);
  if (size !== undefined && size > imageExports.rules.maxBytes) throw new PayloadTooLargeException('It is too large.');
  return {
    type,
    width: pixels('width', width),
    height: pixels('height', height),
    body: request,
    ...(size !== undefined && { size }),
  };
}

function pixels(name: string, given: unknown): number {
  const number = Number(given);
  if (Number.isInteger(number) && number > 0 && number <= 65_535) return number;
  throw new BadRequestException(`Say the ${name} of the image in pixels: ?width=320&height=180`);
}
