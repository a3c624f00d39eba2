// What a connection leaves behind: no sockets in children, no load, nothing that grows.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { WatchdogQueue } from '../../lib'
import { startCli } from '../support/cli'
import { eventually } from '../support/eventually'
import { connect, describeZookeeper, sharedServer, uniqueRoot, uniqueUrl } from '../support/queue'
import { startZookeeper } from '../support/zookeeper-server'

/** Inodes of a process's sockets. */
function socketsOf(pid: number | 'self'): Set<string> {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return new Set(links.filter((link) => link.startsWith('socket:')))
}

/** Inodes of a process's sockets of TCP. */
function internetSocketsOf(pid: number): string[] {
  const lines = ['tcp', 'tcp6'].flatMap((name) =>
    readFileSync(`/proc/net/${name}`, 'utf8').trim().split('\n').slice(1),
  )
  const all = new Set(lines.map((line) => `socket:[${line.trim().split(/\s+/)[9]}]`))
  return [...socketsOf(pid)].filter((socket) => all.has(socket))
}

/** The processor time that a process has used. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  const ticksPerSecond = 100
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

describeZookeeper('What a connection leaves', () => {
  it('is no socket in a child, not even one spawned while it was being made', async () => {
    const url = await uniqueUrl()
    const spawned: ReturnType<typeof spawn>[] = []
    const start = () => spawned.push(spawn('sleep', ['60'], { stdio: 'ignore' }))
    const spawning = setInterval(start, 1)

    await connect(url)
    clearInterval(spawning)
    start()

    try {
      const ours = socketsOf('self')
      assert.ok(ours.size > 0 && spawned.length > 2)
      for (const { pid } of spawned) {
        const inherited = [...socketsOf(pid!)].filter((socket) => ours.has(socket))
        assert.deepEqual(inherited, [])
      }
    } finally {
      for (const child of spawned) child.kill('SIGKILL')
    }
  })

  it('is an idle process while the server is away, with a child or without, and a connection after it', async function () {
    this.timeout(60_000)
    const own = await startZookeeper(1)
    try {
      const url = `zk://${own.hosts}${uniqueRoot()}`
      const queue = await connect(url, { sessionTimeoutMs: 20_000 })
      await queue.createQueue({ queue: ['a'], timerMs: 60_000 })
      const args = ['run', '--session-timeout', '20s', '--', 'sh', '-c', 'echo pid $$; exec sleep 60']
      const running = startCli(args, { ROLLCALL_QUEUE: url })
      await running.says(/pid \d+/)
      const command = running.child.pid!
      const child = Number(/pid (\d+)/.exec(running.stdout)![1])
      await eventually(() => readFileSync(`/proc/${child}/comm`, 'utf8') === 'sleep\n', 'sleep to run')

      const [inherited, ofCommand] = [internetSocketsOf(child), internetSocketsOf(command)]
      await own.servers[0]!.kill()
      const before = [process.pid, command].map(cpuSeconds)
      await delay(2000)
      const spent = [process.pid, command].map((pid, i) => cpuSeconds(pid) - before[i]!)
      await own.servers[0]!.restart()

      assert.deepEqual(inherited, [])
      assert.ok(ofCommand.length > 0)
      assert.ok(
        spent.every((seconds) => seconds < 0.5),
        `${spent} s of CPU in 2 s`,
      )
      assert.equal(await queue.consume(), 'a')
      assert.equal((await queue.checkTimers()).alive, 1)
      process.kill(child, 'SIGTERM')
      assert.equal((await running.ended()).code, 143)
      assert.equal((await queue.checkTimers()).failed, 1)
    } finally {
      await own.stop()
    }
  })

  it('is nothing that grows: 100 connects, and 10,000 kicks and watches', async function () {
    this.timeout(120_000)
    const url = await uniqueUrl()
    const [server] = (await sharedServer()).servers
    const queue = await connect(url)
    await queue.createQueue({ queue: ['a'], timerMs: 10, syncStart: true })
    const timer = await queue.createTimer('worker')
    const descriptors = () => readdirSync('/proc/self/fd').length
    const watches = async () => (await server!.figures()).get('zk_watch_count')!
    const atOnce = 20
    const cycle = async (times: number) => {
      for (let i = 0; i < times; i += atOnce) {
        const kicksAndWatches = Array.from({ length: atOnce }, async (_, n) => {
          await timer.kick(i + n)
          await queue.waitSync({ timeoutMs: 0 })
        })
        await Promise.all(kicksAndWatches)
      }
    }
    const connects = async (times: number) => {
      for (let i = 0; i < times; i++) await (await WatchdogQueue.connect(url)).close()
    }
    await cycle(2000)
    await connects(10)
    const before = { heap: settledHeap(), descriptors: descriptors(), watches: await watches() }

    await cycle(10_000)
    await connects(100)

    const after = { heap: settledHeap(), descriptors: descriptors(), watches: await watches() }
    assert.ok(after.descriptors <= before.descriptors + 2, JSON.stringify({ before, after }))
    assert.ok(after.watches <= before.watches + 2, JSON.stringify({ before, after }))
    assert.ok(after.heap - before.heap < 3e6, JSON.stringify({ before, after }))
  })
})

function settledHeap(): number {
  const gc = (globalThis as { gc?: () => void }).gc
  if (gc === undefined) {
    require('node:v8').setFlagsFromString('--expose-gc')
    ;(globalThis as { gc?: () => void }).gc = require('node:vm').runInNewContext('gc')
    return settledHeap()
  }
  for (let i = 0; i < 3; i++) gc()
  return process.memoryUsage().heapUsed
}
