import js from '@eslint/js';
import tseslint from 'typescript-eslint';

// For editors: what .oxlintrc.json asks for, which is what `npm run lint:rules` checks.

/** Plain Node: neither compiled nor type-checked. */
const scripts = ['**/*.mjs', '**/*.js', '**/*.cjs'];
const nodeGlobals = ['process', 'console', 'performance', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval']
  .concat(['Buffer', 'URL', 'fetch', 'AbortSignal', 'module'])
  .map((name) => [name, 'readonly']);

export default tseslint.config(
  { ignores: ['**/dist/**', '**/node_modules/**', 'coverage/**', 'tmp/**', 'data/**'] },
  js.configs.recommended,
  { files: scripts, languageOptions: { globals: Object.fromEntries(nodeGlobals) } },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/only-throw-error': 'off',
      eqeqeq: ['error', 'always'],
      'no-console': 'error',
    },
  },
  { files: ['test/**', 'examples/**', 'bench/**', 'scripts/**', 'src/cli/**'], rules: { 'no-console': 'off' } },
);
