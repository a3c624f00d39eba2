// What workers cost, as the reader finds out.

import assert from 'node:assert/strict'
import { Scoreboard, type WorkerEntry } from '../../lib'
import { BoardBytes, SLOT } from '../support/board-file'
import { eventually } from '../support/eventually'
import { startHanging } from '../support/hanging'
import { tempDir } from '../support/temp-dir'

;(process.platform === 'linux' ? describe : describe.skip)('The vitals of a worker', () => {
  let board: Scoreboard
  const look = (): WorkerEntry[] => board.snapshot({ vitals: true, includeDead: true }).workers

  beforeEach(() => {
    board = new Scoreboard({ baseDir: tempDir() })
  })

  afterEach(() => board.close())

  it('are there for whoever asks for them only', () => {
    board.update('x')

    assert.equal(board.snapshot().workers[0]!.vitals, undefined)
    const { cpuMs, rssBytes, threads, procState, cpuPercent } = look()[0]!.vitals!
    const { user, system } = process.cpuUsage()
    assert.ok(Math.abs(cpuMs - (user + system) / 1000) < 500)
    assert.ok(rssBytes > process.memoryUsage().rss / 2 && rssBytes < process.memoryUsage().rss * 2)
    assert.ok(threads > 4 && /[RS]/.test(procState) && cpuPercent >= 0)
  })

  it('tell who burns a core, and who waits', async () => {
    const { worker: busy } = await startHanging(board, 'loop')
    const { worker: idle } = await startHanging(board, 'turns')
    const percent = (worker: WorkerEntry) => look().find(({ id }) => id === worker.id)!.vitals!.cpuPercent
    look()

    await eventually(
      () => percent(busy) > 5 * Math.max(1, percent(idle)),
      'the busy one to be told from the idle',
    )
  })

  it('are those of the thread where the worker is one', async () => {
    const { worker } = await startHanging(board, 'thread')
    const ofThread = () => look().find(({ id }) => id === worker.id)!.vitals!

    const before = ofThread().cpuMs
    await eventually(() => ofThread().cpuMs > before + 50, 'its own time')

    assert.ok(ofThread().threads > 1)
  })

  it('are not there for the dead, nor for a pid that is another process by now, or another namespace’s', async () => {
    const { child } = await startHanging(board, 'turns')
    board.update('x')
    const [dead, ours] = [child.pid, process.pid].map((pid) => look().findIndex((one) => one.pid === pid))
    await child.killed()
    assert.deepEqual([look()[dead!]!.state, look()[dead!]!.vitals], ['dead', undefined])

    for (const [field, value] of [
      [SLOT.processStart, 1n],
      [SLOT.pidNamespace, 1n],
    ] as const) {
      const file = new BoardBytes(`${board.baseDir}/board`)
      const at = file.slotOffset(look()[ours!]!.slot) + field
      const honest = file.read(at, 8)
      file.write(at, 8, value)
      file.save()
      using reader = new Scoreboard({ baseDir: board.baseDir, readOnly: true })
      const found = reader.snapshot({ vitals: true }).workers.find(({ pid }) => pid === process.pid)
      file.write(at, 8, honest)
      file.save()

      assert.deepEqual([found!.state, found!.vitals], ['live', undefined])
    }
  })
})
