// The database and the folder of a queue on this machine, by themselves: what is left when something goes
// wrong in the middle.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { openStore } from '../../../../lib/queue/connect'
import { createDatabase } from '../../../../lib/queue/store/local/connection'
import { LocalDatabase } from '../../../../lib/queue/store/local/database'
import { isDatabaseBusy } from '../../../../lib/queue/store/local/database-errors'
import { makeQueueFolder } from '../../../../lib/queue/store/local/queue-folder'
import { openSlotBoard } from '../../../../lib/queue/store/local/timer-slots'
import { connect } from '../../../support/queue'
import { tempDir } from '../../../support/temp-dir'

const EMPTY = Buffer.alloc(0)

describe('The database of a queue on this machine', () => {
  let file: string
  let one: LocalDatabase
  let other: LocalDatabase

  beforeEach(() => {
    file = path.join(tempDir(), 'nodes.db')
    createDatabase(file, Buffer.from('root'))
    one = new LocalDatabase(file)
    other = new LocalDatabase(file)
  })
  afterEach(() => {
    one.close()
    other.close()
  })

  const insert = (database: LocalDatabase, name: string) => database.insert(name, '', EMPTY)

  function assertBusy(work: () => unknown): void {
    assert.throws(work, (error) => isDatabaseBusy(error))
  }

  it('takes all of a transaction back when it fails, and lets the next one write', () => {
    assert.throws(
      () =>
        one.exclusively(() => {
          insert(one, 'half')
          throw new Error('in the middle')
        }),
      /in the middle/,
    )

    assert.equal(other.get('half'), undefined)
    assert.equal(insert(other, 'next'), true)
    assert.equal(insert(one, 'half'), true)
  })

  it('is busy for others in a transaction, and afterwards all of them read and write what is newest', () => {
    one.exclusively(() => {
      insert(one, 'first')
      assertBusy(() => insert(other, 'second'))
      assertBusy(() => insert(other, 'second'))
      assertBusy(() => other.exclusively(() => {}))
      assert.equal(other.get('first'), undefined)
    })

    assert.ok(other.get('first') !== undefined)
    assert.equal(insert(other, 'second'), true)
    assert.equal(insert(other, 'third'), true)
    assert.deepEqual(one.list('').sort(), ['first', 'second', 'third'])
    assert.equal(insert(one, 'fourth'), true)
    assert.ok(other.get('fourth') !== undefined)
  })

  it('flushes what was written after a flush had begun with the next one, which all who wait share', async () => {
    const ended: string[] = []
    const flush = (name: string) => {
      const flushing = one.flush()
      return { flushing, ended: flushing.then(() => ended.push(name)) }
    }

    const [first, second, third] = [flush('first'), flush('second'), flush('third')]
    await Promise.all([first.ended, second.ended, third.ended])

    assert.notEqual(first.flushing, second.flushing)
    assert.equal(second.flushing, third.flushing)
    assert.deepEqual(ended, ['first', 'second', 'third'])
  })

  it('has its log from the start, under the name that is flushed', () => {
    assert.ok(fs.existsSync(`${file}-wal`))
  })

  it('is ERR_CLOSED when it is closed, or has gone while it was made anew, and makes no file', () => {
    one.close()
    assert.throws(() => one.get(''), { code: 'ERR_CLOSED' })

    const third = new LocalDatabase(file)
    third.exclusively(() => assertBusy(() => insert(other, 'x')))
    third.close()
    fs.rmSync(file)

    assert.throws(() => other.get(''), { code: 'ERR_CLOSED' })
    assert.equal(fs.existsSync(file), false)
  })

  it('leaves no descriptor of its log', async function () {
    if (process.platform !== 'linux') this.skip()
    const logs = () =>
      fs.readdirSync('/proc/self/fd').filter((name) => {
        try {
          return fs.readlinkSync(`/proc/self/fd/${name}`) === fs.realpathSync(`${file}-wal`)
        } catch {
          return false
        }
      }).length
    const before = logs()
    await one.flush()
    assert.equal(logs(), before + 1)

    one.close()

    assert.ok(logs() <= before)
  })
})

describe('A program that only calls what returns at once', () => {
  it('leaves the event loop its turns', async () => {
    const directory = path.join(tempDir(), 'queue')
    await (await connect(directory)).createQueue({ queue: ['a'] })
    const store = await openStore(directory, {})
    let turned = false
    setImmediate(() => {
      turned = true
    })

    for (let calls = 0; calls < 100_000 && !turned; calls++) await store.get('')

    assert.ok(turned)
    await store.close()
  })
})

describe('The folder of a queue on this machine', () => {
  it('is for its user only, whatever the mask', () => {
    const directory = path.join(tempDir(), 'queue')
    const mask = process.umask(0)
    try {
      makeQueueFolder(directory, EMPTY)
    } finally {
      process.umask(mask)
    }

    for (const name of ['', 'queue', 'queue/board']) {
      assert.equal(fs.statSync(path.join(directory, name)).mode & 0o077, 0, name)
    }
  })

  it('takes the place of a board that was made where a queue had just been', async () => {
    const directory = path.join(tempDir(), 'queue')
    fs.mkdirSync(path.join(directory, 'queue'), { recursive: true, mode: 0o700 })
    openSlotBoard(path.join(directory, 'queue')).close()
    const queue = await connect(directory)

    await queue.createQueue({ queue: ['a'] })

    assert.equal((await queue.counts()).total, 1)
    assert.deepEqual(fs.readdirSync(directory), ['queue'])
  })

  it('is not made again by a handle that had it open when it was removed', async () => {
    const directory = path.join(tempDir(), 'queue')
    await (await connect(directory)).createQueue({ queue: ['a'] })
    const store = await openStore(directory, {})
    const [run] = (await store.list(''))!

    fs.rmSync(directory, { recursive: true })
    const made = await store.create(`${run}/timers/late`, EMPTY, { ephemeral: true })

    assert.equal(made, 'orphan')
    assert.equal(fs.existsSync(directory), false)
    await store.close()
  })

  for (const [when, act] of [
    ['made', async () => {}],
    ['destroyed', (queue) => queue.destroy()],
  ] as [string, (queue: Awaited<ReturnType<typeof connect>>) => Promise<void>][]) {
    it(`is rid of what killed makers and destroyers left when it is ${when}, and not of what is being made`, async () => {
      const directory = path.join(tempDir(), 'queue')
      const [ours, gone, old, fresh] = [
        'kept',
        `.gone-${'0'.repeat(16)}`,
        `.new-${'1'.repeat(16)}`,
        `.new-${'2'.repeat(16)}`,
      ]
      const leave = () => {
        for (const name of [ours, gone, old, fresh]) {
          fs.mkdirSync(path.join(directory, name!), { recursive: true })
          fs.writeFileSync(path.join(directory, name!, `${'3'.repeat(16)}.db`), '')
        }
        const long = new Date(Date.now() - 3_600_000)
        fs.utimesSync(path.join(directory, old!), long, long)
      }
      if (when === 'made') leave()
      const queue = await connect(directory)
      await queue.createQueue({ queue: ['a'] })
      if (when !== 'made') leave()

      await act(queue)

      const rest = fs.readdirSync(directory).filter((name) => name !== 'queue')
      assert.deepEqual(rest.sort(), [fresh, ours].sort())
    })
  }
})
