// `rollcall work` on a terminal: the bar keeps to itself and leaves nothing behind, and Ctrl-C ends what runs, step by
// step.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MAIN } from '../../support/cli'
import { eventually } from '../../support/eventually'
import { tempDir } from '../../support/temp-dir'
import { Terminal, tmuxSkipped } from '../../support/tmux'

/** It says what reaches it, and heeds nothing. */
const STUBBORN = `for signal in INT TERM; do trap "echo $signal >> got" $signal; done
echo begun >> got
while [ ! -e go ]; do sleep 0.02; done
`

function prepare(job: string): { cwd: string; got: () => string[]; work: (...args: string[]) => Terminal } {
  const cwd = tempDir()
  writeFileSync(join(cwd, 'list'), 'a\nb\n')
  writeFileSync(join(cwd, 'job'), `cd '${cwd}'\n${job}`)
  const got = () => {
    const file = join(cwd, 'got')
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
  }
  // Its standard error is the terminal too, where the bar is.
  const work = (...args: string[]) => {
    const words = ['work', '-a', join(cwd, 'list'), ...args, '--', 'sh', join(cwd, 'job')]
    const quoted = [process.execPath, MAIN, ...words].map((word) => `'${word}'`).join(' ')
    return new Terminal(`sh -c 'exec "$@" 2>&1' sh ${quoted}`, {
      columns: 100,
    })
  }
  return { cwd, got, work }
}

;(tmuxSkipped ? describe.skip : describe)('rollcall work on a terminal', function () {
  this.timeout(60_000)

  it('has a bar that never shares a line with output, and leaves the terminal as it was', async () => {
    const { cwd, work } = prepare(
      'printf "part of "; sleep 0.1; echo "a line"; printf "no end"; while [ ! -e go ]; do sleep 0.02; done',
    )
    const terminal = work('--line-buffer')

    const during = await terminal.shows(/\[[#.]+\] \d+% 0\/2/)
    writeFileSync(join(cwd, 'go'), '')
    const { code, restored } = await terminal.ended()
    const after = terminal.text()

    assert.equal(code, 0)
    assert.ok(restored)
    const barLines = during.split('\n').filter((line) => line.includes('0/2'))
    assert.ok(
      barLines.every((line) => /^\[[#.]+\] [^[]*$/.test(line)),
      during,
    )
    assert.match(after, /^part of a line$/m)
    assert.match(after, /^no end$/m)
    assert.doesNotMatch(after, /\[[#.]+\]/)
  })

  it('asks at the first Ctrl-C, insists at the second, kills at the third', async () => {
    const { got, work } = prepare(STUBBORN)
    const terminal = work()
    await eventually(() => got().includes('begun'), 'the command to begin')

    terminal.press('C-c')
    await terminal.shows(/asked what still runs \(1\) to end; once more insists, a third time kills/)
    await eventually(() => got().includes('INT'), 'the first')
    terminal.press('C-c')
    await eventually(() => got().includes('TERM'), 'the second')
    terminal.press('C-c')
    const { code } = await terminal.ended()

    assert.equal(code, 130)
    assert.deepEqual(got(), ['begun', 'INT', 'TERM'])
    assert.match(terminal.text(), /0 done, 0 failed attempts/)
  })

  it('with --drain lets it end at the first Ctrl-C', async () => {
    const { cwd, got, work } = prepare(STUBBORN)
    const terminal = work('--drain', '30s')
    await eventually(() => got().includes('begun'), 'the command to begin')

    terminal.press('C-c')
    await terminal.shows(/waiting up to 30 s for what still runs \(1\); once more ends it/)
    writeFileSync(join(cwd, 'go'), '')
    const { code } = await terminal.ended()

    assert.equal(code, 130)
    assert.deepEqual(got(), ['begun'])
    assert.match(terminal.text(), /1 done, 0 failed attempts/)
  })

  it('with --drain insists at the second Ctrl-C, kills at the third', async () => {
    const { got, work } = prepare(STUBBORN)
    const terminal = work('--drain', '30s')
    await eventually(() => got().includes('begun'), 'the command to begin')

    terminal.press('C-c')
    await terminal.shows(/once more ends it/)
    terminal.press('C-c')
    await eventually(() => got().includes('TERM'), 'the second')
    terminal.press('C-c')
    const { code } = await terminal.ended()

    assert.equal(code, 130)
    assert.deepEqual(got(), ['begun', 'TERM'])
  })

  it('stops its commands with Ctrl-Z, and fg lets them go on', async () => {
    const { cwd, got, work } = prepare('echo begun >> got; while [ ! -e go ]; do sleep 0.02; done')
    const terminal = work('--bar')
    await eventually(() => got().includes('begun'), 'the command to begin')
    const pid = await terminal.pid()
    const stateOf = (id: number) => /\) (\w)/.exec(readFileSync(`/proc/${id}/stat`, 'latin1'))?.[1]

    process.kill(pid, 'SIGTSTP')
    await eventually(() => stateOf(pid) === 'T', 'it to stop')
    process.kill(pid, 'SIGCONT')
    writeFileSync(join(cwd, 'go'), '')

    assert.equal((await terminal.ended()).code, 0)
  })
})
