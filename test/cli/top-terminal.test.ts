// `rollcall top` on a real terminal: keys in, and what is on the screen then.

import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import stringWidth from 'string-width'

import { WatchdogQueue } from '../../lib'
import { open } from '../support/boards'
import { MAIN, startWorker } from '../support/cli'
import { eventually } from '../support/eventually'
import { join as joinFleet } from '../support/machines'
import { tempDir } from '../support/temp-dir'
import { quoted, Terminal, type TerminalOptions, tmuxSkipped } from '../support/tmux'

/** Ended, and not yet missed by whoever adopted it. */
function isZombie(pid: number): boolean {
  try {
    return / Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/\(.*\)/s, ''))
  } catch {
    return true
  }
}

const FAST = ['--interval', '100ms']

describe('rollcall top, on a terminal', function () {
  this.timeout(120_000)

  let baseDir: string

  before(function () {
    if (!tmuxSkipped) return
    console.log('    ROLLCALL_TEST_TMUX=skip: skipped')
    this.skip()
  })

  beforeEach(() => {
    baseDir = join(tempDir(), 'board')
  })

  /** Workers of this process, with ids and statuses. */
  function workers(statuses: Record<string, unknown>): void {
    for (const [workerId, status] of Object.entries(statuses)) {
      open({ baseDir, workerId }).update(status as string)
    }
  }

  function top(args: string[] = [], options?: TerminalOptions): Terminal {
    return Terminal.rollcall(['top', ...FAST, ...args, baseDir], options)
  }

  it('shows a death while somebody watches, hides the dead on demand, and gives the terminal back', async () => {
    const worker = await startWorker(baseDir, 'web-1', 'GET /')
    workers({ 'web-2': 'POST /orders' })
    const terminal = top()
    await terminal.shows(/web-1 .* live .*GET \/\n.*web-2 .* live .*POST \/orders/)

    worker.signal('SIGKILL')
    await terminal.shows(/ 1 living, .*1 dead, [\s\S]*web-1 .* DEAD /)
    const colored = terminal.lines(true).find((line) => line.includes('web-1'))
    terminal.press('d')
    const without = await terminal.shows(/without the ended/)
    terminal.press('q')
    const { code, restored, stderr } = await terminal.ended()

    assert.ok(colored!.includes('\x1b[31m'))
    assert.doesNotMatch(without, /web-1/)
    assert.deepEqual({ code, restored, stderr }, { code: 0, restored: true, stderr: '' })
  })

  it('shows the workers of a fleet, and all about one of them with its machine', async () => {
    const url = `local:${join(tempDir(), 'fleet')}`
    const board = open({ baseDir, workerId: 'web-1' })
    board.update('GET /')
    await joinFleet(url, { boards: [board], name: 'one', labels: { zone: 'a' }, blockedAfterMs: 60_000 })
    const terminal = Terminal.rollcall(['top', ...FAST, url])

    await terminal.shows(/1 machine; 1 living[\s\S]*sorted by state[\s\S]*one .*web-1 .*GET \//)
    terminal.press('Enter')
    await terminal.shows(/worker web-1 on one[\s\S]*machine +one, live[\s\S]*labels +zone=a[\s\S]*GET \//)
    board.update('POST /orders')
    await terminal.shows(/POST \/orders/)
    terminal.press('q')
    terminal.press('q')

    const { code, stderr } = await terminal.ended()
    assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  })

  it('sorts by the next, by number and the other way round, and filters while somebody types', async () => {
    workers({ 'web-9': 'GET /b', 'web-10': 'GET /a', 'db-1': 'SELECT' })
    const terminal = top(['--sort', 'id'])

    await terminal.shows(/sorted by id[\s\S]*db-1[\s\S]*web-9[\s\S]*web-10/)
    terminal.press('r')
    await terminal.shows(/sorted by id, reversed[\s\S]*web-10[\s\S]*web-9[\s\S]*db-1/)
    terminal.press('8')
    await terminal.shows(/sorted by status [\s\S]*web-10[\s\S]*web-9[\s\S]*db-1/)
    terminal.press('/')
    terminal.type('get !/a')
    const filtered = await terminal.shows(/filter: get !\/a [\s\S]*\/get !\/a_/)
    terminal.press('Enter')
    await terminal.shows(/q quit/)
    terminal.press('Escape')
    const all = await terminal.shows(/web-10/)

    assert.match(filtered, /web-9/)
    assert.doesNotMatch(filtered, /web-10|db-1/)
    assert.doesNotMatch(all, /filter: /)
  })

  it('types every letter into a filter, drops it with Esc, and says when nothing matches', async () => {
    workers({ 'web-1': 'idle' })
    const terminal = top()
    await terminal.shows(/web-1/)

    terminal.press('/')
    terminal.type('quips')
    await terminal.shows(/no worker matches; Esc shows all 1[\s\S]*\/quips_/)
    terminal.press('Escape')

    const text = await terminal.shows(/web-1[\s\S]*q quit/)
    assert.doesNotMatch(text, /filter:/)
  })

  it('shows everything about one worker, live, and says when it has gone', async () => {
    const worker = open({ baseDir, workerId: 'web-1', counters: { requests: 'counter' } })
    worker.update({ path: '/orders', deep: { user: 'anna' } })
    workers({ 'web-2': 'x' })
    const terminal = top([], { rows: 30 })
    await terminal.shows(/web-2/)

    terminal.press('Down')
    await terminal.shows(/^> .*web-1/m)
    terminal.press('Enter')
    await terminal.shows(/worker web-1\n[\s\S]*pid +\d+[\s\S]*requests +0[\s\S]*"user": "anna"/)
    worker.update({ path: '/carts' })
    await terminal.shows(/"path": "\/carts"/)
    worker.close()
    await terminal.shows(/worker web-1, which has gone; as it was last seen[\s\S]*"path": "\/carts"/)
    terminal.press('Escape')

    await terminal.shows(/^> .*web-2/m)
  })

  it('explains its keys, scrolls where there is no room, and stands still while it is paused', async () => {
    workers({ 'web-1': 'before' })
    const board = open({ baseDir, workerId: 'web-2' })
    board.update('first')
    const terminal = top([], { rows: 10 })
    await terminal.shows(/first/)

    terminal.press('?')
    await terminal.shows(/keys \| lines 1-8 of[\s\S]*q, Ctrl-C +end/)
    terminal.press('PageDown', 'PageDown', 'PageDown', 'PageDown')
    await terminal.shows(/mod_status/)
    terminal.press('q')
    await terminal.shows(/web-2 [\s\S]*q quit/)
    terminal.press('p', '+')
    await terminal.shows(/PAUSED .* every 200ms/)
    board.update('second')
    terminal.press('r')
    const paused = await terminal.shows(/reversed/)
    terminal.press('p')
    await terminal.shows(/second/)

    assert.match(paused, /first/)
  })

  it('fits into every size, by the width of what it shows, and follows a new one', async () => {
    workers({ 日本語のとても長い名前: '作業中'.repeat(40), 'web-2': 'GET /' })
    const terminal = top()
    await terminal.shows(/作業中/)

    for (const [columns, rows] of [
      [40, 12],
      [21, 5],
      [8, 3],
      [160, 40],
    ] as const) {
      terminal.resize(columns, rows)
      // Between two sizes the terminal may have one of each.
      const isDrawn = (lines: string[]) =>
        lines.length === rows &&
        lines.every((line) => stringWidth(line) <= columns) &&
        lines.at(-1)!.startsWith(columns >= 21 ? 'q quit' : 'q') &&
        lines.some((line) => line.includes(columns >= 21 ? '日本' : '日'))
      await eventually(
        () => isDrawn(terminal.text().split('\n')),
        () => `${columns} columns and ${rows} rows of\n${terminal.text()}`,
      )
    }
  })

  it('shows the requests of workers that serve them in columns', async () => {
    const since = Date.now() - 61_000
    const idle = { state: 'keep-alive', since, inFlight: 0, requests: 17, bytes: 4 }
    workers({
      'web-1': { ...idle, state: 'working', method: 'GET', host: 'a.example', path: '/orders', inFlight: 2 },
      'web-2': idle,
      'web-3': 'about to stop',
    })
    const terminal = top([], { columns: 120 })

    const text = await terminal.shows(/S +SECS +SERVED +OPEN +METHOD +HOST +PATH/)

    assert.match(text, /web-1 .* W +1m\d\ds +17 +2 +GET +a\.example +\/orders/)
    assert.match(text, /web-2 .* K +1m\d\ds +17 +0 +- +- +-$/m)
    assert.match(text, /web-3 .* - +- +- +- +- +- +about to stop/)
  })

  it('uses no colour for NO_COLOR, and says by a mark what is chosen', async () => {
    workers({ 'web-1': 'GET /' })
    const terminal = top(['--blocked', '1ms'], { env: { NO_COLOR: '1' } })
    await terminal.shows(/web-1 .*blocked/)
    terminal.press('Down')
    await terminal.shows(/^> .*web-1/m)

    assert.ok(terminal.lines(true).every((line) => !line.includes('\x1b')))
  })

  it('prints plain rounds where a terminal can do no more', async () => {
    workers({ 'web-1': 'GET /' })
    const terminal = top(['--interval', '50ms'], { env: { TERM: 'dumb' } })

    await terminal.shows(/web-1 [\s\S]* 1024 slots\n[\s\S]*web-1 /)

    assert.ok(terminal.lines(true).every((line) => !line.includes('\x1b')))
  })

  it('needs no keyboard', async () => {
    workers({ 'web-1': 'first' })
    const terminal = new Terminal(
      `${quoted(process.execPath)} ${quoted(MAIN)} top --interval 100ms ${quoted(baseDir)} < /dev/null`,
    )
    await terminal.shows(/web-1 /)

    process.kill(await terminal.pid(), 'SIGINT')
    const { code, restored, stderr } = await terminal.ended()

    assert.deepEqual({ code, restored, stderr }, { code: 0, restored: true, stderr: '' })
  })

  for (const [how, end, expected] of [
    ['Ctrl-C', (terminal: Terminal) => terminal.press('C-c'), 0],
    ['Ctrl-C while a filter is typed', (terminal: Terminal) => terminal.press('/', 'C-c'), 0],
    ['SIGTERM', async (terminal: Terminal) => process.kill(await terminal.pid(), 'SIGTERM'), 143],
    ['SIGHUP', async (terminal: Terminal) => process.kill(await terminal.pid(), 'SIGHUP'), 129],
    ['SIGINT', async (terminal: Terminal) => process.kill(await terminal.pid(), 'SIGINT'), 0],
  ] as const) {
    it(`gives the terminal back after ${how}`, async () => {
      workers({ 'web-1': 'GET /' })
      const terminal = top()
      await terminal.shows(/web-1 /)

      await end(terminal)
      const { code, restored, stderr } = await terminal.ended()

      assert.deepEqual({ code, restored, stderr }, { code: expected, restored: true, stderr: '' })
    })
  }

  it('waits where there is no board any more; gives the terminal back where it may not look, and says why', async () => {
    workers({ 'web-1': 'GET /' })
    const terminal = top()
    await terminal.shows(/web-1 /)
    rmSync(baseDir, { recursive: true })
    await terminal.shows(/no board: it was deleted/)
    symlinkSync(tempDir(), baseDir)

    const { code, restored, stderr } = await terminal.ended()

    assert.deepEqual({ code, restored }, { code: 77, restored: true })
    assert.match(stderr, /it is a symbolic link/)
  })

  it('gives the terminal back before it tells of a bug', async () => {
    workers({ 'web-1': 'GET /' })
    const bug = join(tempDir(), 'bug.js')
    writeFileSync(bug, "process.on('SIGUSR2', () => { throw new Error('a bug') })")
    const terminal = top([], { env: { NODE_OPTIONS: `--require ${bug}` } })
    await terminal.shows(/web-1 /)
    process.kill(await terminal.pid(), 'SIGUSR2')

    const { code, restored, stderr } = await terminal.ended()

    assert.deepEqual({ code, restored }, { code: 70, restored: true })
    assert.match(stderr, /^rollcall: Error: a bug\n +at /)
  })

  it('ends when its terminal goes away', async () => {
    workers({ 'web-1': 'GET /' })
    const terminal = top()
    await terminal.shows(/web-1 /)
    const pid = await terminal.pid()

    terminal.close()

    await eventually(() => !existsSync(`/proc/${pid}`) || isZombie(pid), 'the end of the process')
  })

  it('gives the terminal back to the shell while it is suspended, and takes it again', async () => {
    workers({ 'web-1': 'GET /' })
    const terminal = new Terminal('bash --norc --noprofile -i 2>&1', { env: { PS1: 'ready$ ' } })
    await terminal.shows(/ready\$$/m)
    terminal.type(
      `${quoted(process.execPath)} ${quoted(MAIN)} top --interval 100ms ${quoted(baseDir)}; echo "ended with $?"\n`,
    )
    await terminal.shows(/web-1 [\s\S]*q quit/)

    terminal.press('C-z')
    const suspended = await terminal.shows(/Stopped[\s\S]*ready\$$/m)
    terminal.type('fg\n')
    await terminal.shows(/web-1 [\s\S]*q quit/)
    terminal.press('q')
    const after = await terminal.shows(/fg\n[\s\S]*ready\$$/m)

    assert.doesNotMatch(suspended, /web-1 /)
    assert.doesNotMatch(after, /web-1 /)
  })

  describe('of a queue', () => {
    it('shows how far it is and what its workers are at', async () => {
      const url = join(tempDir(), 'jobs')
      await using queue = await WatchdogQueue.connect(url)
      const items = ['a', 'b', 'c', 'd']
      await queue.createQueue({ queue: items, timerMs: 5_000, maxAttempts: 1, expect: ['w-1', 'w-9'] })
      await using timer = await queue.createTimer('w-1')
      const terminal = Terminal.rollcall(['queue', 'top', ...FAST, '--sort', 'id', '--queue', url])
      await terminal.shows(/0% 0\/4[\s\S]*(alive|expired) +w-1[\s\S]*never-started +w-9/)

      await (await timer.lease())!.ack()
      await (await timer.lease())!.nack(new Error('broken'))
      await timer.lease()
      await timer.kick({ step: 7 })
      await terminal.shows(/50% 2\/4, .*1 failed\n.*1 ready, 1 leased, 1 done, 1 dead letters[\s\S]*"step":7/)
      terminal.press('Home', 'Enter')
      await terminal.shows(/worker w-1[\s\S]*progress\n +\{\n +"step": 7/)
      terminal.press('Escape')
      await terminal.shows(/q quit/)
      terminal.press('C-c')
      const { code, restored, stderr } = await terminal.ended()

      assert.deepEqual({ code, restored, stderr }, { code: 0, restored: true, stderr: '' })
    })

    it('ends with the queue, the terminal restored', async () => {
      const url = join(tempDir(), 'jobs')
      await using queue = await WatchdogQueue.connect(url)
      await queue.createQueue({ queue: ['a'] })
      const terminal = Terminal.rollcall(['queue', 'top', ...FAST, '--queue', url])
      await terminal.shows(/0\/1/)
      await queue.destroy()

      const { code, restored } = await terminal.ended()

      assert.deepEqual({ code, restored }, { code: 66, restored: true })
    })
  })
})
