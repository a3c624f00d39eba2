// The readers of a queue against trees and databases that anybody may have written: `npm run fuzz -- records`.
//
// A case is a number, and everything in it follows from that number: a queue in the middle of its life, what was
// damaged in it, and every way of reading it, on every face. Each way ends with an answer or an error of ours, asks the
// store for no path that is none, within a second and 256 MiB; or the case is told, and is run again by itself with
// `node scripts/proofs/fuzz-records.mjs --seed NUMBER --cases 1`.
//
// The parent watches: a case that fills the memory or never ends takes its process with it.

import { spawn } from 'node:child_process'
import { mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const MEMORY_MIB = 256
const CASE_MS = 1000 // on a busy machine: ten times that before a case counts as one that never ends
const LOCAL_EVERY = 40 // a real database is slow to make
const HERE = fileURLToPath(import.meta.url)

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    cases: { type: 'string' },
    child: { type: 'string' },
  },
})
const firstSeed = Number(values.seed ?? Date.now() % 2 ** 31)
const seconds = Number(values.seconds)
const most = values.cases === undefined ? Number.POSITIVE_INFINITY : Number(values.cases)

if (values.child === undefined) await watch()
else await runCases(values.child)

/** Runs the cases in a process of its own, and tells which one ended it. */
async function watch() {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-records-'))
  const progress = join(folder, 'case')
  const args = [`--max-old-space-size=${MEMORY_MIB}`, '--expose-gc', HERE, '--child', progress]
  const more = ['--seed', String(firstSeed), '--seconds', String(seconds)]
  if (values.cases !== undefined) more.push('--cases', values.cases)
  const env = { ...process.env, TMPDIR: folder }
  const child = spawn(process.execPath, [...args, ...more], { stdio: 'inherit', env })
  const now = () => {
    try {
      return readFileSync(progress, 'utf8').trim()
    } catch {
      return 'none'
    }
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  let before = now()
  let isStuck = false
  const timer = setInterval(() => {
    const at = now()
    isStuck = at === before && at !== 'none'
    if (isStuck) child.kill('SIGKILL')
    before = at
  }, 30 * CASE_MS)
  const code = await new Promise((resolve) =>
    child.on('close', (status, signal) => resolve(signal ?? status)),
  )
  clearInterval(timer)
  const last = now()
  rmSync(folder, { recursive: true, force: true })
  if (code === 0) return
  console.error(`case ${last} ${isStuck ? 'does not end' : `ended the process with ${code}`}`)
  process.exit(1)
}

async function runCases(progress) {
  const harness = createHarness()
  const descriptor = openSync(progress, 'w')
  const end = performance.now() + seconds * 1000
  let slowest = 0
  let cases = 0
  for (; cases < most && performance.now() < end; cases++) {
    const seed = firstSeed + cases
    writeSync(descriptor, `${String(seed).padEnd(12)}\n`, 0)
    const started = performance.now()
    try {
      await harness.run(seed)
    } catch (error) {
      console.error(`case ${seed}: ${error.stack}`)
      process.exit(1)
    }
    const ms = performance.now() - started
    slowest = Math.max(slowest, ms)
    if (ms > 10 * CASE_MS) {
      console.error(`case ${seed}: took ${Math.round(ms)} ms`)
      process.exit(1)
    }
    if (cases % 100 === 0) globalThis.gc()
  }
  const { answers, errors } = harness
  const told = [...errors].sort((a, b) => b[1] - a[1]).map(([code, n]) => `${n} ${code}`)
  const peak = Math.round(process.resourceUsage().maxRSS / 1024)
  console.log(
    `records: ${cases} cases from seed ${firstSeed}, ${answers.count} answers, ${told.join(', ')}; slowest ${Math.round(slowest)} ms, at most ${peak} MiB`,
  )
  // A damaged database may have left a wait behind that holds the process.
  process.exit(0)
}

function createHarness() {
  const require = createRequire(import.meta.url)
  const lib = (path) => require(join('..', '..', 'dist', 'lib', path))
  const { WatchdogQueue } = lib('queue/watchdog-queue.js')
  const { WatchdogError } = lib('util/errors.js')
  const { QueueSource } = lib('terminal/live/queue-source.js')
  const { QueueFeed } = lib('page/queue-feed.js')
  const { queuesSection } = lib('page/queue-section.js')
  const { readQueue } = lib('view/queue-reading.js')
  const { isName } = lib('util/bounds.js')
  const answers = { count: 0 }
  const errors = new Map()

  /** What a case draws from: mulberry32. */
  function generator(seed) {
    let state = seed >>> 0
    const next = () => {
      state = (state + 0x6d2b79f5) >>> 0
      let mixed = Math.imul(state ^ (state >>> 15), state | 1)
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
    }
    const below = (n) => Math.floor(next() * n)
    return { next, below, pick: (list) => list[below(list.length)], chance: (share) => next() < share }
  }

  /** A tree in memory, by the contract of a store; it asserts that it is asked for paths of ours only. */
  class Tree {
    url = 'zk://fuzz/q'
    session = undefined
    needsLeader = false
    deathDelayMs = 1
    nodes = new Map()
    #born = 0
    #listeners = new Set()
    /** What the logs of workers are asked for would be the name of a file. */
    logs = {
      open: () => undefined,
      read: (wid) => this.#log(wid),
      take: (wid) => this.#log(wid),
      abandoned: () => [],
      remove: (wid) => void this.#log(wid),
    }

    constructor(needsLeader) {
      this.needsLeader = needsLeader
    }
    #log(wid) {
      if (!isName(wid)) throw new Error(`A log of ${JSON.stringify(wid)} was asked for`)
      return 0
    }
    #check(path) {
      const isOurs = path === '' || path.split('/').every((name) => isName(name) || name === '.hold')
      if (!isOurs) throw new Error(`The path ${JSON.stringify(path)} was asked for`)
      return path
    }
    put(path, data, version = 0) {
      this.nodes.set(path, {
        data: Buffer.from(data),
        version,
        born: ++this.#born,
        changedAt: Date.now(),
        children: 0,
      })
    }
    #changed() {
      for (const listener of this.#listeners) setImmediate(listener)
    }
    async get(path) {
      const node = this.nodes.get(this.#check(path))
      return node && { ...node }
    }
    async recall(path) {
      return this.get(path)
    }
    async info(path) {
      return this.get(path)
    }
    async list(path) {
      if (!this.nodes.has(this.#check(path))) return undefined
      const prefix = path === '' ? '' : `${path}/`
      const names = [...this.nodes.keys()].filter((key) => key !== '' && key.startsWith(prefix))
      return names.map((key) => key.slice(prefix.length)).filter((name) => name !== '' && !name.includes('/'))
    }
    async create(path, data) {
      this.#check(path)
      if (this.nodes.has(path)) return 'exists'
      if (path !== '' && !this.nodes.has(path.slice(0, Math.max(0, path.lastIndexOf('/'))))) return 'orphan'
      this.put(path, data)
      this.#changed()
      return 'created'
    }
    async set(path, data, version) {
      const node = this.nodes.get(this.#check(path))
      if (node === undefined) return { kind: 'missing', maybeApplied: false }
      if (version !== -1 && version !== node.version) return { kind: 'conflict', maybeApplied: false }
      Object.assign(node, { data: Buffer.from(data), version: node.version + 1, changedAt: Date.now() })
      this.#changed()
      return { kind: 'set', info: { version: node.version, changedAt: node.changedAt } }
    }
    async delete(path, version) {
      const node = this.nodes.get(this.#check(path))
      if (node === undefined) return 'missing'
      if (version !== -1 && version !== node.version) return 'conflict'
      if ((await this.list(path)).length > 0) return 'notEmpty'
      this.nodes.delete(path)
      this.#changed()
      return 'deleted'
    }
    async deleteTree(path) {
      this.#check(path)
      for (const key of [...this.nodes.keys()]) {
        if (key === path || key.startsWith(`${path}/`)) this.nodes.delete(key)
      }
      this.#changed()
    }
    async sync() {}
    async createParents() {}
    time(path) {
      return this.now(path)
    }
    async now(path) {
      return this.nodes.has(path) ? Date.now() : undefined
    }
    async watch(_path, _kind, listener) {
      this.#listeners.add(listener)
      return () => this.#listeners.delete(listener)
    }
    onEvent() {
      return () => {}
    }
    async close() {}
  }

  /** A queue in the middle of its life: something of every kind of record. */
  async function live(queue, random) {
    const items = ['text', Buffer.from([0, 255]), { json: [1, { deep: [] }] }, ...'abcdefg']
    await queue.createQueue({
      queue: items,
      sealed: random.chance(0.5),
      syncStart: random.chance(0.3),
      maxAttempts: 1 + random.below(2),
      expect: random.pick([undefined, 3, ['w', 'absent']]),
      onExpire: random.pick(['report', 'requeue']),
      timerMs: random.pick([1, 50, 120_000]),
    })
    const timer = await queue.createTimer('w')
    await timer.kick({ step: [1] })
    await (await timer.lease())?.nack('why')
    await (await timer.lease())?.nack(new Error('again'))
    await (await timer.lease())?.ack()
    await timer.lease()
    await queue.consume()
    if (random.chance(0.5)) await (await queue.createTimer('done')).end({ status: 'failed', code: 3 })
    return timer
  }

  const NUMBERS = [
    -1,
    0,
    0.5,
    1,
    999,
    1001,
    1e6 + 1,
    2 ** 31,
    2 ** 32,
    2 ** 52,
    2 ** 53 - 1,
    2 ** 53,
    1e300,
    -(2 ** 53),
  ]
  const TEXTS = [
    '',
    '.',
    '..',
    '../../../fifo9',
    '/etc/passwd',
    'a/b',
    '\0',
    '\x1b[2J',
    '\u202e',
    '__proto__',
    'constructor',
    'x'.repeat(5000),
    'w',
    'open',
    'closing',
    'running',
  ]
  const VALUES = [null, true, [], {}, [[0, 1]], [[5, 2]], [[0, 2 ** 53]], { length: 7 }, ...NUMBERS, ...TEXTS]
  const NAMES = [
    '..',
    '.',
    '\u202e',
    '\x1b[2J',
    'x y',
    'p00000-1',
    'p99999',
    'p00000-2147483648',
    '.hold',
    'constructor',
    '__proto__',
    'é',
  ]

  /** A JSON value with one part of it, at any depth, replaced, taken away, doubled or added to. */
  function damagedValue(value, random) {
    if (typeof value !== 'object' || value === null || random.chance(0.15)) return random.pick(VALUES)
    const keys = Object.keys(value)
    const copy = Array.isArray(value) ? [...value] : { ...value }
    if (keys.length === 0 || random.chance(0.1)) {
      if (Array.isArray(copy)) copy.push(random.pick(VALUES))
      else copy[random.pick(TEXTS.filter((text) => text !== '__proto__'))] = random.pick(VALUES)
      return copy
    }
    const key = random.pick(keys)
    if (random.chance(0.1) && !Array.isArray(copy)) delete copy[key]
    else if (random.chance(0.1) && Array.isArray(copy)) copy.push(...copy)
    else copy[key] = damagedValue(copy[key], random)
    return copy
  }

  function damagedBytes(data, random) {
    const kind = random.below(10)
    if (kind === 0) return Buffer.alloc(0)
    if (kind === 1) return data.subarray(0, random.below(data.length + 1))
    if (kind === 2) {
      const [open, close] = random.pick([
        ['[', ']'],
        ['{"a":', '}'],
      ])
      const depth = random.pick([10, 500, 520, 8000, 200_000])
      return Buffer.from(open.repeat(depth) + (random.chance(0.5) ? `1${close.repeat(depth)}` : ''))
    }
    if (kind <= 4 && data.length > 0) {
      const copy = Buffer.from(data)
      for (let n = 1 + random.below(4); n > 0; n--)
        copy[random.below(copy.length)] = random.pick([0, 1, 0x22, 0x5b, 0x7b, 0xff, random.below(256)])
      return copy
    }
    try {
      let value = JSON.parse(data.toString())
      for (let n = 1 + random.below(3); n > 0; n--) value = damagedValue(value, random)
      return Buffer.from(JSON.stringify(value) ?? '')
    } catch {
      return Buffer.from(JSON.stringify(random.pick(VALUES)))
    }
  }

  function damageTree(tree, random) {
    for (let n = 1 + random.below(4); n > 0; n--) {
      const paths = [...tree.nodes.keys()]
      const path = random.pick(paths)
      const node = tree.nodes.get(path)
      const kind = random.below(10)
      if (kind === 0 && path !== '') tree.nodes.delete(path)
      else if (kind === 1)
        tree.put(
          path === '' ? random.pick(NAMES) : `${path}/${random.pick(NAMES)}`,
          damagedBytes(node.data, random),
        )
      else if (kind === 2 && path !== '') {
        const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')))
        tree.put(`${parent}/${random.pick(NAMES)}`, node.data)
      } else if (kind === 3) tree.nodes.get(path).data = tree.nodes.get(random.pick(paths)).data
      else if (kind === 4) node.version = random.pick([0, 2 ** 31 - 1, -(2 ** 31)])
      else node.data = damagedBytes(node.data, random)
    }
  }

  async function damageDatabase(folder, random) {
    const Database = require('libsql')
    const file = readdirSync(join(folder, 'queue')).find((name) => name.endsWith('.db'))
    const database = new Database(join(folder, 'queue', file))
    try {
      const rows = database.prepare('SELECT born, path, data FROM nodes ORDER BY born').all()
      for (let n = 1 + random.below(4); n > 0; n--) {
        const { born, data } = random.pick(rows)
        const column = random.pick(['data', 'data', 'data', 'data', 'version', 'changed', 'path', 'parent'])
        const value =
          column === 'data' && random.chance(0.8)
            ? damagedBytes(Buffer.from(data), random)
            : random.pick([
                0,
                -1,
                0.5,
                2 ** 31,
                1e300,
                'text',
                '../x',
                Buffer.from([0, 255]),
                random.below(1000),
              ])
        try {
          database.prepare(`UPDATE nodes SET ${column} = ? WHERE born = ?`).run(value, born)
        } catch (error) {
          // Two rows of one path, or a column that may not be empty: that is not what can be there.
          if (!/^SQLITE_CONSTRAINT/.test(error.code)) throw error
        }
      }
    } finally {
      database.close()
    }
  }

  /** Every way of reading, each by a handle that knows nothing yet. */
  const READERS = {
    counts: (queue) => queue.counts(),
    checkTimers: (queue) => queue.checkTimers(),
    getTimers: (queue) => queue.getTimers(),
    waitSync: (queue) => queue.waitSync({ timeoutMs: 0 }),
    waitStarted: (queue) => queue.waitStarted({ count: 1, timeoutMs: 0 }),
    waitDone: (queue) => queue.waitDone({ timeoutMs: 0 }),
    waitDoneLong: (queue) => queue.waitDone({ timeoutMs: 20 }),
    deadLetters: async (queue) => {
      for await (const letter of queue.deadLetters()) JSON.stringify(letter)
    },
    events: async (queue) => {
      for await (const event of queue.events({ signal: AbortSignal.timeout(10) })) JSON.stringify(event)
    },
    top: async (queue) => {
      const source = new QueueSource('fuzz', queue)
      await source.refresh()
      const order = { sort: 'state', reverse: false }
      const rows = source.rows(order)
      source.head(80)
      source.table(rows, 80)
      for (const row of rows.slice(0, 20)) source.details(row, 80)
      JSON.stringify(source.round(order, () => true))
    },
    page: async (queue) => {
      const feed = new QueueFeed({ fuzz: queue })
      await feed.refresh()
      queuesSection(feed.views)
    },
    metrics: (queue) => readQueue('fuzz', queue),
    work: async (queue) => {
      const timer = await queue.createTimer('fuzz')
      for (let n = 0; n < 12; n++) {
        const lease = await timer.lease()
        if (lease === undefined) break
        await (n % 3 === 0 ? lease.nack('fuzz') : lease.ack())
      }
      await timer.end()
    },
    consume: (queue) => queue.consume(),
    redrive: (queue) => queue.redrive(),
    clearTimers: (queue) => queue.clearTimers(),
    add: (queue) => queue.add(['more']),
    seal: (queue) => queue.seal(),
    attach: (queue) => queue.createQueue({ queue: ['x'], ifExists: 'attach' }),
    replace: (queue) => queue.createQueue({ queue: ['x'], ifExists: 'replace' }),
    destroy: (queue) => queue.destroy(),
  }

  /** An answer, or an error of ours; how long a creator is waited for is for the store's tests. */
  async function outcome(name, seed, work) {
    let timer
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, 10 * CASE_MS, 'late')
    })
    try {
      if ((await Promise.race([work().then(() => 'answer'), late])) === 'late') throw new Error('No answer')
      answers.count++
    } catch (error) {
      const isOurs =
        error instanceof WatchdogError || error?.name === 'TimeoutError' || error?.name === 'AbortError'
      if (!isOurs) throw new Error(`${name} of case ${seed}: ${error?.stack ?? error}`)
      const code = error instanceof WatchdogError ? error.code : error.name
      errors.set(code, (errors.get(code) ?? 0) + 1)
    } finally {
      clearTimeout(timer)
    }
  }

  const isWaiting = (data) => /"phase":"creating"/.test(data.toString())

  async function runTree(seed, random) {
    const tree = new Tree(random.chance(0.3))
    await live(new WatchdogQueue(tree), random)
    damageTree(tree, random)
    // A creator that is not there any more is waited for, for half a second.
    const isSlow = tree.nodes.has('') && isWaiting(tree.nodes.get('').data)
    for (const [name, read] of Object.entries(READERS)) {
      if (isSlow && (name === 'attach' || name === 'replace' || name === 'destroy')) continue
      const copy = new Tree(tree.needsLeader)
      for (const [path, node] of tree.nodes) copy.nodes.set(path, { ...node })
      const queue = new WatchdogQueue(copy)
      await outcome(name, seed, () => read(queue))
      await queue.close()
    }
  }

  async function runDatabase(seed, random) {
    const folder = mkdtempSync(join(tmpdir(), 'queue-'))
    try {
      const maker = await WatchdogQueue.connect(folder)
      await live(maker, random)
      await damageDatabase(folder, random)
      await maker.close().catch(() => {})
      for (const [name, read] of Object.entries(READERS)) {
        if (name === 'attach' || name === 'replace') continue
        await outcome(name, seed, async () => {
          const queue = await WatchdogQueue.connect(folder)
          try {
            await read(queue)
          } finally {
            await queue.close()
          }
        })
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  return {
    answers,
    errors,
    async run(seed) {
      const random = generator(seed)
      const { random: before } = Math
      Math.random = random.next
      try {
        await (seed % LOCAL_EVERY === 0 ? runDatabase(seed, random) : runTree(seed, random))
      } finally {
        Math.random = before
      }
    },
  }
}
