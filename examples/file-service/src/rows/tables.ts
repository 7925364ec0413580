import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { Configuration } from '../configuration.js';
import { Rows } from './file-rows.js';
import type { FileRow, ImageExportRow } from './file-rows.js';

/** `s3_files` */
@Injectable()
export class FileTable extends Rows<FileRow> {
  constructor({ dataDirectory }: Configuration) {
    super(join(dataDirectory, 'rows', 's3_files'));
  }
}

/** `image_file_exports` */
@Injectable()
export class ImageExportTable extends Rows<ImageExportRow> {
  constructor({ dataDirectory }: Configuration) {
    super(join(dataDirectory, 'rows', 'image_file_exports'));
  }
}
