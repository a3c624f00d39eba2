// Machines that are lost: stopped, cut off, killed, kept with their last words, and taken off the list.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join as pathJoin } from 'node:path'
import { Fleet } from '../../lib'
import { lostPath, memberPath, partsPath } from '../../lib/fleet/names'
import { Viewer } from '../../lib/fleet/viewer'
import { openStore } from '../../lib/queue/connect'
import { open } from '../support/boards'
import { eventually } from '../support/eventually'
import { join, look, machine, startAgent, Told } from '../support/machines'
import { BreakingProxy } from '../support/proxy'
import { describeZookeeper, sharedServer, uniqueRoot, uniqueUrl } from '../support/queue'
import { tempDir } from '../support/temp-dir'

function boardWith(status: string) {
  const board = open({ baseDir: tempDir(), workerId: 'w' })
  board.update(status)
  return board
}

/** A viewer whose sweeping is ours to call, and the store that it reads. */
async function sweeper(url: string) {
  const viewer = await Viewer.open(await openStore(url, {}), 100, undefined)
  const store = await openStore(url, {})
  const close = () => Promise.all([viewer.close(), store.close()])
  return { viewer, store, close }
}

describeZookeeper('An agent whose session ends', () => {
  it('is lost while it is stopped, and live when it goes on; none of its workers is said to be gone', async () => {
    const url = await uniqueUrl()
    const board = boardWith('before')
    const agent = await startAgent(url, { boards: [board.baseDir], name: 'm' })
    const told = new Told(await look(url))
    await told.line('m/w new "before"')

    agent.child.signal('SIGSTOP')
    await told.line('m lost')
    board.update('after')
    agent.child.signal('SIGCONT')

    await told.line('m/w "after"')
    await told.stop()
    assert.deepEqual(
      told.lines.filter((line) => line.startsWith('m ')),
      ['m joined', 'm lost', 'm joined'],
    )
    assert.deepEqual(
      told.lines.filter((line) => /died|closed/.test(line)),
      [],
    )
  })

  it('is lost while it is cut off in silence, and comes back by itself', async () => {
    const { servers, hosts } = await sharedServer()
    const root = uniqueRoot()
    const proxy = await BreakingProxy.start(servers[0]!.port)
    try {
      const board = boardWith('before')
      await join(`zk://127.0.0.1:${proxy.port}${root}`, { boards: [board], name: 'm' })
      const fleet = await look(`zk://${hosts}${root}`)
      const told = new Told(fleet)
      await told.line('m/w new "before"')

      proxy.silence('toServer', 'toClient')
      const lost = await machine(fleet, 'm', ({ state }) => state === 'lost')
      board.update('after')
      proxy.silence()

      await told.line('m/w "after"')
      await told.stop()
      assert.equal(lost.workers[0]!.status, 'before')
      assert.equal((await machine(fleet, 'm')).state, 'live')
    } finally {
      await proxy.stop()
    }
  })
})

describeZookeeper('A viewer that is cut off', () => {
  it('says so, reports nobody lost, and catches up', async () => {
    const { servers, hosts } = await sharedServer()
    const root = uniqueRoot()
    const board = boardWith('before')
    const member = await join(`zk://${hosts}${root}`, { boards: [board], name: 'm' })
    const proxy = await BreakingProxy.start(servers[0]!.port)
    try {
      const fleet = await look(`zk://127.0.0.1:${proxy.port}${root}`)
      const told = new Told(fleet)
      await told.line('m/w new "before"')

      proxy.silence('toServer', 'toClient')
      await eventually(async () => (await fleet.snapshot()).disconnectedMs > 0, 'the viewer to notice')
      // Nobody looks any more once its session is over, so nobody writes.
      board.update('after')
      const { machines } = await fleet.snapshot()
      proxy.silence()

      await told.line('m/w "after"')
      await eventually(
        async () => (await fleet.snapshot()).disconnectedMs === 0,
        'the viewer to be connected',
      )
      await told.stop()
      assert.equal(machines[0]!.state, 'live')
      assert.ok(member.writes > 0)
      assert.deepEqual(
        told.lines.filter((line) => /lost|died|closed/.test(line)),
        [],
      )
    } finally {
      await proxy.stop()
    }
  })
})

describe('A machine that is lost or has left', () => {
  const fresh = () => `local:${pathJoin(tempDir(), 'fleet')}`

  it('comes back by itself where somebody has removed the whole fleet', async () => {
    const url = fresh()
    const board = boardWith('before')
    await join(url, { boards: [board], name: 'm' })
    const early = await look(url)
    rmSync(url.slice('local:'.length), { recursive: true })

    board.claim()
    open({ baseDir: board.baseDir, workerId: 'news' }).update('there')

    const seen = await eventually(async () => {
      try {
        await using late = await Fleet.connect(url, { minIntervalMs: 100 })
        return (await late.snapshot()).machines[0]
      } catch {
        return undefined
      }
    }, 'the fleet to be made again')
    assert.equal(seen!.name, 'm')
    await early.close()
  })

  it('stays for as long as it asked to, and goes with all that it wrote', async () => {
    const url = fresh()
    const stays = await startAgent(url, { boards: [boardWith('x').baseDir], name: 'stays' })
    const goes = await startAgent(url, { boards: [boardWith('x').baseDir], name: 'goes', retainMs: 0 })
    const leaves = await join(url, { boards: [boardWith('x')], name: 'leaves', retainMs: 0 })
    const { viewer, store, close } = await sweeper(url)
    const life = viewer.model.get(goes.id)!.reading!.record.life
    await Promise.all([stays.child.killed(), goes.child.killed(), leaves.leave()])
    const since = () =>
      [...viewer.model.machines].map(({ lostAt, lives }) => [lives.size, lostAt !== undefined])
    await eventually(
      () =>
        since().filter(([lives]) => lives === 0).length === 3 &&
        viewer.model.get(goes.id)?.lostAt !== undefined,
      () => `all to be known as lost: ${JSON.stringify(since())}`,
    )

    await eventually(async () => {
      await viewer.sweep()
      return viewer.model.entries().length === 1
    }, 'two of them to be taken off the list')

    assert.equal(viewer.model.entries()[0]!.name, 'stays')
    assert.equal(viewer.model.entries()[0]!.state, 'lost')
    for (const path of [memberPath(goes.id), partsPath(goes.id, life), lostPath(goes.id, life)]) {
      assert.equal(await store.get(path), undefined, path)
    }
    await close()
  })

  it('leaves nothing of its earlier lives, and what belongs to nobody is swept', async () => {
    const url = fresh()
    const boards = [boardWith('x').baseDir]
    const first = await startAgent(url, { boards, name: 'm' })
    await first.child.killed()
    await startAgent(url, { boards, name: 'm' })
    const { viewer, store, close } = await sweeper(url)
    const orphan = partsPath(first.id, '0'.repeat(16))
    await store.create(orphan, Buffer.alloc(0))
    await store.create(`${orphan}/0-0`, Buffer.from('old'))

    await viewer.sweep()

    const life = viewer.model.get(first.id)!.reading!.record.life
    await eventually(
      async () => (await store.list('parts'))!.join() === partsPath(first.id, life).slice('parts/'.length),
      'only the parts of the life that lives',
    )
    assert.deepEqual(await store.list('lost'), [])
    assert.equal(viewer.model.entries()[0]!.workers.length, 1)
    await close()
  })
})
