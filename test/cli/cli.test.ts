// The verbs about boards, as somebody types them.

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { Scoreboard } from '../../lib'
import { runCli, startCli, startWorker } from '../support/cli'
import { eventually } from '../support/eventually'
import { tempDir } from '../support/temp-dir'

const VERBS = ['ls', 'cleanup', 'top', 'watch', 'totals', 'demo']

describe('rollcall', () => {
  it('prints its version', async () => {
    const { version } = require('../../../package.json')

    assert.deepEqual(await runCli(['--version']), {
      code: 0,
      signal: null,
      stdout: `${version}\n`,
      stderr: '',
    })
  })

  it('explains each verb, with an example', async () => {
    const overview = await runCli(['--help'])
    const details = await Promise.all(VERBS.map((verb) => runCli([verb, '--help'])))

    assert.equal(overview.code, 0)
    VERBS.forEach((verb, index) => {
      assert.match(overview.stdout, new RegExp(`^  ${verb} `, 'm'))
      assert.equal(details[index]!.code, 0)
      assert.match(details[index]!.stdout, new RegExp(`Examples?:\n  \\$ rollcall ${verb}`))
    })
  })

  const misuses: [args: string[], words: RegExp][] = [
    [[], /Usage: rollcall/],
    [['lss', 'x'], /unknown command 'lss'\n\(Did you mean ls\?\)/],
    [['ls', '--jsn', 'x'], /unknown option '--jsn'\n\(Did you mean --json\?\)/],
    [['ls'], /missing required argument 'dir'/],
    [['ls', 'a', 'b'], /too many arguments/],
    [['ls', ''], /directory/],
    [['top', '--interval', '5', 'x'], /Expected a duration like/],
    [['top', '--interval', '1ms', 'x'], /at least 50ms/],
    [['top', '--rounds', '0', 'x'], /whole number from 1/],
    [['top', '--sort', 'colour', 'x'], /Allowed choices are slot/],
    [['demo', '--seconds', '1.5'], /whole number from 2/],
  ]
  for (const [args, words] of misuses) {
    it(`refuses ${JSON.stringify(args)} with code 64`, async () => {
      const { code, stdout, stderr } = await runCli(args)

      assert.equal(code, 64)
      assert.equal(stdout, '')
      assert.match(stderr, words)
    })
  }
})

describe('rollcall, about a board', () => {
  let root: string
  let baseDir: string

  beforeEach(() => {
    root = tempDir()
    baseDir = join(root, 'a board *?[')
  })

  describe('ls', () => {
    it('lists the living, and the dead on demand', async () => {
      const worker = await startWorker(baseDir, 'web-1', 'GET /')
      const victim = await startWorker(baseDir, 'web-2', { path: '/orders', n: 3 })
      await victim.killed()

      const living = await runCli(['ls', baseDir])
      const all = await runCli(['ls', '--dead', baseDir])

      assert.equal(living.code, 0)
      assert.match(living.stdout, /^SLOT +ID +PID +AGE +UPDATES +STATE +STATUS\n/)
      assert.match(living.stdout, new RegExp(` web-1 +${worker.pid} +\\d+\\.\\ds +1 +live +GET /\n`))
      assert.doesNotMatch(living.stdout, /web-2/)
      assert.match(all.stdout, /web-1 .* live +GET \/\n/)
      assert.match(all.stdout, new RegExp(`web-2 +${victim.pid} .* DEAD +{"path":"/orders","n":3}\n`))
    })

    it('shows what top shows: requests by state and path, and short fields before long ones', async () => {
      const status = { state: 'writing', since: Date.now(), method: 'POST', host: 'shop', path: '/orders' }
      await startWorker(baseDir, 'web-1', { ...status, inFlight: 3, requests: 12, bytes: 99 })
      const other = join(root, 'jobs')
      await startWorker(other, 'job-1', { input: 'x'.repeat(200), step: 7 })

      const [requests, jobs] = await Promise.all([runCli(['ls', baseDir]), runCli(['ls', other])])

      assert.match(requests.stdout, /STATE +S +SECS +SERVED +OPEN +METHOD +HOST +PATH\n/)
      assert.match(requests.stdout, / writing +W +\d+\.\ds +12 +3 +POST +shop +\/orders\n/)
      assert.match(jobs.stdout, / live +{"step":7,"input":"x+/)
    })

    it('prints the snapshot as JSON', async () => {
      const text = await startWorker(baseDir, 'text', 'GET /')
      await startWorker(baseDir, 'json', [1, null, { deep: 'yes' }])
      await startWorker(baseDir, 'bytes', Buffer.of(0, 1, 255))
      await text.killed()

      const living = JSON.parse((await runCli(['ls', '--json', baseDir])).stdout)
      const all = JSON.parse((await runCli(['ls', '--json', '--dead', baseDir])).stdout)

      const statuses = Object.fromEntries(all.workers.map((entry: { id: string }) => [entry.id, entry]))
      assert.deepEqual(
        living.workers.map((entry: { id: string }) => entry.id),
        ['json', 'bytes'],
      )
      assert.equal(statuses.text.state, 'dead')
      assert.equal(statuses.text.pid, text.pid)
      assert.equal(statuses.text.status, 'GET /')
      assert.equal(statuses.text.updates, 1)
      assert.deepEqual(statuses.json.status, [1, null, { deep: 'yes' }])
      assert.deepEqual(statuses.bytes.status, { type: 'bytes', base64: 'AAH/' })
      assert.equal(all.slots, 1024)
      assert.equal(typeof all.boardId, 'string')
      assert.ok(Math.abs(all.takenAt - Date.now()) < 60_000)
    })

    it('shows hostile text without its control characters, and cuts it to the width it is given', async () => {
      const hostile = '\x1b[2J\x1b]0;title\x07\u009b31m\r\n\u202e\u2028日本語🫠'
      await startWorker(baseDir, hostile.slice(0, 20), hostile.repeat(500))

      const wide = await runCli(['ls', baseDir])
      const narrow = await runCli(['ls', baseDir], { COLUMNS: '50' })

      for (const { stdout } of [wide, narrow]) {
        assert.equal(stdout.split('\n').length, 3)
        assert.doesNotMatch(stdout.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\u2028]/u)
      }
      assert.match(wide.stdout, /\\x1b\[2J\\x1b\]0;title\\x07\\x9b31m\\r\\n\\u\{202e\}\\u\{2028\}日本語🫠/)
      assert.ok(narrow.stdout.split('\n').every((line) => line.length <= 50))
    })

    it('never makes a board where none is', async () => {
      mkdirSync(join(root, 'empty'))

      for (const verb of ['ls', 'cleanup', 'top']) {
        for (const dir of ['missing', 'empty']) {
          const { code, stdout, stderr } = await runCli([verb, join(root, dir)])

          assert.equal(code, 66, stderr)
          assert.equal(stdout, '')
          assert.match(stderr, /No board in /)
        }
      }
      assert.deepEqual(readdirSync(root), ['empty'])
      assert.deepEqual(readdirSync(join(root, 'empty')), [])
    })

    it('tells bad data from an unsafe place', async () => {
      mkdirSync(join(root, 'bad'), { mode: 0o700 })
      writeFileSync(join(root, 'bad', 'board'), 'not a board at all', { mode: 0o600 })
      new Scoreboard({ baseDir }).close()
      symlinkSync(baseDir, join(root, 'link'))

      const bad = await runCli(['ls', join(root, 'bad')])
      const unsafe = await runCli(['ls', join(root, 'link')])

      assert.equal(bad.code, 65)
      assert.match(bad.stderr, /\[ERR_NOT_A_BOARD\]/)
      assert.equal(unsafe.code, 77)
      assert.match(unsafe.stderr, /\[ERR_INSECURE_PATH\]/)
    })

    it('says so when there is nobody to list', async () => {
      new Scoreboard({ baseDir }).close()
      const empty = await runCli(['ls', baseDir])
      await (await startWorker(baseDir, 'web-1', 'x')).killed()
      const dead = await runCli(['ls', baseDir])

      assert.equal(empty.code, 0)
      assert.match(empty.stderr, /no worker on /)
      assert.equal(dead.code, 0)
      assert.match(dead.stderr, /1 dead, which --dead shows/)
    })

    it('does not mind when its reader goes away', async () => {
      await startWorker(baseDir, 'web-1', 'x'.repeat(1 << 20))
      const ls = startCli(['ls', '--json', baseDir])
      ls.child.stdout!.destroy()

      const { code, signal, stderr } = await ls.ended()

      assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
    })
  })

  describe('watch', () => {
    it('prints a line for each new worker, each change, and each worker that is gone', async () => {
      const worker = await startWorker(baseDir, 'web-1', 'first')
      const watching = startCli(['watch', baseDir])
      await watching.says(/ \+ web-1 first\n/)

      await worker.ask({ method: 'update', args: ['second\u001b[31m'] })
      await watching.says(/\d\d:\d\d:\d\d\.\d{3} = web-1 second.*\n/)
      assert.ok(!watching.stdout.includes('\u001b'))
      await worker.killed()
      await watching.says(/ - web-1 died\n/)
      watching.child.kill('SIGINT')

      assert.equal((await watching.ended()).code, 0)
    })

    it('goes on with the next board where one is deleted', async () => {
      const first = await startWorker(baseDir, 'web-1', 'first')
      const watching = startCli(['watch', baseDir])
      await watching.says(/ \+ web-1 first\n/)

      await first.killed()
      for (const name of readdirSync(baseDir)) rmSync(join(baseDir, name))
      await eventually(() => watching.stderr.includes('going on with the next one'), 'the end to be seen')
      await startWorker(baseDir, 'web-2', 'second')

      await watching.says(/ [+=] web-2 second\n/)
      watching.child.kill('SIGINT')
      assert.equal((await watching.ended()).code, 0)
    })

    it('prints objects that parse, and ends quietly when nobody reads', async () => {
      const worker = await startWorker(baseDir, 'web-1', { path: '/' })
      const watching = startCli(['watch', '--json', baseDir])
      await watching.says(/"type":"new"/)
      await worker.ask({ method: 'close' })
      await watching.says(/"type":"closed"/)
      watching.child.kill('SIGTERM')
      const { code, stdout } = await watching.ended()

      const changes = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      assert.equal(code, 143)
      assert.deepEqual(changes[0].status, { path: '/' })
      assert.deepEqual(
        changes.map(({ type, id }) => [type, id]),
        [
          ['new', 'web-1'],
          ['closed', 'web-1'],
        ],
      )
    })
  })

  describe('totals', () => {
    it('prints what the counters add up to', async () => {
      using board = new Scoreboard({ baseDir, counters: { requests: 'counter', busy: 'gauge' } })
      board.counters.add('requests', 3)

      assert.equal((await runCli(['totals', baseDir])).stdout, '3\trequests\n0\tbusy\n')
      assert.deepEqual(JSON.parse((await runCli(['totals', '--json', baseDir])).stdout), {
        requests: 3,
        busy: 0,
      })
    })
  })

  describe('cleanup', () => {
    it('frees the dead and says how many', async () => {
      await startWorker(baseDir, 'web-1', 'alive')
      await (await startWorker(baseDir, 'web-2', 'x'.repeat(100_000))).killed()
      await (await startWorker(baseDir, 'web-3', 'x')).killed()

      const first = await runCli(['cleanup', baseDir])
      const second = await runCli(['cleanup', '--json', baseDir])

      assert.equal(first.code, 0)
      assert.equal(first.stdout, 'freed 2 slots, removed 1 file\n')
      assert.deepEqual(JSON.parse(second.stdout), { slots: 0, files: 0 })
      assert.match((await runCli(['ls', '--dead', baseDir])).stdout, /web-1 .* live +alive\n$/)
    })
  })

  describe('cleanup, of a board that others may write to', () => {
    it('wants to be told that this is meant', async () => {
      new Scoreboard({ baseDir, mode: 0o660 }).close()

      const refused = await runCli(['cleanup', baseDir])
      const meant = await runCli(['cleanup', '--mode', '0660', baseDir])

      assert.equal(refused.code, 77)
      assert.match(refused.stderr, /\[ERR_INSECURE_PATH\]/)
      assert.deepEqual(meant, {
        code: 0,
        signal: null,
        stdout: 'freed 0 slots, removed 0 files\n',
        stderr: '',
      })
    })
  })

  describe('top, piped', () => {
    it('prints so many rounds, the silent and the dead marked', async () => {
      using heartless = new Scoreboard({ baseDir, workerId: 'web-10', heartbeatMs: 0 })
      heartless.update('x')
      const hanging = await startWorker(baseDir, 'web-9', 'x')
      await (await startWorker(baseDir, 'web-2', 'x')).killed()
      hanging.signal('SIGSTOP')

      const looks = ['--rounds', '2', '--interval', '50ms', '--sort', 'id', '--reverse']
      const options = [...looks, '--stale', '0ms', '--blocked', '1ms']
      const { code, stdout } = await runCli(['top', ...options, baseDir])

      assert.equal(code, 0)
      const round =
        'Z  2 living, 1 stale, 1 blocked, 1 dead, 1024 slots\nSLOT .*\n.* web-10 .*stale.*\n.* web-9 .*stopped \\d.*\n.* web-2 .*DEAD.*\n\n'
      assert.match(stdout, new RegExp(`^.*${round}.*${round}$`))
    })

    it('prints a line of JSON a round', async () => {
      await startWorker(baseDir, 'web-1', { a: 1 })

      const { code, stdout } = await runCli(['top', '--json', '--rounds', '3', '--interval', '50ms', baseDir])

      const rounds = stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      assert.equal(code, 0)
      assert.deepEqual(
        rounds.map(({ workers }) => workers[0].status),
        [{ a: 1 }, { a: 1 }, { a: 1 }],
      )
    })

    it('shows those alone that a filter lets through, and colours where they are wanted', async () => {
      await startWorker(baseDir, 'web-1', 'GET /')
      await (await startWorker(baseDir, 'web-2', 'POST /')).killed()
      const once = ['top', '--rounds', '1']

      const plain = await runCli([...once, '--filter', 'web !post', baseDir])
      const json = await runCli([...once, '--json', '--filter', 'dead', baseDir])
      const forced = await runCli([...once, baseDir], { FORCE_COLOR: '1' })
      const both = await runCli([...once, baseDir], { FORCE_COLOR: '1', NO_COLOR: '1' })

      assert.match(plain.stdout, /web-1/)
      assert.doesNotMatch(plain.stdout, /web-2/)
      assert.deepEqual(
        JSON.parse(json.stdout).workers.map(({ id }: { id: string }) => id),
        ['web-2'],
      )
      assert.ok(forced.stdout.includes('\x1b[31m'))
      assert.ok(!both.stdout.includes('\x1b') && !plain.stdout.includes('\x1b'))
    })

    it('goes on until it is told to stop, and then ends cleanly', async () => {
      await startWorker(baseDir, 'web-1', 'x')

      for (const [signal, expected] of [
        ['SIGINT', 0],
        ['SIGTERM', 143],
        ['SIGHUP', 129],
      ] as const) {
        const top = startCli(['top', '--interval', '50ms', baseDir])
        await top.says(/web-1[\s\S]*web-1/)
        top.child.kill(signal)

        const { code, stderr } = await top.ended()
        assert.equal(code, expected)
        assert.equal(stderr, '')
      }
    })

    it('ends when its reader goes away', async () => {
      await startWorker(baseDir, 'web-1', 'x')
      const top = startCli(['top', '--interval', '50ms', baseDir])
      await top.says(/web-1/)
      top.child.stdout!.destroy()

      const { code, signal, stderr } = await top.ended()

      assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
    })

    it('follows a board that takes the place of another, and waits for the next one where there is none', async () => {
      await startWorker(baseDir, 'old', 'x')
      const other = join(root, 'other')
      await startWorker(other, 'new', 'x')
      const top = startCli(['top', '--interval', '50ms', baseDir])
      await top.says(/ old /)

      renameSync(join(other, 'board'), join(baseDir, 'board'))
      await top.says(/ new /)
      rmSync(baseDir, { recursive: true })
      await top.says(/no board: it was deleted, and no worker has made the next one yet\n/)
      assert.equal(existsSync(baseDir), false)
      await startWorker(baseDir, 'third', 'x')
      await top.says(/ third /)
      top.child.kill('SIGINT')

      assert.equal((await top.ended()).code, 0)
    })
  })
})
