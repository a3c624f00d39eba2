// rollcall run on a queue of this machine, and what of rollcall work needs no queue's story.

import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Shown, showProgress } from '../../../lib/cli/verbs/work/progress'
import { eventually } from '../../support/eventually'
import { connect } from '../../support/queue'
import { shell, startShell } from '../../support/shell'
import { tempDir } from '../../support/temp-dir'

const ENV = { ROLLCALL_QUEUE: 'q' }

/** A directory with a queue in it whose pieces are the workers. */
async function place(): Promise<string> {
  const cwd = tempDir()
  await (await connect(join(cwd, 'q'))).createQueue()
  return cwd
}

describe('rollcall run, on this machine', () => {
  it('ends a command that runs too long: 124, what it was doing, and its timer has failed', async () => {
    const cwd = await place()

    const { code, stderr } = await shell('rollcall run --id one --timeout 50ms -- sleep 999', {
      cwd,
      env: ENV,
    })

    const [timer] = await (await connect(join(cwd, 'q'))).getTimers()
    assert.equal(code, 124)
    assert.match(stderr, /^rollcall: timed out after 0.05 s\n.*\n {2}the kernel says: it /)
    assert.deepEqual([timer!.state, timer!.code], ['failed', 124])
  })

  it('kills one that does not listen, and tells so by its code', async () => {
    const cwd = await place()

    const { code } = await shell(
      `rollcall run --timeout 50ms --kill-after 50ms -- sh -c 'trap "" TERM; while :; do sleep 0.02; done'`,
      { cwd, env: ENV },
    )

    assert.equal(code, 137)
  })

  it('shows the command on a board: its words and the last line that it wrote', async () => {
    const cwd = await place()
    const child = startShell(
      `exec rollcall run --id one --board board -- sh -c 'echo step 7; while [ ! -e go ]; do sleep 0.02; done'`,
      { cwd, env: ENV },
    )
    let shown = ''
    await eventually(
      async () => {
        shown = existsSync(join(cwd, 'board')) ? (await shell('rollcall ls board', { cwd })).stdout : ''
        return shown.includes('step 7')
      },
      () => shown,
    )

    writeFileSync(join(cwd, 'go'), '')
    await eventually(() => child.exitCode !== null, 'the end')

    assert.match(shown, /one .*"item":"sh -c echo step 7;/)
    assert.doesNotMatch((await shell('rollcall ls board', { cwd })).stdout, /one/)
  })
})

describe('rollcall work', () => {
  it('keeps starts apart by --delay, however many may run', async () => {
    const cwd = tempDir()

    const { code, stdout } = await shell(
      `seq 4 > l; date +%s%3N; rollcall work -a l -j 4 --delay 150ms -- sh -c 'date +%s%3N' {}`,
      { cwd },
    )

    const [before, ...starts] = stdout.trim().split('\n').map(Number)
    assert.deepEqual([code, starts.length], [0, 4])
    assert.ok(Math.max(...starts) - before! >= 3 * 150, `${starts} after ${before}`)
  })

  it('says how far it is in a log by --progress', async () => {
    const queue = await connect(join(tempDir(), 'q'))
    await queue.createQueue({ queue: ['a', 'b'] })
    const notes: string[] = []
    const printer = { note: (text: string) => void notes.push(text), setBar: () => assert.fail('a bar') }
    const session = { flags: { progress: true }, queue, printer, total: 0 } as unknown as Shown
    const hide = showProgress(session, 10)

    await eventually(() => notes.length > 1, 'two looks')
    await (await (await queue.createTimer('w')).lease())!.ack()
    await eventually(
      () => notes.at(-1)!.includes('50% 1/2'),
      () => notes.join('\n'),
    )
    hide()

    assert.match(notes[0]!, / 0% 0\/2/)
    assert.equal(session.total, 2)
  })
})
