import * as assert from 'node:assert/strict'
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { hasTerminal, killAll, startOnTerminal } from './helpers/cli'

const ESC = '\x1b'
const ENTER = `${ESC}[?1049h`
const LEAVE = `${ESC}[?1049l`

describe('rollcall, on a terminal', () => {
  let root: string
  let baseDir: string

  before(function () {
    if (hasTerminal()) return
    console.log('    no `script` of util-linux here, which makes a terminal for these tests: skipped')
    this.skip()
  })

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'rollcall-tty-'))
    baseDir = join(root, 'board')
  })

  afterEach(async () => {
    await killAll()
    rmSync(root, { recursive: true, force: true })
  })

  async function startWorker(id: string) {
    const worker = fork(join(__dirname, 'children', 'cli-worker.js'), [baseDir, id])
    worker.send({ status: 'GET /' })
    await once(worker, 'message')
    return worker
  }

  it('shows a death while somebody watches, obeys keys and a new size, and gives the terminal back', async () => {
    const worker = await startWorker('web-1')
    const top = startOnTerminal(['top', '--interval', '50ms', baseDir])
    await top.says(/web-1 .*live/)

    worker.kill('SIGKILL')
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
    const worker = await startWorker('web-1')
    const top = startOnTerminal(['top', '--interval', '50ms', '--stale', '0ms', baseDir], { NO_COLOR: '1' })
    await top.says(/web-1 .*stale/)
    top.child.stdin!.write('\x03')

    const { code, stdout } = await top.ended()
    worker.kill('SIGKILL')

    assert.equal(code, 0)
    assert.doesNotMatch(stdout, new RegExp(`${ESC}\\[\\d+m`))
    assert.ok(stdout.trimEnd().endsWith(LEAVE))
  })

  it('gives the terminal back when there is nothing to watch any more', async () => {
    const worker = await startWorker('web-1')
    const top = startOnTerminal(['top', '--interval', '50ms', baseDir])
    await top.says(/web-1 .*live/)
    worker.kill('SIGKILL')
    await once(worker, 'exit')
    rmSync(baseDir, { recursive: true })

    const { code, stdout } = await top.ended()

    assert.equal(code, 66)
    assert.ok(stdout.indexOf('No board in') > stdout.indexOf(LEAVE))
  })
})
