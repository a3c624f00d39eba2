// rollcall work on a file of items, as people use GNU parallel; on this machine's own files.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { progressLine, showDuration } from '../lib/cli/work-progress'
import { hasTerminal, runCli, startCli, startOnTerminal } from './helpers/cli'
import { eventually } from './helpers/eventually'
import { tempDir } from './helpers/temp-dir'

const COUNT = 30

function itemsFile(): { directory: string; file: string; log: string } {
  const directory = tempDir()
  const file = join(directory, 'items')
  writeFileSync(file, Array.from({ length: COUNT }, (_, i) => `item-${i}\n`).join(''))
  return { directory, file, log: join(directory, 'log') }
}

function lines(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
}

describe('rollcall work, on a file of items', function () {
  this.timeout(120_000)

  it('runs a command for each, N at a time, retries, says what failed, and ends with 1', async () => {
    const { file, log } = itemsFile()
    const command = `echo "$ROLLCALL_ITEM $ROLLCALL_ATTEMPT" >> ${log}; test "$ROLLCALL_ITEM" != item-7`

    const { code, stderr } = await runCli([
      'work',
      '-j',
      '3',
      '-a',
      file,
      '--attempts',
      '2',
      '--',
      'sh',
      '-c',
      command,
    ])

    assert.equal(code, 1, stderr)
    assert.match(stderr, /failed after 2 attempts: item-7 \(exit code 1\)/)
    const runs = lines(log)
    assert.equal(runs.length, COUNT + 1)
    assert.equal(new Set(runs).size, COUNT + 1)
    assert.deepEqual(runs.filter((run) => run.startsWith('item-7 ')).sort(), ['item-7 1', 'item-7 2'])
  })

  it('goes on where it was after it was killed', async () => {
    const { file, log } = itemsFile()
    const args = ['work', '-j', '2', '-a', file, '--', 'sh', '-c', `sleep 0.05; echo $0 >> ${log}`, '{}']
    const first = startCli(args)
    await eventually(() => lines(log).length >= 5, 'some items to be done')
    process.kill(-first.child.pid!, 'SIGKILL')
    await first.ended()
    const before = lines(log).length

    const { code, stderr } = await runCli(args)

    assert.equal(code, 0, stderr)
    assert.ok(before < COUNT)
    assert.deepEqual([...new Set(lines(log))].sort(), lines(file).sort())
    assert.ok(lines(log).length <= COUNT + 2, 'only what was in hand runs again')
  })

  it('shows on a terminal how far it is', async function () {
    if (!hasTerminal()) this.skip()
    const { file } = itemsFile()

    const running = startOnTerminal(['work', '-a', file, '--', 'sh', '-c', 'sleep 0.1', '{}'])

    await running.says(/\[#+\.+\] \d+% \d+\/30, \d+\.\d\/s, \S+ left/)
    process.kill(-running.child.pid!, 'SIGKILL')
  })

  it('tells rates and times in a line', () => {
    const counts = { total: 200, ready: 90, leased: 10, done: 97, dead: 3 }
    assert.equal(progressLine(counts, 2), '[############............] 50% 100/200, 2.0/s, 50s left, 3 failed')
    assert.deepEqual([59_000, 190_000, 7_500_000].map(showDuration), ['59s', '3m10s', '2h05m'])
  })
})
