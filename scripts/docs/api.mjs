// Makes the API reference of the docstrings and the guide, in build/api; `--check` keeps nothing and only looks for names
// without a docstring and links that lead nowhere. TypeDoc has a folder of its own, because it needs a TypeScript of its own.
//
//   npm run docs:api

import { join } from 'node:path'
import { installOwn, run, temporaryFolder } from '../tools.mjs'

const FOLDER = join(import.meta.dirname, 'api')

installOwn(FOLDER)
const typedoc = join(FOLDER, 'node_modules', 'typedoc', 'bin', 'typedoc')
// Links of the guide are looked at only when pages are written.
const extra = process.argv[2] === '--check' ? ['--out', temporaryFolder('api'), '--logLevel', 'Warn'] : []
run(process.execPath, [typedoc, '--options', join(FOLDER, 'typedoc.json'), ...extra], { cwd: FOLDER })
