// What would be published, as `npm run build:package` makes it: made anew where lib/ has changed since.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { ROOT } from './paths'

const { main, bin } = require(path.join(ROOT, 'package.json')) as { main: string; bin: { rollcall: string } }

/** The file that `require('rollcall')` loads. Call `makePackage()` first. */
export const PACKAGE = path.join(ROOT, main)
export const PACKAGE_COMMAND = path.join(ROOT, bin.rollcall)

export function makePackage(): void {
  const lib = path.join(ROOT, 'lib')
  const names = fs.readdirSync(lib, { recursive: true, encoding: 'utf8' })
  const sources = [...names.map((name) => path.join(lib, name)), path.join(ROOT, 'scripts', 'bundle.mjs')]
  const newest = Math.max(...sources.map((file) => fs.statSync(file).mtimeMs))
  if ((fs.statSync(PACKAGE, { throwIfNoEntry: false })?.mtimeMs ?? 0) > newest) return
  execFileSync(process.execPath, [path.join('scripts', 'bundle.mjs')], { cwd: ROOT })
}
