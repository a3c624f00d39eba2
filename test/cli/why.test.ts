// `rollcall why`, as people call it.

import assert from 'node:assert/strict'
import { Scoreboard } from '../../lib'
import { runCli } from '../support/cli'
import { startHanging } from '../support/hanging'
import { tempDir } from '../support/temp-dir'

;(process.platform === 'linux' ? describe : describe.skip)('rollcall why', () => {
  it('shows everybody who is blocked, each with its stack', async () => {
    using board = new Scoreboard({ baseDir: tempDir() })
    const hanging = [await startHanging(board, 'loop'), await startHanging(board, 'atomics')]
    await startHanging(board, 'turns')

    const { code, stdout } = await runCli(['why', '--all-blocked', '--timeout', '20s', board.baseDir])

    assert.equal(code, 0)
    for (const { worker } of hanging) {
      assert.match(stdout, new RegExp(`^${worker.id}  pid ${worker.pid}  blocked for \\d.*  working$`, 'm'))
    }
    assert.match(stdout, /^ {2}at spinForEver +\/.*hanging\.ts:\d+:\d+$/m)
    assert.match(stdout, /^ {2}at atomics +\//m)
    assert.equal(stdout.match(/ pid /g)!.length, 2)
  })

  it('gives the kernel’s view alone where that is wanted, and JSON', async () => {
    using board = new Scoreboard({ baseDir: tempDir() })
    const { worker } = await startHanging(board, 'loop')

    const view = await runCli(['why', '--no-inspector', board.baseDir, worker.id])
    const { stdout } = await runCli(['why', '--json', '--timeout', '20s', board.baseDir, String(worker.pid)])

    assert.equal(view.code, 0)
    assert.match(view.stdout, /the kernel says: it runs/)
    const { frames, blockedForMs, inspectorOpenMs } = JSON.parse(stdout)
    assert.equal(frames[0].functionName, 'spinForEver')
    assert.ok(blockedForMs > 0 && inspectorOpenMs > 0)
  })

  it('wants the id of a worker, or all', async () => {
    const baseDir = tempDir()
    const codes = [await runCli(['why', baseDir]), await runCli(['why', '--all-blocked', baseDir, 'w'])]

    assert.deepEqual(
      codes.map(({ code }) => code),
      [64, 64],
    )
  })
})
