// A file, cold and from its copy, as a whole and in a range, through the platform's streams.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import { memoryObjectStore } from 'nestjs-tiered-cache';
import { send, TieredFiles, TieredFilesModule } from 'nestjs-tiered-cache/files';
import { withApplication } from '../application.js';

@Controller('files')
class FilesController {
  constructor(private readonly tieredFiles: TieredFiles) {}

  @Get(':uid')
  async read(
    @Param('uid') uid: string,
    @Req() request: object,
    @Res({ passthrough: true }) response: object,
  ): Promise<unknown> {
    return send(await this.tieredFiles.open({ uid, key: `media/${uid}` }), request, response);
  }
}

export async function files(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'files-'));
  const objects = memoryObjectStore();
  const { etag } = await objects.put('media/one', 'hello, world', { contentType: 'text/plain' });
  const metadata = {
    imports: [TieredFilesModule.forRoot({ objects, directory, maxBytes: '10mb' })],
    controllers: [FilesController],
  };
  try {
    await withApplication(metadata, async (ask) => {
      for (let time = 0; time < 2; time++) {
        const whole = await ask('/files/one');
        assert.equal(whole.text, 'hello, world');
        assert.deepEqual([whole.status, whole.headers.get('etag')], [200, etag]);
        const part = await ask('/files/one', { range: 'bytes=-5' });
        assert.deepEqual([part.status, part.text], [206, 'world']);
        assert.equal(part.headers.get('content-range'), 'bytes 7-11/12');
        assert.equal((await ask('/files/one', { 'if-none-match': etag })).status, 304);
        assert.equal((await ask('/files/one', { range: 'bytes=12-' })).status, 416);
      }
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
