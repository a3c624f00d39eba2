// What NODE_DEBUG=rollcall:queue says about writes of a page's state.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { PROGRAMS } from '../../support/paths'
import { tempDir } from '../../support/temp-dir'

describe('NODE_DEBUG=rollcall:queue', () => {
  function writes(NODE_DEBUG: string): string[] {
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(PROGRAMS, 'page-writes.js'), join(tempDir(), 'queue')],
      { env: { ...process.env, NODE_DEBUG }, encoding: 'utf8' },
    )
    assert.equal(status, 0, stderr)
    return stderr.split('\n').filter((line) => line.startsWith('ROLLCALL:QUEUE '))
  }

  it('tells each write of a page in a line: its steps, those that went together, and why it was tried again', () => {
    const lines = writes('rollcall:queue').map((line) => /page p00000 of \S+: (.*)$/.exec(line)?.[1])

    assert.equal(lines[0], 'claim: version 0 -> 1')
    assert.equal(lines[1], 'claim: version 1 -> 2')
    assert.ok(lines.includes('ack of 1 + nack: version 2 -> 3'), lines.join('\n'))
    const conflict = lines.findIndex((line) => /^claim: conflict at version \d+$/.test(line ?? ''))
    assert.ok(conflict >= 0, lines.join('\n'))
    assert.match(lines[conflict + 1]!, /^claim: version \d+ -> \d+, try 2$/)
    const [, again] = lines.slice(lines.findIndex((line) => /^ack of 1: conflict at/.test(line ?? '')))
    assert.match(again!, /^ack of 1: version \d+ -> \d+, try 2$/)
    const joined = lines.findIndex((line) => line?.startsWith('ack of 1 + claim: '))
    const ended = lines.findIndex((line) => line?.startsWith('end of a log: '))
    assert.ok(joined > conflict && ended > joined, lines.join('\n'))
    assert.match(lines.at(-1)!, /^release: version \d+ -> \d+$/)
  })

  it('says nothing when another log is asked for', () => {
    assert.deepEqual(writes('rollcall:board'), [])
  })
})
