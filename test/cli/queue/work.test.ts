// rollcall work on a file of items, as people use GNU parallel; on this machine's own files.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { progressLine, showDuration } from '../../../lib/terminal/progress'
import { hasTerminal, runCli, startCli, startOnTerminal } from '../../support/cli'
import { eventually } from '../../support/eventually'
import { tempDir } from '../../support/temp-dir'

const COUNT = 30

function itemsFile(): { directory: string; file: string; log: string } {
  const directory = tempDir()
  const file = join(directory, 'items')
  writeFileSync(file, Array.from({ length: COUNT }, (_, i) => `item-${i}\n`).join(''))
  return { directory, file, log: join(directory, 'log') }
}

/** The whole lines: a file that a shell has just created, or is writing to, has one that is none yet. */
function lines(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
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

  it('is stopped by Ctrl-C, and the same command does what is left, nothing twice', async () => {
    const { file, log } = itemsFile()
    // It finishes what it is at, whatever the terminal says; so what is in the log is done.
    const command = `trap '' INT; sleep 0.05; echo $0 >> ${log}`
    const args = ['work', '-j', '3', '-a', file, '--json', '--', 'sh', '-c', command, '{}']
    const first = startCli(args)
    await eventually(() => lines(log).length >= 5, 'some items to be done')
    process.kill(-first.child.pid!, 'SIGINT')
    const stopped = await first.ended()
    const before = lines(log)

    const second = await runCli(args)
    const third = await runCli(args)

    assert.equal(stopped.code, 130, stopped.stderr)
    assert.ok(before.length < COUNT)
    assert.deepEqual(JSON.parse(stopped.stdout), { done: before.length, failed: 0 })
    assert.equal(second.code, 0, second.stderr)
    assert.deepEqual(JSON.parse(second.stdout), { done: COUNT - before.length, failed: 0 })
    assert.deepEqual(lines(log).sort(), lines(file).sort())
    assert.deepEqual(JSON.parse(third.stdout), { done: 0, failed: 0 })
    assert.match(third.stderr, /nothing is left .*--new does them all again/)
  })

  it('gives back what Ctrl-C has interrupted, and does not count the attempt', async () => {
    const { file, log } = itemsFile()
    const work = (command: string) =>
      startCli(['work', '-j', '2', '-a', file, '--attempts', '1', '--', 'sh', '-c', command, '{}'])
    const first = work(`echo "$0 $ROLLCALL_ATTEMPT" >> ${log}; exec sleep 1000`)
    await eventually(() => lines(log).length === 2, 'two items to be begun')
    process.kill(-first.child.pid!, 'SIGINT')
    assert.equal((await first.ended()).code, 130)
    const interrupted = lines(log)

    const { code, stderr } = await work(`echo "$0 $ROLLCALL_ATTEMPT" >> ${log}`).ended()

    assert.equal(code, 0, stderr)
    const expected = [...lines(file).map((item) => `${item} 1`), ...interrupted]
    assert.deepEqual(lines(log).sort(), expected.sort())
  })

  it('gives back also what has heard of Ctrl-C first', async () => {
    const { file, log } = itemsFile()
    const work = (command: string) =>
      startCli(['work', '-a', file, '--attempts', '1', '--json', '--', 'sh', '-c', command, '{}'])
    const first = work(`echo $$ >> ${log}; exec sleep 1000`)
    await eventually(() => lines(log).length === 1, 'an item to be begun')
    const command = Number(lines(log)[0])
    process.kill(command, 'SIGINT')
    while (existsSync(`/proc/${command}`)) {
      // Until it was waited for; without a turn of the loop, so that the other signal follows at once.
    }
    process.kill(first.child.pid!, 'SIGINT')

    const { code, stdout, stderr } = await first.ended()

    assert.equal(code, 130, stderr)
    assert.deepEqual(JSON.parse(stdout), { done: 0, failed: 0 })
  })

  it('ends at the second Ctrl-C what takes no notice, kills at the third what still does not', async () => {
    const { file, log } = itemsFile()
    const stubborn = `trap 'echo asked >> ${log}' TERM; trap '' INT; echo begun >> ${log}; while :; do sleep 0.02; done`
    const running = startCli(['work', '-a', file, '--json', '--', 'sh', '-c', stubborn, '{}'])
    await eventually(() => lines(log).at(-1) === 'begun', 'an item to be begun')

    process.kill(-running.child.pid!, 'SIGINT')
    await eventually(() => running.stderr.includes('once more insists'), 'the first to be heard')
    process.kill(-running.child.pid!, 'SIGINT')
    await eventually(() => lines(log).at(-1) === 'asked', 'the second to be heard')
    process.kill(-running.child.pid!, 'SIGINT')
    const { code, stdout, stderr } = await running.ended()

    assert.equal(code, 130, stderr)
    assert.deepEqual(JSON.parse(stdout), { done: 0, failed: 0 })
    assert.match(stderr, /asked what still runs \(1\) to end/)
    assert.match(
      stderr,
      /asked again \(SIGTERM\) what still runs \(1\); once more kills\n.*killed what still runs \(1\)\n/,
    )
  })

  it('goes on where it was after it was killed', async () => {
    const { file, log } = itemsFile()
    const command = `sleep 0.05; echo $0 >> ${log}`
    const args = ['work', '-j', '2', '-a', file, '--json', '--', 'sh', '-c', command, '{}']
    const first = startCli(args)
    await eventually(() => lines(log).length >= 5, 'some items to be done')
    process.kill(-first.child.pid!, 'SIGKILL')
    await first.ended()
    const before = lines(log).length

    const { code, stderr, stdout } = await runCli(args)

    assert.equal(code, 0, stderr)
    assert.ok(before < COUNT)
    assert.deepEqual([...new Set(lines(log))].sort(), lines(file).sort())
    assert.ok(lines(log).length <= COUNT + 2, 'only what was in hand runs again')
    assert.equal(JSON.parse(stdout).done, lines(log).length - before)
  })

  it('shows on a terminal how far it is', async function () {
    if (!hasTerminal()) this.skip()
    const { file } = itemsFile()

    const running = startOnTerminal(['work', '-a', file, '--', 'sh', '-c', 'sleep 0.1', '{}'])

    await running.says(/\[#+\.+\] \d+% \d+\/30, \d+\.\d\/s, \S+ left/)
    process.kill(-running.child.pid!, 'SIGKILL')
  })

  it('tells rates and times in a line', () => {
    const counts = { total: 200, ready: 90, delayed: 0, leased: 10, done: 97, dead: 3, failed: 3, retried: 0 }
    assert.equal(progressLine(counts, 2), '[############............] 50% 100/200, 2.0/s, 50s left, 3 failed')
    assert.deepEqual([59_000, 190_000, 7_500_000].map(showDuration), ['59s', '3m10s', '2h05m'])
  })
})
