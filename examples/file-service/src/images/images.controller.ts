import type { IncomingMessage } from 'node:http';
import {
  Controller,
  Delete,
  Get,
  NotFoundException,
  Param,
  PayloadTooLargeException,
  Post,
  Req,
  Res,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import type { StreamableFile } from '@nestjs/common';
import { send } from 'nestjs-tiered-cache/files';
import type { FileMetadata } from '../catalogue/files.keys.js';
import { imageExports } from '../catalogue/objects.keys.js';
import { FilesService } from '../files/files.service.js';
import { ImagesService, isImageType } from './images.service.js';

@Controller('images')
export class ImagesController {
  constructor(
    private readonly images: ImagesService,
    private readonly files: FilesService,
  ) {}

  /** The body is the image. It goes to the object store as it comes. */
  @Post(':image_file_uid/exports')
  upload(@Param('image_file_uid') imageFileUid: string, @Req() request: IncomingMessage): Promise<object> {
    const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
    if (!isImageType(type)) throw new UnsupportedMediaTypeException('Send a JPEG, PNG, WebP or SVG.');
    const length = request.headers['content-length'];
    const size = length === undefined ? undefined : Number(length);
    // Said before anything is read: what breaks off an upload breaks its connection, and nobody hears why.
    if (size !== undefined && size > imageExports.rules.maxBytes)
      throw new PayloadTooLargeException('It is too large.');
    return this.images.upload(imageFileUid, type, request, size);
  }

  @Get('exports/:uid')
  async read(
    @Param('uid') uid: string,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<StreamableFile | undefined> {
    const { s3_file_uid: fileUid, content_type: contentType } = await this.found(uid);
    const row = await this.files.find(fileUid);
    if (!row) throw new NotFoundException('There is no such image.');
    return send(await this.files.open(row), request, response, { contentType, cacheControl: 'private, max-age=3600' });
  }

  @Get('exports/:uid/metadata')
  metadata(@Param('uid') uid: string): Promise<FileMetadata> {
    return this.found(uid);
  }

  @Delete('exports/:uid')
  async delete(@Param('uid') uid: string): Promise<object> {
    return { acknowledged: await this.images.delete(uid) };
  }

  private async found(uid: string): Promise<FileMetadata> {
    const metadata = await this.images.metadata(uid);
    if (!metadata) throw new NotFoundException('There is no such image.');
    return metadata;
  }
}
