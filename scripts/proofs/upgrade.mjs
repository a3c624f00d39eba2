// A rolling upgrade, tried: the released version, built from git, and this one on the same queue, of this machine and on
// ZooKeeper.
//
//   node scripts/proofs/upgrade.mjs [ref]        default: the ref in RELEASED below. ROLLCALL_OLD: its entry, where it
//                                                is built; ROLLCALL_TEST_ZOOKEEPER=skip: this machine only
//
// 1. workers of both drain a queue that one of them made, while some are killed: each item is acked once
// 2. the old one refuses a queue that uses what it does not know, with ERR_VERSION
// 3. an old worker that is attached when that begins stops with an error and leaves the queue as it is

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const RELEASED = '8f8b601'
const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ITEMS = 4000
const POISON = 40
const NEW = join(ROOT, 'dist', 'lib', 'index.js')

const SESSION = { sessionTimeoutMs: 4000 }

const ref = process.argv[2] ?? RELEASED
const scratch = mkdtempSync(join(tmpdir(), 'rollcall-upgrade-'))
const { skipped, startZookeeper } = require_(join(ROOT, 'dist', 'test', 'support', 'zookeeper-server.js'))
let server
try {
  const old = process.env.ROLLCALL_OLD ?? build(ref)
  await shareOn((name) => join(scratch, name), old)
  console.log(`${ref} and this version share a queue of this machine, or the older one refuses it`)
  if (!skipped) {
    server = await startZookeeper(1)
    await shareOn((name) => `zk://${server.hosts}/upgrade/${name}`, old)
    console.log(`${ref} and this version share a queue on ZooKeeper, or the older one refuses it`)
  }
} finally {
  await server?.stop()
  rmSync(scratch, { recursive: true, force: true })
}

async function shareOn(urlOf, old) {
  for (const maker of ['old', 'new'])
    await drainTogether(maker === 'old' ? old : NEW, old, urlOf(`shared-${maker}`))
  await refuses(old, urlOf('new-features'))
  await leavesAlone(old, urlOf('attached'))
}

/** The released version, compiled; its entry. */
function build(ref) {
  const folder = join(scratch, 'old')
  mkdirSync(folder)
  console.log(`building ${ref} in ${folder}`)
  const tar = execFileSync('git', ['-C', ROOT, 'archive', ref], { maxBuffer: 2 ** 28 })
  execFileSync('tar', ['x'], { cwd: folder, input: tar })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  execFileSync('npm', ['run', 'build:native'], { cwd: folder, stdio: 'ignore' })
  try {
    // Its tests may not compile with the packages of today; what is asked for is its library.
    execFileSync('npx', ['tsc', '-p', 'tsconfig.json', '--noEmitOnError', 'false'], {
      cwd: folder,
      stdio: 'ignore',
    })
  } catch {
    assert.ok(existsSync(join(folder, 'dist', 'lib', 'index.js')), 'the released version compiles')
  }
  return join(folder, 'dist', 'lib', 'index.js')
}

/** Runs a worker; resolves with its lines and how it ended. */
function worker(entry, url, { killAfter } = {}) {
  const program = `
    const { WatchdogQueue } = require(${JSON.stringify(entry)})
    ;(async () => {
      const queue = await WatchdogQueue.connect(${JSON.stringify(url)}, ${JSON.stringify(SESSION)})
      const timer = await queue.createTimer('w' + process.pid)
      let acked = 0
      for await (const lease of timer.leases()) {
        if (lease.item.startsWith('poison')) await lease.nack(new Error('poison'))
        else {
          await lease.ack()
          process.stdout.write(lease.item + '\\n')
          if (++acked === ${killAfter ?? -1}) process.kill(process.pid, 'SIGKILL')
        }
      }
      await timer.end()
      await queue.close()
    })().catch((error) => { console.error(error.code, error.message); process.exit(1) })`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (data) => (out += data))
  child.stderr.on('data', (data) => (err += data))
  return new Promise((resolve) => {
    child.on('close', (code, signal) =>
      resolve({ lines: out.split('\n').filter(Boolean), err, code, signal }),
    )
  })
}

async function drainTogether(maker, old, url) {
  const { WatchdogQueue } = require_(maker)
  const queue = await WatchdogQueue.connect(url, SESSION)
  const items = Array.from({ length: ITEMS }, (_, i) => (i < POISON ? `poison ${i}` : `item ${i}`))
  await queue.createQueue({ queue: items, maxAttempts: 2 })

  const ended = await Promise.all([
    worker(old, url),
    worker(NEW, url),
    worker(old, url, { killAfter: 150 }),
    worker(NEW, url, { killAfter: 150 }),
  ])

  for (const { code, signal, err } of ended) assert.ok(code === 0 || signal === 'SIGKILL', err)
  const acked = ended.flatMap(({ lines }) => lines)
  assert.equal(new Set(acked).size, acked.length, 'nothing was acked twice')
  const { done, dead, total } = await queue.counts()
  assert.deepEqual({ done, dead, total }, { done: ITEMS - POISON, dead: POISON, total: ITEMS })
  await queue.destroy()
  await queue.close()
  console.log(`made by the ${maker === old ? 'old' : 'new'} one: ${acked.length} acks, each of another item`)
}

async function refuses(old, url) {
  const { WatchdogQueue } = require_(NEW)
  const queue = await WatchdogQueue.connect(url, SESSION)
  await queue.createQueue({ queue: ['a'], backoff: { delayMs: 10 } })
  const { err, code } = await worker(old, url)
  assert.equal(code, 1)
  assert.match(err, /ERR_VERSION/)
  assert.equal((await queue.counts()).ready, 1)
  await queue.close()
}

async function leavesAlone(old, url) {
  const [{ WatchdogQueue: Old }, { WatchdogQueue: New }] = [require_(old), require_(NEW)]
  const [before, now] = [await Old.connect(url, SESSION), await New.connect(url, SESSION)]
  await before.createQueue({ queue: ['a', 'b'] })
  const oldTimer = await before.createTimer('old')
  const timer = await now.createTimer('new')
  await (await timer.lease()).nack('later', { delayMs: 200 })

  const error = await oldTimer.lease().then(
    () => undefined,
    (error) => error,
  )

  assert.equal(error?.code, 'ERR_CORRUPT')
  await timer.run(async () => {})
  const { done, total } = await now.counts()
  assert.deepEqual({ done, total }, { done: 2, total: 2 })
  await Promise.allSettled([before.close(), now.close()])
}

function require_(entry) {
  return createRequire(import.meta.url)(entry)
}
