// Nothing is final: a board that is deleted, replaced or outgrown is found again by whatever lives long, one in use is
// left alone by what sweeps old files, and a new release with one counter more starts.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Counter, Registry } from 'prom-client'
import { clusterMetrics, instrument, publishMetrics, Scoreboard, statusHandler } from '../../lib'
import { native } from '../../lib/binding'
import { BoardBytes, HEADER_FIELDS } from '../support/board-file'
import { open } from '../support/boards'
import { runCli, startWorker } from '../support/cli'
import { eventually } from '../support/eventually'
import { listen, listening } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

/** What somebody does who clears a directory by hand. */
function removeBoard(baseDir: string): void {
  for (const name of fs.readdirSync(baseDir)) fs.rmSync(path.join(baseDir, name), { recursive: true })
}

async function ask(port: number, target: string): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${port}${target}`)
  return { status: response.status, text: await response.text() }
}

describe('A board that is deleted', () => {
  it('is made and found again by servers and pages, which go on counting', async () => {
    const baseDir = tempDir()
    const counters = { requests: 'counter' } as const
    const board = open({ baseDir, workerId: 'web', counters })
    const server = http.createServer((_, response) => response.end('hello'))
    using _ = instrument(server, { board, onError: (error) => assert.fail(error) })
    const { port } = await listening(server)
    const page = await listen(statusHandler(open({ baseDir, readOnly: true })))
    for (let i = 0; i < 3; i++) await ask(port, '/')
    assert.match((await ask(page.port, '/?json')).text, /"web"/)

    removeBoard(baseDir)

    using next = (await eventually(() => tryToOpen(baseDir), 'the server to make the board again'))!
    // By itself: nobody asks it for anything.
    await eventually(() => next.readAll().has('web'), 'the server to be on it')
    assert.deepEqual(next.counterKinds, counters)
    await ask(port, '/')
    await eventually(() => next.totals().requests === 4, 'its requests')
    await eventually(async () => (await ask(page.port, '/?json')).status === 200, 'the page to be back')
    assert.match((await ask(page.port, '/?json')).text, /"web"/)
  })

  it('is made again by those who publish metrics; until then a scrape is an error and no empty text', async () => {
    const baseDir = tempDir()
    const registry = new Registry()
    new Counter({ name: 'jobs_total', help: 'Jobs', registers: [registry] }).inc(4)
    const publication = publishMetrics(registry, { baseDir, intervalMs: 3_600_000 })
    await publication.publish()

    removeBoard(baseDir)

    await assert.rejects(clusterMetrics({ baseDir }), { code: 'ERR_NOT_A_BOARD' })
    await delay(1100) // a handle looks after its board's name once a second
    await publication.publish()
    assert.match(await clusterMetrics({ baseDir }), /^jobs_total 4$/m)
    await publication.close()
    assert.match(await clusterMetrics({ baseDir }), /^jobs_total 4$/m)
  })

  it('is opened again by a handle that is told to, with what it was like', async () => {
    const baseDir = tempDir()
    const board = open({ baseDir, slots: 7, counters: { done: 'counter' }, sharedCounters: ['all'] })
    const plain = open({ baseDir, workerId: 'plain' })
    plain.update('here')
    removeBoard(baseDir)
    await delay(1100)
    assert.throws(() => plain.update('lost'), { code: 'ERR_BOARD_REPLACED' })

    plain.reopen()
    plain.update('again')
    board.reopen()

    assert.deepEqual([...board.readAll()], [['plain', 'again']])
    assert.equal(board.snapshot().slots, 7)
    assert.equal(board.shared.add('all', 2), 2)
    assert.equal(plain.counters.add('done'), 1)
    plain.reopen()
    assert.equal(plain.workerId, 'plain')
  })
})

function tryToOpen(baseDir: string): Scoreboard | undefined {
  try {
    return new Scoreboard({ baseDir, readOnly: true })
  } catch {
    return undefined
  }
}

describe('systemd-tmpfiles', () => {
  it('leaves a board alone while a slot of it is owned, and takes it afterwards', function () {
    if (spawnSync('systemd-tmpfiles', ['--version']).status !== 0) this.skip()
    const parent = tempDir()
    const baseDir = path.join(parent, 'app', 'board')
    const board = open({ baseDir })
    board.update('long'.repeat(1000))
    const files = fs.readdirSync(baseDir)
    const config = path.join(parent, 'clean.conf')
    // Aged by what can be set back: nobody sets back the time of a change of an inode.
    fs.writeFileSync(config, `d ${parent} 0700 root root am:4s\n`)
    const old = new Date(Date.now() - 3_600_000)
    const age = () => {
      for (const name of fs.readdirSync(baseDir)) fs.utimesSync(path.join(baseDir, name), old, old)
      fs.utimesSync(baseDir, old, old)
    }
    age()

    execFileSync('systemd-tmpfiles', ['--clean', config])
    assert.deepEqual(fs.readdirSync(baseDir), files)
    board.close()
    age()
    execFileSync('systemd-tmpfiles', ['--clean', config])

    assert.deepEqual(fs.existsSync(baseDir) ? fs.readdirSync(baseDir) : [], [])
  })
})

describe('A board that is too small', () => {
  it('is made anew for a release with a counter more, and its totals are carried over by name', async () => {
    const baseDir = tempDir()
    {
      using first = new Scoreboard({
        baseDir,
        counters: { requests: 'counter', busy: 'gauge' },
        sharedCounters: ['jobs'],
      })
      first.counters.add('requests', 41)
      first.counters.set('busy', 3)
      first.shared.add('jobs', 5)
    }
    const viewer = open({ baseDir, readOnly: true })

    const counters = { errors: 'counter', busy: 'gauge', requests: 'counter' } as const
    const next = open({ baseDir, slots: 2000, inlineBytes: 2048, counters, sharedCounters: ['more', 'jobs'] })

    assert.deepEqual(next.totals(), { errors: 0, busy: 0, requests: 41 })
    assert.deepEqual([next.shared.get('jobs'), next.shared.get('more')], [5, 0])
    next.counters.add('requests', 1)
    next.close()
    await eventually(() => !viewer.isInPlace, 'the viewer to notice')
    viewer.reopen()
    assert.equal(viewer.totals().requests, 42)
    assert.equal(viewer.snapshot().slots, 2000)
  })

  it('is an error that says who is in the way, and what to do', async () => {
    const baseDir = tempDir()
    open({ baseDir, counters: { requests: 'counter' } })
    const worker = await startWorker(baseDir, 'web-1', 'at work')
    const wanted = { baseDir, counters: { requests: 'counter', errors: 'counter' } } as const

    assert.throws(
      () => new Scoreboard(wanted),
      (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_GEOMETRY_MISMATCH')
        assert.match(error.message, new RegExp(`in use by 'web-1' \\(process ${worker.pid}\\)`))
        assert.ok(error.message.includes(`rollcall cleanup --reset ${baseDir}`))
        return true
      },
    )
    const { code, stdout } = await runCli(['cleanup', '--reset', baseDir])
    assert.equal(code, 0)
    assert.match(stdout, /web-1/)
    assert.equal(open(wanted).readAll().size, 0)
  })

  it('is not made anew for who wants less, or something else', () => {
    const baseDir = tempDir()
    {
      using _ = new Scoreboard({ baseDir, counters: { requests: 'counter', errors: 'counter' } })
    }

    const others: Record<string, 'counter' | 'gauge'>[] = [
      { requests: 'counter' },
      { requests: 'gauge', errors: 'counter' },
    ]
    for (const counters of others) {
      assert.throws(() => new Scoreboard({ baseDir, counters }), /--reset/)
    }
    assert.throws(() => new Scoreboard({ baseDir, slots: 8 }), { code: 'ERR_GEOMETRY_MISMATCH' })
  })
})

describe('A board of another boot', () => {
  it('is not replaced while a handle of the other machine has it open, and is when that has closed', () => {
    const baseDir = tempDir()
    // Two containers with boots of their own and one volume: their kernel, and so its locks, are the same.
    const other = open({ baseDir, counters: { done: 'counter' } })
    other.counters.add('done', 3)
    other.close()
    const file = new BoardBytes(path.join(baseDir, 'board'))
    const [at, size] = HEADER_FIELDS.bootId
    file.bytes.fill(7, at, at + size)
    file.signHeader()
    file.save()
    const { boardId } = other

    // This one is of another boot for us; so our handle would be, for them.
    const idle = holdOpen(path.join(baseDir, 'board'))
    using ours = new Scoreboard({ baseDir })
    assert.equal(ours.boardId, boardId)
    ours.close()
    idle()

    using next = new Scoreboard({ baseDir })
    assert.notEqual(next.boardId, boardId)
    assert.deepEqual(next.totals(), { done: 3 })
  })
})

/** What a handle that only waits for its first update holds: a shared lock on the file. */
function holdOpen(file: string): () => void {
  const board = native.open(file, false, false, 1)
  if ('code' in board) throw new Error(board.code)
  assert.equal(board.enter(), undefined)
  return () => board.close()
}
