// What others write into a queue that they may write to, or have made first: each attack that once worked, in both
// places that keep queues. Whatever it is, it costs an error of ours, and neither memory, nor time, nor a file.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import type { WatchdogQueue } from '../../lib'
import { openStore } from '../../lib/queue/connect'
import { ANY_VERSION, type Store } from '../../lib/queue/store/store'
import { runCli } from '../support/cli'
import { eventually } from '../support/eventually'
import { collect, connect, describeZookeeper, uniqueUrl } from '../support/queue'
import { tempDir } from '../support/temp-dir'

const HUGE = [2 ** 53 - 1, 2 ** 53, 1e300, 2 ** 31 * 1024]
const NO_COUNTS = [-1, 0.5, '1', null, [], ...HUGE]
const DEEP = `${'['.repeat(8000)}${']'.repeat(8000)}`

const local = async () => join(tempDir(), 'jobs')

describe('A queue of hostile neighbours on this machine', () => attacksOn(local))
describeZookeeper('A queue of hostile neighbours on ZooKeeper', () => attacksOn(uniqueUrl))

function attacksOn(newUrl: () => Promise<string>): void {
  let url: string
  let store: Store
  /** The random name below which all is. */
  let below: string

  beforeEach(async () => {
    url = await newUrl()
    const queue = await connect(url)
    await queue.createQueue({ queue: ['a', 'b', 'c'], sealed: false, maxAttempts: 1 })
    store = await openStore(url, {})
    below = (await store.list(''))!.find((name) => /^[0-9a-f]{32}$/.test(name))!
  })
  afterEach(() => store.close())

  const pageName = 'p00000'

  async function read(path: string): Promise<Record<string, unknown>> {
    return JSON.parse((await store.get(path))!.data.toString())
  }

  async function write(path: string, value: unknown): Promise<void> {
    const data = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
    if ((await store.create(path, data)) !== 'created') await store.set(path, data, ANY_VERSION)
  }

  /** Every way into a queue, each by a new handle. */
  async function refuse(
    codes: RegExp,
    ...ways: ((queue: WatchdogQueue) => Promise<unknown>)[]
  ): Promise<void> {
    for (const way of ways) {
      const queue = await connect(url)
      await assert.rejects(
        way(queue),
        (error: { code?: string }) => codes.test(String(error.code)),
        String(way),
      )
      await queue.close()
    }
  }

  const lease = async (queue: WatchdogQueue) => (await queue.createTimer('w')).lease()
  const counts = (queue: WatchdogQueue) => queue.counts()
  const consume = (queue: WatchdogQueue) => queue.consume()

  it('is none where its record has numbers that its maker could not have given', async () => {
    const record = await read('')
    const settings = record.settings as object
    const damaged: object[] = [
      ...NO_COUNTS.map((expect) => ({ ...settings, expect })),
      ...[0, ...NO_COUNTS].map((timerMs) => ({ ...settings, timerMs })),
      ...[0, 1001, ...NO_COUNTS].map((maxAttempts) => ({ ...settings, maxAttempts })),
      { ...settings, expect: [''] },
      { ...settings, expect: ['x'.repeat(1025)] },
      { ...settings, expect: 1_000_001 },
      // An empty list is one of no workers.
    ].filter((one) => JSON.stringify((one as { expect?: unknown }).expect) !== '[]')
    for (const one of damaged) {
      await write('', { ...record, settings: one })
      await refuse(/^ERR_UNSUPPORTED$/, counts)
    }
    await write('', { ...record, settings: { ...settings, expect: 1_000_000 } })
    assert.equal((await (await connect(url)).checkTimers()).neverStarted, 1_000_000)
  })

  it('is none where its record names what is no name of ours, or is nested without end', async () => {
    const record = await read('')
    for (const name of ['', '.', '..', 'a/b', '../../x', '\x1b[2J', 'x'.repeat(16), 7, null, ['r']]) {
      await write('', { ...record, run: name })
      await refuse(/^ERR_UNSUPPORTED$/, counts)
      await write('', { ...record, capability: name })
      await refuse(/^ERR_UNSUPPORTED$/, counts)
    }
    await write('', `${JSON.stringify(record).slice(0, -1)},"x":${DEEP}}`)
    await refuse(/^ERR_UNSUPPORTED$/, counts)
    await write('', { ...record, version: `\x1b[2J${'x'.repeat(100_000)}` })
    const { code, stderr } = await runCli(['queue', 'status', '--queue', url])
    assert.equal(code, 65)
    assert.match(stderr, /has format '\\x1b\[2Jx{30,}\.\.\.'; this version/)
  })

  it('ends with an error where a page speaks of more items than it can have', async () => {
    const path = `${below}/states/${pageName}`
    const state = await read(path)
    const claim = { token: 't', wid: 'w', fence: 1, attempts: 0, suspect: false, settled: [], log: 0 }
    for (const size of [1001, ...HUGE]) {
      await write(path, { ...state, size })
      await refuse(/^ERR_CORRUPT$/, counts, lease, consume)
      await write(path, { ...state, size, cursor: size, claims: [{ ...claim, from: 0, to: size }] })
      await refuse(/^ERR_CORRUPT$/, counts, lease, consume)
    }
    for (const to of [4, 1001, ...HUGE]) {
      await write(path, { ...state, cursor: 3, claims: [{ ...claim, from: 0, to }] })
      await refuse(/^ERR_CORRUPT$/, counts, lease, consume)
    }
    const { code, stderr } = await runCli(['work', '--queue', url, '--until', 'empty', '--', 'true'])
    assert.equal(code, 65, stderr)
    assert.match(stderr, /\[ERR_CORRUPT\]/)
  })

  it('hands out nothing of a page whose state is of another size', async () => {
    const path = `${below}/states/${pageName}`
    const state = await read(path)
    for (const size of [1, 2, 4, 1000]) {
      for (const way of [lease, consume]) {
        await write(path, { ...state, size })
        await refuse(/^ERR_CORRUPT$/, way)
      }
    }
  })

  it('believes no state that names a holder by a path', async () => {
    const fifo = join(tempDir(), 'fifo9')
    assert.equal(spawnSync('mkfifo', [fifo]).status, 0)
    const path = `${below}/states/${pageName}`
    const state = await read(path)
    const claim = { from: 0, to: 1, fence: 1, attempts: 0, suspect: false, settled: [] }
    const up = '../'.repeat(20)
    for (const name of [
      `${up}${fifo.slice(1)}`,
      'x/../../y',
      '..',
      '.',
      '',
      '/etc/passwd',
      'a\0',
      '\x1b',
      'x'.repeat(129),
    ]) {
      for (const log of [0, 1]) {
        await write(path, { ...state, cursor: 1, claims: [{ ...claim, token: 't', wid: name, log }] })
        await refuse(/^ERR_CORRUPT$/, counts, lease)
        await write(path, { ...state, cursor: 1, claims: [{ ...claim, token: name, wid: 'w', log }] })
        await refuse(/^ERR_CORRUPT$/, counts)
      }
    }
    await write(path, { ...state, cursor: 1, claims: [{ ...claim, token: 't', wid: 'w', log: 2 ** 32 }] })
    await refuse(/^ERR_CORRUPT$/, counts)
    await write(path, { ...state, cursor: 1, done: 1, consumed: { [up]: [1, 0] } })
    await refuse(/^ERR_CORRUPT$/, counts)
  })

  it('passes over members and letters that nobody of ours wrote, and shows the others', async () => {
    const timer = await (await connect(url)).createTimer('honest')
    const member = await read(`${below}/members/${(await store.list(`${below}/members`))![0]}`)
    const damaged = [
      ...[-1, 8.65e15, 2 ** 53, 1e300].map((startedAt) => ({ ...member, startedAt })),
      ...[-1, '1', null].map((pid) => ({ ...member, pid })),
      ...[0.5, 2 ** 33, '1'].map((code) => ({ ...member, status: 'failed', code })),
      { ...member, id: '' },
      { ...member, id: 'x'.repeat(1025) },
      { ...member, host: 'h'.repeat(10_000) },
      { ...member, deathDelayMs: -1 },
    ]
    for (const [n, one] of damaged.entries()) await write(`${below}/members/w${n}`, one)
    await write(`${below}/members/deep`, `${JSON.stringify(member).slice(0, -1)},"x":${DEEP}}`)
    await write(`${below}/members/\u202e~x`, member)
    for (const id of ['x', 'p00000-1000', 'p00000-01', '\u202e-1']) await write(`${below}/dead/${id}`, {})

    const queue = await connect(url)
    const ids = (await queue.getTimers()).map(({ id }) => id)
    const top = await runCli(['queue', 'top', '--rounds', '1', '--queue', url])

    assert.deepEqual(ids, ['honest'])
    assert.equal(top.code, 0, top.stderr)
    assert.deepEqual(await collect(queue.deadLetters()), [])
    assert.equal(await queue.redrive(), 0)
    await timer.end()
  })

  it('says so of a letter that was damaged, and shows the item', async () => {
    const timer = await (await connect(url)).createTimer('w')
    await (await timer.lease())!.nack('once')
    const path = `${below}/dead/${pageName}-0`
    for (const letter of [
      { attempts: 2 ** 53 - 1 },
      { attempts: -1 },
      { attempts: 1, wid: '../../x' },
      { attempts: 1, error: { message: 7 } },
      DEEP,
      'no json',
    ]) {
      await write(path, letter)
      const [dead] = await collect((await connect(url)).deadLetters())
      assert.deepEqual(dead, {
        id: `${pageName}-0`,
        item: 'a',
        attempts: 0,
        error: { message: 'The letter of this item is damaged' },
      })
    }
    await timer.end()
  })

  it('says so where a page has a name that is none, without obeying it', async () => {
    await write(`${below}/open/\u202eevil`, '')

    await refuse(/^ERR_CORRUPT$/, counts)
    const { stderr } = await runCli(['work', '--queue', url, '--until', 'empty', '--', 'true'])
    assert.match(stderr, /'\\u\{202e\}evil' is among the pages of .* \[ERR_CORRUPT\]/)
  })

  it('gives no progress that is nested without end, and the timer all the same', async () => {
    const worker = await connect(url)
    await worker.attachQueue({ timerMs: 1 })
    const timer = await worker.createTimer('w')
    let deep: unknown = []
    for (let depth = 0; depth < 600; depth++) deep = [deep]
    await eventually(async () => {
      await timer.kick(deep as [])
      const [info] = await (await connect(url)).getTimers()
      return info!.ageMs! < 1000
    }, 'a kick to be written')

    const [info] = await (await connect(url)).getTimers()
    const { code } = await runCli(['queue', 'timers', '--json', '--queue', url])

    assert.equal(info!.id, 'w')
    assert.notEqual(typeof info!.progress, 'object')
    assert.equal(code, 0)
    await timer.end()
  })
}

describe('A database of hostile rows', () => {
  it('is ERR_CORRUPT where a column holds what none of ours does', async () => {
    const url = await local()
    const queue = await connect(url)
    await queue.createQueue({ queue: ['a'] })
    await queue.close()
    const folder = join(url, 'queue')
    const database = new Database(join(folder, readdirSync(folder).find((name) => name.endsWith('.db'))!))
    const rows = ["data = 'text'", 'data = 7', 'data = 1.5', "version = 'x'", 'version = -1', 'version = 0.5']
    const more = [
      "changed = 'x'",
      'changed = 9e999',
      'changed = -1',
      'version = 9007199254740991',
      "version = x'00'",
    ]
    try {
      for (const change of [...rows, ...more]) {
        database.exec(`UPDATE nodes SET ${change}`)
        const victim = await connect(url)
        await assert.rejects(victim.counts(), { code: 'ERR_CORRUPT' }, change)
        await victim.close()
        database.exec(`UPDATE nodes SET data = '', version = 0, changed = 1`)
      }
    } finally {
      database.close()
    }
  })
})
