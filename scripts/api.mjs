// Makes the API reference of the docstrings, in build/api; `--check` writes nothing and only looks for names without a
// docstring and links that lead nowhere. TypeDoc has a folder of its own, because it needs a TypeScript of its own.
//
//   npm run docs:api

import { join } from 'node:path'
import { installOwn, run } from './tools.mjs'

const FOLDER = join(import.meta.dirname, 'api')

installOwn(FOLDER)
const extra = process.argv[2] === '--check' ? ['--emit', 'none', '--logLevel', 'Warn'] : []
const typedoc = join(FOLDER, 'node_modules', 'typedoc', 'bin', 'typedoc')
run(process.execPath, [typedoc, '--options', join(FOLDER, 'typedoc.json'), ...extra], { cwd: FOLDER })
