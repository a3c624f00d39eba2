// Attacks on the folder of a queue on this machine, by a user who may write where it lies or where it will lie.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { Scoreboard } from '../../../../lib'
import { openStore } from '../../../../lib/queue/connect'
import { LocalAckLogs } from '../../../../lib/queue/store/local/ack-logs'
import { createDatabase } from '../../../../lib/queue/store/local/connection'
import { LocalDatabase } from '../../../../lib/queue/store/local/database'
import { loadLibsql } from '../../../../lib/queue/store/local/libsql'
import { makeQueueFolder, QueueFolder } from '../../../../lib/queue/store/local/queue-folder'
import { openSlotBoard } from '../../../../lib/queue/store/local/timer-slots'
import { runCli } from '../../../support/cli'
import { plantJournal } from '../../../support/hot-journal'
import { NOBODY, onlyAsRoot, otherUser } from '../../../support/other-user'
import { connect } from '../../../support/queue'
import { tempDir } from '../../../support/temp-dir'

const ID = '0123456789abcdef'

/** What the attacker cannot read, and wants to be gone. */
function makeVictim(): string {
  const victim = path.join(tempDir(), 'secret')
  fs.writeFileSync(victim, 'secret', { mode: 0o600 })
  return victim
}

/** A place that everybody may write to, as /tmp is. */
function stickyDir(): string {
  const directory = tempDir()
  fs.chmodSync(directory, 0o1777)
  return directory
}

function give(directory: string, uid = NOBODY): void {
  fs.lchownSync(directory, uid, uid)
  if (!fs.lstatSync(directory).isDirectory()) return
  for (const name of fs.readdirSync(directory)) give(path.join(directory, name), uid)
}

/** A queue's folder below `directory` with a database and a journal that names `victim`. */
function plantQueue(directory: string, victim: string): string {
  const folder = path.join(directory, 'queue')
  fs.mkdirSync(folder, { recursive: true, mode: 0o755 })
  const file = path.join(folder, `${ID}.db`)
  createDatabase(file, Buffer.from('{}'))
  plantJournal(file, victim)
  return file
}

/** Whoever finds the database busy for too long makes a connection anew at the next call. */
function loseConnection(database: LocalDatabase, file: string): void {
  const holder = new LocalDatabase(file)
  holder.exclusively(() => assert.throws(() => database.insert('x', '', Buffer.alloc(0))))
  holder.close()
}

async function assertRefused(directory: string, victim: string, message?: RegExp): Promise<void> {
  await assert.rejects(openStore(directory, {}), { code: 'ERR_AUTH', ...(message && { message }) })
  assert.ok(fs.existsSync(victim), 'the victim is still there')
}

describe('A planted journal', () => {
  it('makes SQLite delete a file, which is why nothing of this may reach it', () => {
    const victim = makeVictim()
    const file = plantQueue(tempDir(), victim)

    const database = new (loadLibsql())(file, { timeout: 0 })
    database.prepare('SELECT count(*) FROM nodes').all()
    database.close()

    assert.equal(fs.existsSync(victim), false)
  })
})

describe('A queue on this machine that another user has planted', function () {
  onlyAsRoot()
  this.timeout(120_000)
  let directory: string
  let victim: string

  beforeEach(() => {
    directory = path.join(stickyDir(), 'jobs')
    victim = makeVictim()
  })

  it('is refused before SQLite looks at it', async () => {
    plantQueue(directory, victim)
    give(directory)

    await assertRefused(directory, victim, /belongs to user 65534/)
  })

  it('is refused where the directory is ours, but for what lies in it', async () => {
    const file = plantQueue(directory, victim)
    fs.chownSync(path.dirname(file), NOBODY, NOBODY)

    await assertRefused(directory, victim, /queue: it belongs to user 65534/)
  })

  it('is refused as the default queue of `work --arg-file` beside the list', async () => {
    const list = path.join(path.dirname(directory), 'list.txt')
    fs.writeFileSync(list, 'a\n')
    plantQueue(`${list}.queue`, victim)
    give(`${list}.queue`)

    const { code, stderr } = await runCli(['work', '--arg-file', list, '--', 'true'])

    assert.equal(code, 77)
    assert.match(
      stderr,
      /list\.txt\.queue: it belongs to user 65534, who could .*; use a place .*\[ERR_AUTH\]/,
    )
    assert.ok(fs.existsSync(victim))
  })

  it('is refused by every call of a handle that waited for it', async () => {
    const store = await openStore(directory, {})
    assert.equal(await store.get(''), undefined)
    plantQueue(directory, victim)
    give(directory)

    for (const call of [() => store.get(''), () => store.create('', Buffer.from('{}')), () => store.list('')])
      await assert.rejects(call, { code: 'ERR_AUTH' })

    assert.ok(fs.existsSync(victim))
    await store.close()
  })

  it('is refused when it takes the place of one that is in use, at the next look and at a reopening', async () => {
    await (await connect(directory)).createQueue({ queue: ['a'] })
    const store = await openStore(directory, {})
    const place = QueueFolder.open(directory, directory)!
    const { path: file } = place.database
    const [run] = (await store.list(''))!
    // Somebody who may write above it has moved it away, and put this there.
    fs.renameSync(directory, `${directory}.old`)
    fs.renameSync(plantQueue(directory, victim), file)
    fs.renameSync(path.join(directory, 'queue', `${ID}.db-journal`), `${file}-journal`)
    give(directory)

    loseConnection(place.database, `${directory}.old/queue/${path.basename(file)}`)
    assert.throws(() => place.database.get(''), { code: 'ERR_INSECURE_PATH' })
    await store.get(`${run}`).catch(() => {})

    assert.ok(fs.existsSync(victim))
    assert.ok(fs.existsSync(`${file}-journal`), 'nobody has played it back')
    place.close()
    await store.close()
  })

  function makeQueue(): string {
    makeQueueFolder(directory, Buffer.from('{}'))
    const database = fs.readdirSync(path.join(directory, 'queue')).find((one) => one.endsWith('.db'))!
    return path.join(directory, 'queue', database)
  }
  const swaps: [name: string, swap: (file: string) => void][] = [
    ['a journal', (file) => fs.writeFileSync(`${file}-journal`, '')],
    ['a journal of this user', (file) => plantJournal(file, victim)],
    ['a journal that is a link', (file) => fs.symlinkSync('/nonexistent', `${file}-journal`)],
    ['a log of another user', (file) => plant(`${file}-wal`, (name) => fs.chownSync(name, NOBODY, NOBODY))],
    ['a log that others may write', (file) => plant(`${file}-wal`, (name) => fs.chmodSync(name, 0o620))],
    [
      'an index of another user',
      (file) => plant(`${file}-shm`, (name) => fs.chownSync(name, NOBODY, NOBODY)),
    ],
    ['a log that is a link', (file) => fs.symlinkSync(victim, `${file}-wal`)],
    ['a log that is a directory', (file) => fs.mkdirSync(`${file}-wal`)],
    ['a log with a second name', (file) => plant(`${file}-wal`, (name) => fs.linkSync(name, `${name}2`))],
    ['a database of another user', (file) => fs.chownSync(file, NOBODY, 0)],
    ['a database that others may write', (file) => fs.chmodSync(file, 0o666)],
    ['a database with a second name', (file) => fs.linkSync(file, `${file}.2`)],
    [
      'a database that is a link',
      (file) => {
        fs.renameSync(file, `${file}.2`)
        fs.symlinkSync(`${file}.2`, file)
      },
    ],
    ['a folder that others may write', (file) => fs.chmodSync(path.dirname(file), 0o777)],
    ['a folder that a group may write', (file) => fs.chmodSync(path.dirname(file), 0o770)],
    ['a sticky folder that others may write', (file) => fs.chmodSync(path.dirname(file), 0o1777)],
    ['a folder of another user', (file) => fs.chownSync(path.dirname(file), NOBODY, 0)],
    ['a directory that others may write', () => fs.chmodSync(directory, 0o777)],
    ['a directory of another user', () => fs.chownSync(directory, NOBODY, 0)],
    ['a directory above that others may write', () => fs.chmodSync(path.dirname(directory), 0o777)],
    [
      'a directory above that another group may write',
      () => {
        fs.chownSync(path.dirname(directory), 0, NOBODY)
        fs.chmodSync(path.dirname(directory), 0o770)
      },
    ],
    ['a directory above of another user', () => fs.chownSync(path.dirname(directory), NOBODY, 0)],
    [
      'a folder that is a link',
      (file) => {
        const folder = path.dirname(file)
        fs.renameSync(folder, `${folder}.2`)
        fs.symlinkSync(`${folder}.2`, folder)
      },
    ],
  ]
  function plant(file: string, mark: (file: string) => void): void {
    fs.writeFileSync(file, '', { mode: 0o600 })
    mark(file)
  }
  for (const [name, swap] of swaps) {
    describe(`with ${name}`, () => {
      it('is refused at the first opening', async () => {
        const file = makeQueue()
        const before = fs.readFileSync(file)

        swap(file)

        assert.throws(() => new LocalDatabase(file), { code: 'ERR_INSECURE_PATH' })
        await assertRefused(directory, victim)
        assert.deepEqual(fs.readFileSync(file), before)
        assert.equal(fs.readFileSync(victim, 'utf8'), 'secret')
      })

      it('is refused when a connection is made anew', () => {
        const file = makeQueue()
        const database = new LocalDatabase(file)
        loseConnection(database, file)
        for (const suffix of ['-wal', '-shm']) fs.rmSync(`${file}${suffix}`, { force: true })

        swap(file)

        assert.throws(() => database.get(''), { code: 'ERR_INSECURE_PATH' })
        assert.equal(fs.readFileSync(victim, 'utf8'), 'secret')
      })
    })
  }

  it('is refused behind a link that another user can point elsewhere, and used behind one of ours', async () => {
    const real = path.join(tempDir(), 'real')
    fs.mkdirSync(real, { mode: 0o700 })
    await (await connect(path.join(real, 'jobs'))).createQueue({ queue: ['a'] })
    const [ours, theirs] = ['ours', 'theirs'].map((name) => path.join(path.dirname(directory), name))
    // A link to a link is as good as the worse of the two.
    fs.symlinkSync(real, ours!)
    fs.symlinkSync(ours!, theirs!)
    fs.lchownSync(theirs!, NOBODY, NOBODY)

    assert.equal((await (await connect(path.join(ours!, 'jobs'))).counts()).total, 1)
    await assertRefused(path.join(theirs!, 'jobs'), victim, /theirs: .*user 65534, who could point this link/)
  })

  it('is not made below a directory of another user, nor under a link', async () => {
    const above = path.dirname(directory)
    fs.symlinkSync(above, directory)
    const create = async (where: string) => (await connect(where)).createQueue({ queue: ['a'] })

    await assert.rejects(create(directory), { code: 'ERR_AUTH', message: /jobs: it is a symbolic link/ })
    const elsewhere = tempDir()
    const link = path.join(above, 'link')
    fs.symlinkSync(elsewhere, link)
    fs.lchownSync(link, NOBODY, NOBODY)
    await assert.rejects(create(path.join(link, 'a', 'b')), { code: 'ERR_AUTH', message: /link elsewhere/ })
    assert.deepEqual(fs.readdirSync(elsewhere), [])
    fs.chownSync(above, NOBODY, NOBODY)
    await assert.rejects(create(path.join(above, 'new')), { code: 'ERR_AUTH', message: /user 65534/ })
  })

  it('is used below a directory that others may write to where that was allowed, and no less checked', async () => {
    const above = path.dirname(directory)
    fs.chmodSync(above, 0o777)
    const allowed = { allowSharedDirectory: true }
    await assert.rejects((await connect(directory)).createQueue({ queue: ['a'] }), {
      code: 'ERR_AUTH',
      message: /mode 0777\), who could .* set the option 'allowSharedDirectory'/,
    })
    const queue = await connect(directory, allowed)
    await queue.createQueue({ queue: ['a'] })
    assert.equal((await queue.counts()).total, 1)
    await assert.rejects(openStore(directory, {}), { code: 'ERR_AUTH' })
    const refused = await runCli(['queue', 'count', '--queue', directory])
    const counted = await runCli(['queue', 'count', '--shared-directory', '--queue', directory])
    assert.match(refused.stderr, /give --shared-directory \[ERR_AUTH\]/)
    assert.deepEqual([refused.code, counted.code, counted.stdout], [77, 0, '1\n'])

    const planted = `${directory}.2`
    plantQueue(planted, victim)
    give(planted)

    await assert.rejects(openStore(planted, allowed), { code: 'ERR_AUTH', message: /belongs to user 65534/ })
    assert.ok(fs.existsSync(victim))
  })

  it('is theirs to use, and theirs alone', async () => {
    const user = await otherUser()
    const made = await user.ask({
      what: 'queue',
      options: directory,
      method: 'createQueue',
      args: [{ queue: ['a'] }],
    })

    assert.deepEqual(made, { value: undefined })
    const counts = await user.ask<{ total: number }>({ what: 'queue', options: directory, method: 'counts' })
    assert.equal(counts.value!.total, 1)
    await assert.rejects(openStore(directory, {}), { code: 'ERR_AUTH' })
  })

  it('is not swept, nor is what they call a left-over', async () => {
    const sticky = path.dirname(directory)
    const gone = path.join(sticky, `.gone-${ID}`)
    const old = path.join(sticky, `.new-${ID}`)
    for (const leftover of [gone, old]) {
      fs.mkdirSync(leftover)
      fs.writeFileSync(path.join(leftover, 'board'), 'theirs')
      give(leftover)
      fs.utimesSync(leftover, 1, 1)
    }
    const link = path.join(sticky, `.gone-${'f'.repeat(16)}`)
    fs.symlinkSync(path.dirname(victim), link)

    await (await connect(sticky)).createQueue({ queue: ['a'] })

    for (const leftover of [gone, old])
      assert.equal(fs.readFileSync(path.join(leftover, 'board'), 'utf8'), 'theirs')
    assert.ok(fs.existsSync(victim))
  })

  it('is refused, not cleared away, when it looks like a board that was left behind', async () => {
    const sticky = path.dirname(directory)
    const folder = path.join(sticky, 'queue')
    fs.mkdirSync(folder)
    openSlotBoard(folder).close()
    give(folder)

    await assert.rejects(connect(sticky), { code: 'ERR_AUTH' })
    assert.throws(() => makeQueueFolder(sticky, Buffer.from('{}')), { code: 'ERR_INSECURE_PATH' })

    assert.deepEqual(fs.readdirSync(folder), ['board'])
  })
})

describe('A directory that has something else in the place of a queue', () => {
  let directory: string
  let folder: string

  beforeEach(() => {
    directory = tempDir()
    folder = path.join(directory, 'queue')
  })

  async function assertLeftAlone(): Promise<void> {
    const before = fs.readdirSync(folder, { recursive: true })

    await assert.rejects(async () => (await connect(directory)).createQueue({ queue: ['a'] }), {
      code: 'ERR_UNSUPPORTED',
      message: /left alone/,
    })

    assert.deepEqual(fs.readdirSync(folder, { recursive: true }), before)
    assert.deepEqual(fs.readdirSync(directory), ['queue'])
  }

  it('keeps a board with a living worker, and one without', async () => {
    const board = new Scoreboard({ baseDir: folder, workerId: 'living' })
    board.update('at work')
    await assertLeftAlone()
    assert.equal(board.readAll().get('living'), 'at work')
    board.close()
    await assertLeftAlone()
  })

  it('keeps a board of the kind that queues have, while somebody has a slot of it', async () => {
    fs.mkdirSync(folder, { mode: 0o700 })
    using board = openSlotBoard(folder, 'living')
    board.claim()

    await assertLeftAlone()
  })

  for (const name of [
    'guard-dog.txt',
    'acks-2024-report.txt',
    'ov-erview.md',
    '.board.notes',
    'acks-',
    `${ID}.db.bak`,
  ]) {
    it(`keeps ${name}, alone and beside a board that was left behind`, async () => {
      fs.mkdirSync(folder, { mode: 0o700 })
      fs.writeFileSync(path.join(folder, name), 'precious')
      await assertLeftAlone()
      openSlotBoard(folder).close()
      await assertLeftAlone()
    })
  }

  for (const name of ['board', `acks-w~${'0'.repeat(12)}`, `.board.${ID}`]) {
    it(`keeps a directory ${name} with data`, async () => {
      fs.mkdirSync(path.join(folder, name), { recursive: true, mode: 0o700 })
      fs.writeFileSync(path.join(folder, name, 'data'), 'precious')

      await assertLeftAlone()
    })
  }

  it('keeps what others have put into the folder of a queue that is destroyed', async () => {
    const queue = await connect(directory)
    await queue.createQueue({ queue: ['a'] })
    fs.writeFileSync(path.join(folder, 'notes.txt'), 'precious')
    fs.mkdirSync(path.join(folder, 'more', 'queue'), { recursive: true })

    await queue.destroy()

    const [kept, ...others] = fs.readdirSync(directory)
    assert.match(kept!, /^kept-[0-9a-f]{16}$/)
    assert.deepEqual(others, [])
    assert.deepEqual(fs.readdirSync(path.join(directory, kept!)).sort(), ['more', 'notes.txt'])
    await queue.createQueue({ queue: ['b'] })
    assert.equal((await queue.counts()).total, 1)
  })
})

describe('The ack logs of a queue on this machine', () => {
  it('are never looked for elsewhere, whatever a claim says', async () => {
    const directory = tempDir()
    makeQueueFolder(directory, Buffer.from('{}'))
    const place = QueueFolder.open(directory, directory)!
    const logs = new LocalAckLogs(() => place, directory)
    const outside = path.join(directory, 'fifo9')
    fs.writeFileSync(outside, Buffer.alloc(4))
    const ids = [
      '../../fifo9',
      '../fifo9',
      `../../fifo9~${'0'.repeat(12)}`,
      '..',
      '',
      'x',
      `/~${'0'.repeat(12)}`,
    ]

    for (const wid of ids) {
      assert.equal(logs.read(wid, 0), 0)
      assert.equal(logs.take(wid, 0), 0)
      logs.remove(wid)
    }

    assert.ok(fs.existsSync(outside))
    place.close()
  })

  const wid = `w~${'0'.repeat(12)}`
  const hostile: [name: string, make: (file: string) => void, code: string][] = [
    ['a directory', (file) => fs.mkdirSync(file), 'ERR_CORRUPT'],
    ['a link', (file) => fs.symlinkSync('/dev/zero', file), 'ERR_SYSTEM'],
    [
      'longer than any',
      (file) => {
        fs.writeFileSync(file, '')
        fs.truncateSync(file, 2 ** 40)
      },
      'ERR_CORRUPT',
    ],
    ['a FIFO', (file) => execFileSync('mkfifo', [file]), 'ERR_CORRUPT'],
  ]
  for (const [name, make, code] of hostile) {
    it(`are an error at once when one is ${name}`, () => {
      const directory = tempDir()
      makeQueueFolder(directory, Buffer.from('{}'))
      const place = QueueFolder.open(directory, directory)!
      make(path.join(place.path, `acks-${wid}`))

      assert.throws(() => new LocalAckLogs(() => place, directory).read(wid, 0), { code })

      place.close()
    })
  }
})
