// The README's examples run as pasted, as those of every other document; and links lead somewhere.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { blocks, DOCUMENTS, place, ROOT, read } from '../support/documents'
import { tempDir } from '../support/temp-dir'

describe('The documents', () => {
  it('have examples, each in a language that is run here', () => {
    assert.ok(blocks('js').filter(({ document }) => document === 'README.md').length >= 3)
    for (const block of blocks()) {
      assert.ok(['js', 'ts', 'sh', ''].includes(block.language), `${place(block)}: ${block.language}`)
    }
  })

  for (const block of blocks('js')) {
    it(`have an example that runs as it is: ${place(block)}`, () => {
      // Run where `rollcall` means this checkout, with the example's directories in a place of their own.
      const script = block.code.replaceAll('/tmp/', `${tempDir()}/`)

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

  for (const document of DOCUMENTS) {
    it(`link to nothing of this repository that is not there: ${document}`, () => {
      const text = read(document)
      const links = [...text.matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)]

      for (const [, target, anchor] of links) {
        const file = target === '' ? document : path.join(path.dirname(document), target!)
        assert.ok(fs.existsSync(path.join(ROOT, file)), `${document}: ${target}`)
        if (anchor !== undefined)
          assert.ok(anchorsOf(read(file)).has(anchor), `${document}: ${target}#${anchor}`)
      }
    })
  }
})

/** The names that GitHub gives headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => heading!)
  const names = headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
  return new Set(names)
}
