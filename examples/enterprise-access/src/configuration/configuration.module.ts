import { Global, Logger, Module } from '@nestjs/common';
import { Configuration } from './configuration.js';

@Global()
@Module({
  providers: [
    {
      provide: Configuration,
      useFactory: () => {
        const configuration = new Configuration();
        for (const warning of configuration.warnings) new Logger('Configuration').warn(warning);
        return configuration;
      },
    },
  ],
  exports: [Configuration],
})
export class ConfigurationModule {}
