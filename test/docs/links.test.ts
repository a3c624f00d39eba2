// The documents hold together: links lead somewhere, pages are found, the README stays short enough to be read.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { blocks, DOCUMENTS, GUIDE, place, ROOT, read } from '../support/documents'

const LANGUAGES = ['js', 'ts', 'sh', 'ini', 'yaml', 'dockerfile', '']
/** The first screen of a terminal or a browser. */
const FIRST_SCREEN = 45

describe('The documents', () => {
  it('have code in languages that are run or checked, and in no others', () => {
    for (const block of blocks())
      assert.ok(LANGUAGES.includes(block.language), `${place(block)}: ${block.language}`)
  })

  for (const document of DOCUMENTS) {
    it(`link to nothing of this repository that is not there: ${document}`, () => {
      const links = [...read(document).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g)]

      for (const [, target, anchor] of links) {
        const file = target === '' ? document : path.join(path.dirname(document), target!)
        assert.ok(fs.existsSync(path.join(ROOT, file)), `${document}: ${target}`)
        if (anchor !== undefined)
          assert.ok(anchorsOf(read(file)).has(anchor), `${document}: ${target}#${anchor}`)
      }
    })
  }

  it('name every page of the guide where one begins to read', () => {
    for (const page of GUIDE) {
      assert.ok(read('README.md').includes(`(${page})`), `README.md: ${page}`)
      if (path.basename(page) !== 'README.md')
        assert.ok(read('docs/guide/README.md').includes(`(${path.basename(page)})`), page)
    }
  })

  it('say on the first screen how to install it, and stay short there', () => {
    const lines = read('README.md').split('\n')

    assert.ok(lines.slice(0, FIRST_SCREEN).some((line) => line.startsWith('npm install rollcall')))
    assert.ok(lines.length < 220, `${lines.length} lines`)
  })
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
