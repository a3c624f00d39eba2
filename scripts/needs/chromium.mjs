// Finds a Chromium for the tests of the status page and its picture, installs Debian's package where it may,
// and otherwise says what to do. Prints the path of the program on standard output.
//
//   node scripts/needs/chromium.mjs
//
// Looked for, in this order: ROLLCALL_CHROMIUM (the path of one), then on the PATH.

import { accessSync, constants } from 'node:fs'
import { locate } from '../tools.mjs'
import { installDebianPackages } from './debian.mjs'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

function fail(message) {
  console.error(`${message}

The status page is tested in a real browser. Either
  - set ROLLCALL_CHROMIUM to the program of a Chromium or Chrome, or
  - install your system's package (Debian, Ubuntu: apt-get install chromium), or
  - set ROLLCALL_TEST_BROWSER=skip to leave those tests out.`)
  process.exit(1)
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function find() {
  const given = process.env.ROLLCALL_CHROMIUM
  if (given) return isProgram(given) ? given : fail(`ROLLCALL_CHROMIUM is ${given}, but no program is there.`)
  return NAMES.map(locate).find(Boolean)
}

let path = find()
if (path === undefined) {
  // Without a font there is no text on a page.
  installDebianPackages('chromium', 'fonts-dejavu-core')
  path = find() ?? fail('No Chromium was found.')
}
console.log(path)
