// Makes the API reference of the docstrings, in build/api; `--check` writes nothing and only looks for names without a
// docstring and links that lead nowhere. TypeDoc has a folder of its own, because it needs a TypeScript of its own.
//
//   npm run docs:api

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDER = join(import.meta.dirname, 'api')
const TYPEDOC = join(FOLDER, 'node_modules', 'typedoc')

if (!isInstalled()) run('npm', ['ci', '--no-audit', '--no-fund', '--silent'])
const extra = process.argv[2] === '--check' ? ['--emit', 'none', '--logLevel', 'Warn'] : []
run(process.execPath, [join(TYPEDOC, 'bin', 'typedoc'), '--options', join(FOLDER, 'typedoc.json'), ...extra])

function isInstalled() {
  const manifest = join(TYPEDOC, 'package.json')
  if (!existsSync(manifest)) return false
  const wanted = JSON.parse(readFileSync(join(FOLDER, 'package.json'), 'utf8')).dependencies.typedoc
  return JSON.parse(readFileSync(manifest, 'utf8')).version === wanted
}

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: FOLDER, stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
