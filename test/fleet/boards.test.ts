// Boards of a fleet that cannot be read, or that are gone after a reboot; and machines that are called the same.

import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join as pathJoin } from 'node:path'
import { Fleet, type FleetMember } from '../../lib'
import { decodeMember, encodeMember, MAX_ERROR_BYTES } from '../../lib/fleet/record'
import { Viewer } from '../../lib/fleet/viewer'
import { openStore } from '../../lib/queue/connect'
import { shortId } from '../../lib/view/fleet'
import { open } from '../support/boards'
import { runCli } from '../support/cli'
import { eventually } from '../support/eventually'
import { join, look, machine, startAgent } from '../support/machines'
import { tempDir } from '../support/temp-dir'

const fresh = () => `local:${pathJoin(tempDir(), 'fleet')}`
const states = ({ boards }: FleetMember) => boards.map(({ state }) => state)

describe('A board that its agent cannot read', () => {
  it('is told of with the reason, until it is read after all', async () => {
    const [bad, file, none] = ['bad', 'file', 'none'].map((name) => pathJoin(tempDir(), name)) as [
      string,
      string,
      string,
    ]
    mkdirSync(bad)
    writeFileSync(pathJoin(bad, 'board'), Buffer.alloc(5000, 'x'))
    writeFileSync(file, 'x')
    const url = fresh()
    const [member, other] = [
      await join(url, { boards: [bad, none], name: 'm' }),
      await join(url, { boards: [file], name: 'file' }),
    ]
    const fleet = await look(url)

    const { error, boards } = await machine(fleet, 'm', (one) => one.error !== undefined)
    assert.equal(error!.code, 'BAD_BOARD')
    assert.match(error!.message, /bad: .*this file is no board/)
    assert.deepEqual(
      boards.map((board) => board.error !== undefined),
      [true, false],
    )
    assert.deepEqual(states(member), ['unreadable', 'missing'])
    assert.deepEqual(states(other), ['unreadable'])

    rmSync(bad, { recursive: true })
    open({ baseDir: bad, workerId: 'w' }).update('x')
    open({ baseDir: none, slots: 2 })

    const well = await machine(fleet, 'm', (one) => one.workers.length === 1)
    assert.equal(well.error, undefined)
    await eventually(() => states(member).every((state) => state === 'read'), 'both to be read')
  })

  it('is no reason to refuse the record of its machine, however long that is', () => {
    const counts = { slots: 0, live: 0, busy: 0, blocked: 0, dead: 0 }
    const board = { dir: '/run/app', boardId: '', ...counts, kinds: {}, totals: {}, parts: [] }
    const whole = { name: 'm', host: 'h', labels: {}, joinedAt: 1, phase: 'joined' as const }
    const rest = { life: '0'.repeat(16), followMs: 0, retainMs: 0 }
    const record = (error: string) =>
      decodeMember(encodeMember({ ...whole, ...rest, boards: [{ ...board, error }] }))

    assert.equal(record('no')!.boards[0]!.error, 'no')
    assert.equal(record('x'.repeat(MAX_ERROR_BYTES + 1)), undefined)
  })
})

describe('A machine that was lost with its boards, as by a reboot', () => {
  it('is shown with its last words when it is back, for as long as it asked to', async () => {
    const url = fresh()
    const baseDir = pathJoin(tempDir(), 'board')
    const board = open({ baseDir, workerId: 'w' })
    board.update('resizes photo 7')
    const options = { boards: [baseDir], name: 'm' }
    const first = await startAgent(url, options)
    const fleet = await look(url)
    await machine(fleet, 'm', ({ workers }) => workers[0]?.status === 'resizes photo 7')

    await first.child.killed()
    board.close()
    rmSync(baseDir, { recursive: true })
    const second = await startAgent(url, options)

    const back = await machine(fleet, 'm', (one) => one.state === 'live' && one.before !== undefined)
    assert.equal(second.id, first.id)
    assert.deepEqual(back.workers, [])
    assert.deepEqual(
      back.before!.workers.map(({ id, status }) => [id, status]),
      [['w', 'resizes photo 7']],
    )
    assert.equal((await fleet.readAll()).size, 0)
    const { stdout, stderr } = await runCli(['ls', '--dead', url])
    assert.match(stdout, /^m .*w .*lost .*resizes photo 7/m)
    assert.match(stderr, /m was lost, and came back \S+ ago, with 1 worker/)

    // Started and ended once more, with nothing new to tell of, it does not forget them; the end of their time does.
    await second.child.killed()
    await machine(fleet, 'm', ({ state }) => state === 'lost')
    const third = await join(url, options)
    await third.leave()
    await machine(fleet, 'm', ({ state, before }) => state === 'left' && before?.workers.length === 1)
    await startAgent(url, { ...options, retainMs: 0 })
    await machine(fleet, 'm', (one) => one.state === 'live' && one.before === undefined)
    const viewer = await Viewer.open(await openStore(url, {}), 100, undefined)
    const store = await openStore(url, {})
    await viewer.sweep()
    assert.deepEqual(await store.list('parts'), [])
    await Promise.all([viewer.close(), store.close()])
  })

  it('is not where its agent alone was killed: the board tells of everybody', async () => {
    const url = fresh()
    const board = open({ baseDir: tempDir(), workerId: 'w' })
    board.update('works')
    const options = { boards: [board.baseDir], name: 'm' }
    const first = await startAgent(url, options)
    await first.child.killed()
    await join(url, options)

    const back = await machine(await look(url), 'm', ({ workers }) => workers.length === 1)
    assert.equal(back.before, undefined)
  })
})

describe('Machines that are called the same', () => {
  it('are forgotten by their ids, one at a time', async () => {
    const url = fresh()
    const [one, two] = [
      await join(url, { boards: [tempDir()], name: 'm' }),
      await join(url, { boards: [tempDir()], name: 'm' }),
    ]
    await one.leave()

    await assert.rejects(
      Fleet.forget(url, 'm'),
      ({ code, message }) =>
        code === 'ERR_UNSUPPORTED' && message.includes(one.id) && message.includes(two.id),
    )
    assert.equal(await Fleet.forget(url, shortId(one.id)), 1)
    const { machines } = await (await look(url)).snapshot()
    assert.deepEqual(
      machines.map(({ id }) => id),
      [two.id],
    )
  })
})
