// What a fleet promises, on both kinds of store.

import assert from 'node:assert/strict'
import { join as pathJoin } from 'node:path'
import { Fleet, type FleetMember, Scoreboard, WatchdogError, WatchdogQueue } from '../../lib'
import { open } from '../support/boards'
import { eventually } from '../support/eventually'
import { join, look, machine, startAgent, startWorker, Told } from '../support/machines'
import { tempDir } from '../support/temp-dir'
import type { QueuePlace } from './place'

/** How many nodes a member writes while `work` runs, and once more `until` holds. */
async function writesOf(member: FleetMember, work: () => Promise<unknown>): Promise<number> {
  const before = member.writes
  await work()
  return member.writes - before
}

export function fleetConformance(place: QueuePlace): void {
  describe(`A fleet, on ${place.name}`, () => {
    it('shows every worker of every machine, with its status, counters and place', async () => {
      const url = await place.freshUrl()
      const counters = { done: 'counter', depth: 'gauge' } as const
      const first = open({ baseDir: tempDir(), workerId: 'a', counters })
      first.update({ job: 7 })
      first.counters.add('done', 3)
      first.counters.set('depth', -2)
      const second = open({ baseDir: tempDir(), workerId: 'b' })
      second.update(Buffer.from([0, 255]))
      await join(url, { boards: [first], name: 'web-1', labels: { zone: 'x' }, page: 'http://web-1:80/' })
      await join(url, { boards: [second.baseDir], name: 'web-2' })

      const { machines, disconnectedMs } = await (await look(url)).snapshot()

      const [one, two] = machines
      assert.equal(machines.length, 2)
      assert.equal(disconnectedMs, 0)
      assert.equal(one!.name, 'web-1')
      assert.equal(one!.state, 'live')
      assert.deepEqual(one!.labels, { zone: 'x' })
      assert.equal(one!.page, 'http://web-1:80/')
      const { dir, live, busy, blocked, dead, totals, counterKinds } = one!.boards[0]!
      assert.deepEqual(
        { dir, live, busy, blocked, dead },
        { dir: first.baseDir, live: 1, busy: 1, blocked: 0, dead: 0 },
      )
      assert.deepEqual(totals, { done: 3, depth: -2 })
      assert.deepEqual(counterKinds, counters)
      const { id, pid, status, statusCut, board, machine: of } = one!.workers[0]!
      assert.deepEqual(
        { id, pid, status, statusCut, board, of },
        {
          id: 'a',
          pid: process.pid,
          status: { job: 7 },
          statusCut: false,
          board: first.baseDir,
          of: 'web-1',
        },
      )
      assert.deepEqual(one!.workers[0]!.counters, { done: 3, depth: -2 })
      assert.deepEqual(two!.workers[0]!.status, Buffer.from([0, 255]))
      assert.equal(two!.workers[0]!.machineId, two!.id)
    })

    it('tells of births, updates, good-byes and deaths', async () => {
      const url = await place.freshUrl()
      const baseDir = tempDir()
      await join(url, { boards: [baseDir], name: 'm' })
      const told = new Told(await look(url))
      const doomed = await startWorker({ baseDir, workerId: 'doomed' }, 'one')
      const polite = await startWorker({ baseDir, workerId: 'polite' }, 'one')
      await told.line('m/doomed new "one"')
      await told.line('m/polite new "one"')

      await polite.ask({ method: 'update', args: ['two'] })
      await told.line('m/polite "two"')
      await polite.ask({ method: 'close' })
      await doomed.killed()

      await told.line('m/polite closed')
      await told.line('m/doomed died')
      await told.stop()
      assert.equal(told.lines[0], 'm joined')
    })

    it('shows who has died with the last status, and who is blocked until it comes back', async () => {
      const url = await place.freshUrl()
      const baseDir = tempDir()
      const fleet = await join(url, { boards: [baseDir], name: 'm', blockedAfterMs: 200 }).then(() =>
        look(url),
      )
      const options = { baseDir, heartbeatMs: 50 }
      const dead = await startWorker({ ...options, workerId: 'dead' }, 'last words')
      const stopped = await startWorker({ ...options, workerId: 'stopped' })
      const told = new Told(fleet)
      await told.line('m/stopped new "ready"')
      stopped.signal('SIGSTOP')
      await dead.killed()

      const { boards, workers } = await machine(fleet, 'm', ({ boards: [board] }) => {
        return board!.blocked === 1 && board!.dead === 1
      })
      await told.line('m/stopped blocked "ready"')
      stopped.signal('SIGCONT')

      assert.equal(boards[0]!.live, 1)
      assert.deepEqual(workers.map(({ id, state, status }) => [id, state, status]).sort(), [
        ['dead', 'dead', 'last words'],
        ['stopped', 'live', 'ready'],
      ])
      await machine(fleet, 'm', ({ boards: [board] }) => board!.blocked === 0)
      await told.line('m/stopped "ready"')
      await told.stop()
    })

    it('keeps the last words of a machine whose agent was killed, and knows it when it comes back', async () => {
      const url = await place.freshUrl()
      const board = open({ baseDir: tempDir(), workerId: 'w', counters: { done: 'counter' } })
      board.update('last words')
      board.counters.add('done', 5)
      const options = { boards: [board.baseDir], name: 'm' }
      const agent = await startAgent(url, options)
      const fleet = await look(url)
      const told = new Told(fleet)
      await told.line('m/w new "last words"')

      await agent.child.killed()

      const lost = await machine(fleet, 'm', ({ state }) => state === 'lost')
      assert.deepEqual(
        lost.workers.map(({ id, status }) => [id, status]),
        [['w', 'last words']],
      )
      assert.deepEqual(await fleet.totals(), { done: 5 })
      assert.equal((await fleet.readAll()).size, 0)
      await told.line('m lost')
      const again = await startAgent(url, options)
      await machine(fleet, 'm', ({ state }) => state === 'live')
      board.update('and on')
      await told.line('m/w "and on"')
      await told.stop()
      assert.equal(again.id, agent.id)
      assert.equal((await fleet.snapshot()).machines.length, 1)
      assert.deepEqual(
        told.lines.filter((line) => /died|closed/.test(line)),
        [],
      )
    })

    it('lists a machine that left until it is forgotten, and forgets none that is live', async () => {
      const url = await place.freshUrl()
      const board = open({ baseDir: tempDir(), counters: { done: 'counter' } })
      board.counters.add('done', 2)
      const stays = await join(url, { boards: [board], name: 'stays' })
      const leaves = await join(url, { boards: [tempDir()], name: 'leaves' })
      const fleet = await look(url)
      const told = new Told(fleet)

      await leaves.leave()

      const left = await machine(fleet, 'leaves', ({ state }) => state === 'left')
      assert.deepEqual(left.workers, [])
      await assert.rejects(fleet.forget('stays'), { code: 'ERR_UNSUPPORTED' })
      await assert.rejects(fleet.forget('nobody'), { code: 'ERR_NOT_FOUND' })
      assert.equal(await Fleet.forget(url, 'leaves'), 1)
      await told.line('leaves forgotten')
      await told.stop()
      assert.deepEqual(
        (await fleet.snapshot()).machines.map(({ id }) => id),
        [stays.id],
      )
      assert.ok(!told.lines.includes('leaves lost'))
    })

    it('shows both where two have the same name, and where the same machine joins twice', async () => {
      const url = await place.freshUrl()
      const board = open({ baseDir: tempDir(), workerId: 'w' })
      board.update('here')
      const first = await join(url, { boards: [board], name: 'm' })
      const told = new Told(await look(url))
      await told.line('m/w new "here"')
      const twin = await join(url, { boards: [board], name: 'm' })
      const other = await join(url, { boards: [tempDir()], name: 'm' })
      const fleet = await look(url)

      const live = async () => (await fleet.snapshot()).machines.filter(({ state }) => state === 'live')
      await eventually(async () => (await live()).length === 3, 'three machines of one name')

      const ids = (await live()).map(({ id }) => id)
      assert.deepEqual(ids.toSorted(), [first.id, twin.id, other.id].sort())
      await eventually(
        async () => [...(await fleet.readAll()).keys()].sort().join() === 'm/w,m/w#2',
        'the worker of both that tell of its board',
      )
      await told.stop()
      assert.deepEqual(
        told.lines.filter((line) => /died|closed/.test(line)),
        [],
      )
    })

    it('cuts long statuses, keeps the shape of those that JSON says, and says so', async () => {
      const url = await place.freshUrl()
      const baseDir = tempDir()
      const publish = (workerId: string, status: never) => open({ baseDir, workerId }).update(status)
      publish('text', 'ü'.repeat(300) as never)
      publish('json', { path: `/${'x'.repeat(1000)}`, state: 'working' } as never)
      publish('list', Array.from({ length: 500 }, (_, i) => i) as never)
      publish('bytes', Buffer.alloc(600, 7) as never)
      publish('short', 'short' as never)
      await join(url, { boards: [baseDir], name: 'm', statusBytes: 101 })

      const { workers } = await machine(await look(url), 'm')

      const status = (id: string) => workers.find((worker) => worker.id === id)!
      assert.equal(status('text').status, 'ü'.repeat(50))
      assert.ok(status('text').statusCut)
      assert.ok(String(status('list').status).startsWith('[0,1,2'))
      assert.equal((status('bytes').status as Buffer).length, 101)
      assert.deepEqual([status('short').status, status('short').statusCut], ['short', false])
      const cut = status('json').status
      assert.equal(typeof cut, 'string') // 96 characters and the rest of it are more than 101 bytes
      await join(url, { boards: [baseDir], name: 'longer', statusBytes: 200 })
      const longer = await machine(await look(url), 'longer')
      const { path, state } = longer.workers.find(({ id }) => id === 'json')!.status as Record<string, string>
      assert.equal(state, 'working')
      assert.match(path!, /^\/x{95}\.\.\.$/)
    })

    it('writes the workers only while somebody looks, only where they moved, and nothing while nothing does', async () => {
      const url = await place.freshUrl()
      const baseDir = tempDir()
      const workers = Array.from({ length: 200 }, (_, i) =>
        open({ baseDir, workerId: `w${i}`, heartbeatMs: 0 }),
      )
      for (const worker of workers) worker.update('one')
      const member = await join(url, { boards: [workers[0]!], name: 'm' })
      const marker = await join(url, { boards: [tempDir()], name: 'marker' })

      // Nobody looks. The other's good-bye, which it takes a round to write, comes after what would have been written.
      const unseen = await writesOf(member, async () => {
        for (const worker of workers) worker.update('two')
        await marker.leave()
      })
      const fleet = await look(url)
      const isTwo = ({ workers: seen }: { workers: { status?: unknown }[] }) =>
        seen.length === 200 && seen.every(({ status }) => status === 'two')
      await machine(fleet, 'm', isTwo)
      const oneMoved = await writesOf(member, async () => {
        workers[199]!.update('three')
        await machine(fleet, 'm', ({ workers: seen }) => seen.some(({ status }) => status === 'three'))
      })
      const quiet = await writesOf(member, () => join(url, { boards: [tempDir()], name: 'late' }))

      assert.equal(unseen, 0)
      assert.equal(oneMoved, 2, 'the part of the one that moved, and the record with its revision')
      assert.equal(quiet, 0)
    })

    it('knows when nobody looks any more, so that whoever comes next is shown what is', async () => {
      const url = await place.freshUrl()
      const board = open({ baseDir: tempDir(), workerId: 'w' })
      board.update('one')
      const member = await join(url, { boards: [board], name: 'm' })
      await (await look(url)).close()
      const before = member.writes

      await eventually(() => member.writes > before, 'the agent to note that nobody looks')
      board.update('two')

      const { workers } = await machine(await look(url), 'm')
      assert.equal(workers[0]!.status, 'two')
    })

    it('shows two viewers the same, once nothing moves', async () => {
      const url = await place.freshUrl()
      const baseDir = tempDir()
      const board = open({ baseDir, workerId: 'w' })
      const member = await join(url, { boards: [baseDir], name: 'm' })
      const early = await look(url)
      for (let i = 0; i <= 50; i++) {
        board.update(i)
        if (i % 10 === 0) await new Promise(setImmediate)
      }
      const late = await look(url, { minIntervalMs: 5000 })
      await machine(early, 'm', ({ workers }) => workers[0]?.status === 50)
      await machine(late, 'm', ({ workers }) => workers[0]?.status === 50)

      const facts = async (fleet: Fleet) => {
        const { machines } = await fleet.snapshot()
        return machines.map(({ ageMs: _, workers, ...rest }) => ({
          ...rest,
          workers: workers.map(({ ageMs, heartbeatAgeMs, ...facts }) => facts),
        }))
      }

      await eventually(
        async () => JSON.stringify(await facts(early)) === JSON.stringify(await facts(late)),
        'two viewers to agree',
      )
      assert.ok(member.writes > 0)
    })

    it('waits for a board, and follows the one that takes its place', async () => {
      const url = await place.freshUrl()
      const baseDir = pathJoin(tempDir(), 'later')
      await join(url, { boards: [baseDir], name: 'm' })
      const fleet = await look(url)
      assert.equal((await machine(fleet, 'm')).boards[0]!.boardId, '')
      const board = open({ baseDir, workerId: 'first', slots: 4 })
      board.update('one')
      const told = new Told(fleet)
      await told.line('m/first new "one"')

      board.reset()
      open({ baseDir, workerId: 'second', slots: 8 }).update('two')

      await told.line('m/second new "two"')
      await told.line('m/first closed')
      await told.stop()
      assert.equal((await machine(fleet, 'm')).boards[0]!.slots, 8)
    })

    it('ends its watches by abort, by return and by close', async () => {
      const url = await place.freshUrl()
      await join(url, { boards: [tempDir()], name: 'm' })
      const fleet = await look(url)
      const stop = new AbortController()
      const [aborted, returned, closed] = [fleet.watch({ signal: stop.signal }), fleet.watch(), fleet.watch()]
      for (const one of [aborted, returned, closed]) assert.equal((await one.next()).value.machines.length, 1)
      const pending = [aborted, returned, closed].map((one) => one.next())

      stop.abort(new Error('enough'))
      await returned.return!()
      await fleet.close()

      await assert.rejects(pending[0]!, { message: 'enough' })
      assert.deepEqual(await pending[1], { done: true, value: undefined })
      await assert.rejects(pending[2]!, { code: 'ERR_CLOSED' })
      assert.deepEqual(await closed.next(), { done: true, value: undefined })
      await assert.rejects(fleet.snapshot(), { code: 'ERR_CLOSED' })
    })

    it('refuses to look where there is none, or something else', async () => {
      const url = await place.freshUrl()
      await assert.rejects(look(url), { code: 'ERR_NOT_FOUND' })
      const queue = await WatchdogQueue.connect(url)
      try {
        await queue.createQueue({ queue: ['a'] })

        await assert.rejects(look(url), { name: 'WatchdogError', code: 'ERR_UNSUPPORTED' })
        await assert.rejects(join(url, { boards: [tempDir()] }), WatchdogError)
      } finally {
        await queue.close()
      }
    })

    it('never writes to the boards that it tells of', async () => {
      const url = await place.freshUrl()
      const baseDir = tempDir()
      open({ baseDir, workerId: 'w' }).update('here')
      await join(url, { boards: [baseDir], name: 'm' })
      await machine(await look(url), 'm', ({ workers }) => workers.length === 1)

      const { workers } = new Scoreboard({ baseDir, readOnly: true }).snapshot({ includeDead: true })

      assert.deepEqual(
        workers.map(({ id }) => id),
        ['w'],
      )
    })
  })
}
