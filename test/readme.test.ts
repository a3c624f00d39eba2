// The README's examples run as pasted.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { tempDir } from './helpers/temp-dir'

const ROOT = path.join(__dirname, '..', '..')
const readme = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8')
const blocks = [...readme.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code!)

describe('the README', () => {
  it('has examples', () => {
    assert.ok(blocks.length >= 3)
  })

  for (const [i, code] of blocks.entries()) {
    it(`has an example ${i + 1} that runs as it is`, () => {
      // Run where `rollcall` means this checkout, with the example's directories in a place of their own.
      const script = code.replaceAll('/tmp/', `${tempDir()}/`)

      const run = spawnSync(process.execPath, ['-e', script], {
        cwd: ROOT,
        encoding: 'utf8',
        timeout: 50_000,
      })

      assert.equal(run.status, 0, run.stderr)
      assert.equal(run.stderr, '')
      assert.notEqual(run.stdout, '')
    })
  }

  it('links to nothing in this repository that is not there', () => {
    const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) => target!)
    for (const target of links) assert.ok(fs.existsSync(path.join(ROOT, target)), target)
  })
})
