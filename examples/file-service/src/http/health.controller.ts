import { Controller, Get } from '@nestjs/common';
import { TieredFiles } from 'nestjs-tiered-cache/files';

@Controller('health')
export class HealthController {
  constructor(private readonly files: TieredFiles) {}

  @Get()
  async read(): Promise<object> {
    return { status: 'ok', files: await this.files.status() };
  }
}
