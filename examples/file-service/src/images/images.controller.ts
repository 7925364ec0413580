import type { IncomingMessage } from 'node:http';
import {
  Controller,
  Delete,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  Post,
  Put,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import type { StreamableFile } from '@nestjs/common';
import { send } from 'nestjs-tiered-cache/files';
import type { ImageExportMetadata, PlaylistItem } from '../catalogue/files.keys.js';
import { ImagesService } from './images.service.js';
import type { StoredImage } from './images.service.js';
import { newImage } from './new-image.js';
import type { SizeQuery } from './new-image.js';

@Controller('images')
export class ImagesController {
  constructor(private readonly images: ImagesService) {}

  /** The body is the image. It goes to the object store as it comes. */
  @Post(':image_file_uid/exports')
  upload(
    @Param('image_file_uid') imageFileUid: string,
    @Query() query: SizeQuery,
    @Req() request: IncomingMessage,
  ): Promise<StoredImage> {
    return this.images.upload(imageFileUid, newImage(query, request));
  }

  /** The export keeps its uid and gets another file. */
  @Put('exports/:uid')
  async replace(
    @Param('uid') uid: string,
    @Query() query: SizeQuery,
    @Req() request: IncomingMessage,
  ): Promise<StoredImage> {
    const stored = await this.images.replace(uid, newImage(query, request));
    if (!stored) throw new NotFoundException('There is no such image.');
    return stored;
  }

  /** The thumbnails of an image, to choose from. */
  @Get(':image_file_uid/playlist')
  playlist(@Param('image_file_uid') imageFileUid: string): Promise<readonly PlaylistItem[]> {
    return this.images.playlist(imageFileUid);
  }

  @Get('exports/:uid')
  read(
    @Param('uid') uid: string,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<StreamableFile | undefined> {
    return this.images.read(uid, (file, contentType) =>
      send(file, request, response, { contentType, cacheControl: 'private, max-age=3600' }),
    );
  }

  @Get('exports/:uid/metadata')
  async metadata(@Param('uid') uid: string): Promise<ImageExportMetadata> {
    const metadata = await this.images.metadata(uid);
    if (!metadata) throw new NotFoundException('There is no such image.');
    return metadata;
  }

  /** Takes away all that is kept of it, on all hosts. */
  @Post('exports/:uid/purge')
  @HttpCode(200)
  async purge(@Param('uid') uid: string): Promise<object> {
    return { acknowledged: await this.images.purge(uid) };
  }

  @Delete('exports/:uid')
  async delete(@Param('uid') uid: string): Promise<object> {
    return { acknowledged: await this.images.delete(uid) };
  }
}
