// A spec file within jest-circus, whose tests are run as often as wanted.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const circus = join(dirname(require.resolve('jest-circus/runner')), 'jestAdapterInit.js');
const handlersOf = Symbol.for('EVENT_HANDLERS');

const testsOf = (block) => block.children.flatMap((child) => (child.type === 'test' ? [child] : testsOf(child)));
const nameOf = (child) => (child.parent === undefined ? '' : `${nameOf(child.parent)} ${child.name}`.trim());

export class LoadedSpec {
  static async of(parts) {
    const { environment, runtime } = parts;
    const adapter = runtime.requireInternalModule(circus);
    const spec = new LoadedSpec(parts, adapter);
    environment.global.__mutation = { isOn: (number) => spec.isOn(number) };
    await adapter.initialize({
      ...parts,
      localRequire: runtime.requireModule.bind(runtime),
      parentProcess: process,
      setGlobalsForRuntime: runtime.setGlobalsForRuntime.bind(runtime),
    });
    environment.global[handlersOf].push((event) => spec.onEvent(event));
    return spec;
  }

  loadedWith = undefined;
  active = 0;
  recording = false;
  meets = new Set(); // of what is under way now
  met = new Map(); // by test, or by describe block
  result = undefined;

  constructor(parts, adapter) {
    Object.assign(this, parts);
    this.adapter = adapter;
  }

  isOn(number) {
    if (this.recording) this.meets.add(number);
    return number === this.active;
  }

  get state() {
    const { global } = this.environment;
    return global[Object.getOwnPropertySymbols(global).find(({ description }) => description === 'JEST_STATE_SYMBOL')];
  }

  /** Loads the modules anew, with a mutant on from the beginning (0: none). @returns why that failed, if it did. */
  async load(number) {
    const { state, runtime, config } = this;
    if (this.loadedWith !== undefined || state.hasStarted) runtime.resetModules();
    Object.assign(state.rootDescribeBlock, { children: [], hooks: [], tests: [] });
    Object.assign(state, { currentDescribeBlock: state.rootDescribeBlock, hasStarted: false, hasFocusedTests: false });
    this.loadedWith = number;
    this.recording = number === 0;
    this.turnOn(number);
    this.meets = this.onLoad = new Set();
    try {
      for (const path of [...config.setupFilesAfterEnv, this.testPath]) await runtime.unstable_importModule(path);
    } catch (error) {
      return `could not be loaded: ${error?.message}`;
    } finally {
      this.recording = false;
    }
    return undefined;
  }

  /** Processes that tests start get it from their environment. */
  turnOn(number) {
    this.active = number;
    for (const { env } of [process, this.environment.global.process]) {
      env['MUTANT'] = String(number);
      if (number === 0 && this.recording) env['MUTANTS_SEEN'] = this.seen;
      else delete env['MUTANTS_SEEN'];
    }
  }

  /** @returns `{ failure, by, timedOut, failed }`: the first failure, unless it has to go on. */
  async run({ number = 0, names, limits, record = false, goOn = false }) {
    const { state } = this;
    this.recording = record;
    this.turnOn(number);
    for (const test of testsOf(state.rootDescribeBlock)) {
      test.ownTimeout ??= { value: test.timeout };
      const limit = Math.min(limits?.get(nameOf(test)) ?? Infinity, test.ownTimeout.value ?? state.testTimeout);
      Object.assign(test, {
        errors: [],
        status: null,
        invocations: 0,
        duration: null,
        retryReasons: [],
        timeout: limit,
      });
      test.unhandledRejectionErrorByPromise?.clear();
    }
    state.unhandledErrors = [];
    this.result = { failed: [] };
    const isWanted = (name) =>
      (names === undefined || names.includes(name)) && (goOn || this.result.failed.length === 0);
    state.testNamePattern = { test: isWanted };
    const { config, globalConfig, testPath } = this;
    try {
      const setupAfterEnvPerfStats = { setupAfterEnvStart: 0, setupAfterEnvEnd: 0 };
      const parts = { config, globalConfig, testPath, setupAfterEnvPerfStats };
      this.lastResult = await this.adapter.runAndTransformResultsToJestFormat(parts);
    } finally {
      this.recording = false;
      this.turnOn(0);
    }
    // It has taken its error handlers away.
    this.environment.global[handlersOf][0]({ name: 'setup', parentProcess: process }, state);
    return this.result;
  }

  onEvent(event) {
    const { state } = this;
    if (event.name === 'test_start') this.meets = this.metBy(event.test);
    if (event.name === 'hook_start' && event.hook.type.endsWith('All')) this.meets = this.metBy(event.hook.parent);
    if (['test_done', 'hook_success', 'hook_failure'].includes(event.name)) this.noteOthers();
    if (event.name === 'test_done' && event.test.errors.length > 0) this.fail(event.test.errors[0], nameOf(event.test));
    if (event.name !== 'run_finish') return;
    for (const test of testsOf(state.rootDescribeBlock)) {
      if (test.errors.length > 0 && this.result.failed.length === 0) this.fail(test.errors[0], nameOf(test));
      test.errors = [];
    }
    if (state.unhandledErrors.length > 0) this.fail(state.unhandledErrors[0], undefined);
    state.unhandledErrors = [];
  }

  fail(error, name) {
    const message = String((Array.isArray(error) ? error[0] : error)?.message ?? error);
    if (name !== undefined) this.result.failed.push(name);
    this.result.failure ??= message.split('\n').slice(0, 6).join('\n').slice(0, 500);
    this.result.timedOut ??= /Exceeded timeout of/.test(message);
    this.result.by ??= name;
  }

  metBy(thing) {
    if (!this.met.has(thing)) this.met.set(thing, new Set());
    return this.met.get(thing);
  }

  /** What processes have come by meanwhile, in which no variable of ours can be seen. */
  noteOthers() {
    if (!this.recording || !existsSync(this.seen)) return;
    for (const number of readFileSync(this.seen, 'utf8').trim().split('\n').map(Number)) this.meets.add(number);
    writeFileSync(this.seen, '');
  }

  /** After a recorded run: what each test has come by, and what has run while the modules were loaded. */
  recorded() {
    const tests = testsOf(this.state.rootDescribeBlock)
      .filter(({ status }) => status === 'done')
      .map((test) => {
        const meets = new Set();
        for (let from = test; from !== undefined; from = from.parent)
          for (const number of this.met.get(from) ?? []) meets.add(number);
        return { name: nameOf(test), tookMs: test.duration ?? 0, meets: [...meets] };
      });
    return { tests, onLoad: [...this.onLoad] };
  }
}
