import type { IncomingMessage } from 'node:http';
import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  HttpException,
  HttpStatus,
  Param,
  Post,
  Put,
  Query,
  Req,
  StreamableFile,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import { RedisDocuments } from 'nestjs-tiered-cache/redis';
import type { StripeUserInfo } from './accounts.keys.js';
import { AccountsService } from './accounts.service.js';
import { DocumentsService } from './documents.service.js';

/** Asks nobody who they are, as all of this service. */
@Controller('accounts')
export class AccountsController {
  constructor(
    private readonly accounts: AccountsService,
    private readonly files: DocumentsService,
    private readonly documents: RedisDocuments,
  ) {}

  @Post()
  async create(@Body() { username, publicKey }: { username: string; publicKey: string }): Promise<object> {
    await this.accounts.create(username, publicKey);
    return { username };
  }

  /** What waits for its backup, for metrics. */
  @Get('documents/status')
  status(): Promise<object> {
    return this.documents.status();
  }

  @Get(':publicKey')
  find(@Param('publicKey') publicKey: string): Promise<object> {
    return this.accounts.find(publicKey);
  }

  @Post(':publicKey/upgrade')
  @HttpCode(200)
  async upgrade(
    @Param('publicKey') publicKey: string,
    @Body() { cap, ...info }: StripeUserInfo & { cap: number },
  ): Promise<object> {
    await this.accounts.upgrade(publicKey, info, cap);
    return { cap };
  }

  /** The body is the file. What its headers tell is refused before it is read. */
  @Put(':publicKey/files/:id')
  write(
    @Param('publicKey') publicKey: string,
    @Param('id') id: string,
    @Query('name') name: string | undefined,
    @Req() request: IncomingMessage,
  ): Promise<object> {
    const { 'content-type': type, 'content-length': length } = request.headers;
    // Of other types, parsers may have read the body already.
    if (type !== undefined && type !== 'application/octet-stream') {
      throw new UnsupportedMediaTypeException('Send application/octet-stream.');
    }
    if (length === undefined) throw new HttpException('Say its Content-Length.', HttpStatus.LENGTH_REQUIRED);
    return this.files.write(publicKey, id, name ?? id, { body: request, size: Number(length) });
  }

  @Get(':publicKey/files/:id')
  async read(@Param('publicKey') publicKey: string, @Param('id') id: string): Promise<StreamableFile> {
    const { body, size } = await this.files.read(publicKey, id);
    return new StreamableFile(body, { length: size });
  }

  @Delete(':publicKey/files/:id')
  @HttpCode(204)
  delete(@Param('publicKey') publicKey: string, @Param('id') id: string): Promise<void> {
    return this.files.delete(publicKey, id);
  }
}
