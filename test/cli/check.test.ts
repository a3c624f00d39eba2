// `rollcall check`, as Nagios and the like call it.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { Scoreboard, WatchdogQueue } from '../../lib'
import { runCli, startWorker } from '../support/cli'
import { startHanging } from '../support/hanging'
import { tempDir } from '../support/temp-dir'

describe('rollcall check', () => {
  let baseDir: string
  beforeEach(() => {
    baseDir = tempDir()
    new Scoreboard({ baseDir }).close()
  })

  const check = async (...options: string[]) => {
    const { code, stdout, stderr } = await runCli(['check', ...options, baseDir])
    assert.equal(stderr, '')
    assert.equal(stdout.split('\n').length, 2, 'one line')
    return [code, stdout.trimEnd()] as const
  }

  it('is OK with numbers, and critical where nobody lives', async () => {
    const [none, nobody] = await check()
    await startWorker(baseDir, 'web-1', 'x')
    const [fine, somebody] = await check()

    assert.deepEqual([none, fine], [2, 0])
    assert.match(nobody, /^ROLLCALL CRITICAL - 0 live \| live=0;;1:;0 /)
    assert.match(
      somebody,
      /^ROLLCALL OK - 1 live, 0 dead, 0 blocked \| live=1;;1:;0 blocked_longest=\d+(\.\d+)?s;;;0 dead=0;;;0 oldest_status=\d+(\.\d+)?s;;;0 blocked=0;0;;0$/,
    )
  })

  it('warns before it is critical, above a most and below a least', async () => {
    await startWorker(baseDir, 'web-1', 'x')
    for (const id of ['a', 'b']) await (await startWorker(baseDir, id, 'x')).killed()

    const codes: number[] = []
    for (const limit of [
      ['--max-dead', '2'],
      ['--max-dead', '1,2'],
      ['--max-dead', '0,1'],
      ['--min-live', '1,1'],
      ['--min-live', '2,1'],
      ['--min-live', '3,2'],
      ['--max-age', '1h'],
      ['--max-age', '0ms'],
    ]) {
      codes.push((await check(...limit))[0]!)
    }

    assert.deepEqual(codes, [0, 1, 2, 0, 1, 2, 0, 2])
  })

  it('is unknown, in its one line, where it was called wrongly', async () => {
    for (const args of [[baseDir, '--max-daed', '1'], [baseDir, '--max-dead', 'x'], []]) {
      const { code, stdout, stderr } = await runCli(['check', ...args])
      assert.equal(code, 3, stderr)
      assert.match(stdout, /^ROLLCALL UNKNOWN - error: .+\n$/)
    }
    assert.equal((await runCli(['check', '--help'])).code, 0)
  })

  it('names who is blocked, and for how long', async () => {
    using board = new Scoreboard({ baseDir, readOnly: true })
    const { worker } = await startHanging(board, 'loop')

    const [code, line] = await check('--max-blocked', '10ms,1h')

    assert.equal(code, 1)
    assert.match(line, new RegExp(`^ROLLCALL WARNING - 1 blocked, for up to \\d.*s \\(${worker.id}\\) \\| `))
  })

  it('warns of anybody who is blocked, unless it was said for how long that may be', async () => {
    using board = new Scoreboard({ baseDir })
    const { worker } = await startHanging(board, 'loop')

    const [code, line] = await check()
    const [patient] = await check('--max-blocked', '1h')

    assert.deepEqual([code, patient], [1, 0])
    assert.match(
      line,
      new RegExp(`WARNING - 1 blocked, for up to \\S+s \\(${worker.id}\\) .* blocked=1;0;;0$`),
    )
  })

  it('judges a queue, where it is asked about one', async () => {
    await startWorker(baseDir, 'web-1', 'x')
    const url = join(tempDir(), 'jobs')
    const queue = await WatchdogQueue.connect(url)
    await queue.createQueue({ queue: ['a'], maxAttempts: 1 })
    const timer = await queue.createTimer('w')
    await (await timer.lease())!.nack()
    const found = await check('--queue', url, '--max-dead-items', '0', '--max-expired', '0')
    await queue.close()

    assert.equal(found[0], 2)
    assert.match(found[1], /CRITICAL - 1 dead items \| .* expired_timers=0;;0;0 dead_items=1;;0;0$/)
  })

  it('is unknown where there is no board, in one line on standard output', async () => {
    const { code, stdout } = await runCli(['check', join(baseDir, 'none')])

    assert.equal(code, 3)
    assert.match(stdout, /^ROLLCALL UNKNOWN - No board in [^|\n]*\n$/)
  })
})
