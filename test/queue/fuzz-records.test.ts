// A few cases of `npm run fuzz -- records`, always the same, so that the fuzzer itself keeps working.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from '../support/paths'

const FUZZER = join(ROOT, 'scripts', 'proofs', 'fuzz-records.mjs')

describe('Random trees and databases of a queue', () => {
  it('end every way of reading them with an answer or an error of ours', () => {
    const args = ['--seed', '40', '--cases', '12', '--seconds', '60']
    const { status, stdout, stderr } = spawnSync(process.execPath, [FUZZER, ...args], { encoding: 'utf8' })

    assert.equal(status, 0, stderr)
    assert.match(stdout, /^records: 12 cases from seed 40, \d+ answers, .*ERR_CORRUPT/)
  })
})
