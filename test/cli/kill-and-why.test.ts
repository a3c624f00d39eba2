// `rollcall check`, as Nagios and the like call it, and `rollcall kill` and `why`, as people do.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { notifySystemd, Scoreboard, WatchdogQueue } from '../../lib'
import { runCli, startWorker } from '../support/cli'
import { eventually } from '../support/eventually'
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
      /^ROLLCALL OK - 1 live, 0 dead, 0 blocked \| live=1;;1:;0 blocked_longest=\d+(\.\d+)?s;;;0 dead=0;;;0 oldest_status=\d+(\.\d+)?s;;;0 blocked=0;;;0$/,
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

  it('names who is blocked, and for how long', async () => {
    using board = new Scoreboard({ baseDir, readOnly: true })
    const { worker } = await startHanging(board, 'loop')

    const [code, line] = await check('--max-blocked', '10ms,1h')

    assert.equal(code, 1)
    assert.match(line, new RegExp(`^ROLLCALL WARNING - 1 blocked, for up to \\d.*s \\(${worker.id}\\) \\| `))
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

describe('rollcall kill', () => {
  it('ends a worker by its id, and says so', async () => {
    const baseDir = tempDir()
    const child = await startWorker(baseDir, 'web-1', 'x')

    const { code, stdout } = await runCli(['kill', baseDir, 'web-1'])

    assert.deepEqual([code, stdout], [0, `sent SIGTERM to web-1, pid ${child.pid}\n`])
    assert.equal((await child.exited).signal, 'SIGTERM')
  })

  it('takes any signal by name or number, and no other word', async () => {
    const baseDir = tempDir()
    const [one, two] = [await startWorker(baseDir, 'a', 'x'), await startWorker(baseDir, 'b', 'x')]

    const named = await runCli(['kill', '-s', 'sigkill', '--json', baseDir, 'a'])
    await runCli(['kill', '--signal', '9', baseDir, String(two.pid)])
    const wrong = await runCli(['kill', '--signal', 'KILLL', baseDir, 'a'])

    assert.deepEqual(JSON.parse(named.stdout), { id: 'a', pid: one.pid, signal: 'SIGKILL' })
    for (const child of [one, two]) assert.equal((await child.exited).signal, 'SIGKILL')
    assert.equal(wrong.code, 64)
    assert.match(wrong.stderr, /did you mean SIGKILL\?/)
  })

  it('sends nothing to whom it does not know, and to nobody who is dead', async () => {
    const baseDir = tempDir()
    await startWorker(baseDir, 'web-1', 'x')
    await (await startWorker(baseDir, 'web-2', 'x')).killed()

    const unknown = await runCli(['kill', baseDir, 'web-11'])
    const dead = await runCli(['kill', baseDir, 'web-2'])

    assert.deepEqual([unknown.code, dead.code], [66, 66])
    assert.match(unknown.stderr, /No worker web-11 .*did you mean web-1\?/)
    assert.match(dead.stderr, /it is dead/)
  })
})

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

describe('notifySystemd()', () => {
  afterEach(() => {
    delete process.env.NOTIFY_SOCKET
  })

  it('sends a datagram to the socket that systemd has named, of either kind', async () => {
    for (const address of [join(tempDir(), 'notify'), `@rollcall-test-${process.pid}`]) {
      const listener = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0'))
print('bound', flush=True)
print(s.recv(100).decode(), flush=True)`
      const { spawn } = await import('node:child_process')
      const python = spawn('python3', ['-c', listener, address])
      let said = ''
      python.stdout.on('data', (text) => {
        said += text
      })
      await eventually(() => said === 'bound\n', 'the socket')
      process.env.NOTIFY_SOCKET = address

      assert.equal(notifySystemd('WATCHDOG=1'), true)

      await eventually(() => said === 'bound\nWATCHDOG=1\n', 'the datagram')
    }
  })

  it('says no where nobody listens', () => {
    assert.equal(notifySystemd('READY=1'), false)
    process.env.NOTIFY_SOCKET = join(tempDir(), 'nobody')
    assert.equal(notifySystemd('READY=1'), false)
    assert.throws(() => notifySystemd(1 as never), TypeError)
  })
})
