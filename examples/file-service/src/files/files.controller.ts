import { Controller, Get, HttpCode, NotFoundException, Param, Post, Req, Res } from '@nestjs/common';
import type { StreamableFile } from '@nestjs/common';
import { send } from 'nestjs-tiered-cache/files';
import { FilesService } from './files.service.js';

@Controller('files')
export class FilesController {
  constructor(private readonly files: FilesService) {}

  @Get(':uid')
  async read(
    @Param('uid') uid: string,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<StreamableFile | undefined> {
    const row = await this.files.find(uid);
    if (!row) throw new NotFoundException('There is no such file.');
    const options = { contentType: row.content_type, cacheControl: 'private, max-age=3600' };
    return send(await this.files.open(row), request, response, options);
  }

  /** Takes the copies away, on all hosts. */
  @Post(':uid/purge')
  @HttpCode(200)
  async purge(@Param('uid') uid: string): Promise<object> {
    return { acknowledged: await this.files.purge(uid) };
  }

  /** Where the file is on this host, for people. */
  @Get(':uid/explain')
  explain(@Param('uid') uid: string): Promise<object> {
    return this.files.explain(uid);
  }
}
