import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'

import { hasTerminal, startOnTerminal, startWorker } from './helpers/cli'
import { tempDir } from './helpers/temp-dir'

const ESC = '\x1b'
const ENTER = `${ESC}[?1049h`
const LEAVE = `${ESC}[?1049l`

describe('rollcall, on a terminal', () => {
  let baseDir: string

  before(function () {
    if (hasTerminal()) return
    console.log('    no `script` of util-linux here, which makes a terminal for these tests: skipped')
    this.skip()
  })

  beforeEach(() => {
    baseDir = join(tempDir(), 'board')
  })

  it('shows a death while somebody watches, obeys keys and a new size, and gives the terminal back', async () => {
    const worker = await startWorker(baseDir, 'web-1', 'GET /')
    const top = startOnTerminal(['top', '--interval', '50ms', baseDir])
    await top.says(/web-1 .*live/)

    worker.signal('SIGKILL')
    await top.says(new RegExp(`${ESC}\\[31m[^\\n]*web-1 .*DEAD`))
    top.child.stdin!.write('s')
    await top.says(/sorted by age\r?\n?/)
    top.child.stdin!.write('r')
    await top.says(/sorted by age, reversed/)
    const before = top.stdout.length
    const [terminal] = /\/dev\/\S+/.exec(top.stdout)!
    execFileSync('stty', ['-F', terminal, 'cols', '30'])
    await top.says(/r reverse {2}…/, before)
    top.child.stdin!.write('q')
    const { code, stdout } = await top.ended()

    assert.equal(code, 0)
    assert.ok(stdout.includes(ENTER))
    assert.ok(stdout.trimEnd().endsWith(LEAVE))
  })

  it('takes Ctrl-C for the end, and no colour for NO_COLOR', async () => {
    await startWorker(baseDir, 'web-1', 'GET /')
    const top = startOnTerminal(['top', '--interval', '50ms', '--stale', '0ms', baseDir], { NO_COLOR: '1' })
    await top.says(/web-1 .*stale/)
    top.child.stdin!.write('\x03')

    const { code, stdout } = await top.ended()

    assert.equal(code, 0)
    assert.doesNotMatch(stdout, new RegExp(`${ESC}\\[\\d+m`))
    assert.ok(stdout.trimEnd().endsWith(LEAVE))
  })

  it('gives the terminal back when there is nothing to watch any more', async () => {
    const worker = await startWorker(baseDir, 'web-1', 'GET /')
    const top = startOnTerminal(['top', '--interval', '50ms', baseDir])
    await top.says(/web-1 .*live/)
    await worker.killed()
    rmSync(baseDir, { recursive: true })

    const { code, stdout } = await top.ended()

    assert.equal(code, 66)
    assert.ok(stdout.indexOf('No board in') > stdout.indexOf(LEAVE))
  })
})
