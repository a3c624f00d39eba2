// How many workers have ended on a board, and how many of them died, whoever asks and whenever.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { Scoreboard } from '../../lib'
import { BoardBytes, SLOT } from '../support/board-file'
import { open } from '../support/boards'
import { startWorker } from '../support/cli'
import { tempDir } from '../support/temp-dir'

/** So many workers come and close. */
function closeMany(baseDir: string, count: number): void {
  for (let i = 0; i < count; i++) {
    using board = new Scoreboard({ baseDir })
    board.claim()
  }
}

describe('How many have ended on a board', () => {
  it('tells those that died from those that closed, before and after they are cleaned up', async () => {
    const baseDir = tempDir()
    const reader = open({ baseDir })
    const before = reader.ended()
    closeMany(baseDir, 3)
    await (await startWorker(baseDir, 'a', 'x')).killed()
    const living = open({ baseDir })
    living.claim()

    const found = [reader.ended(), open({ baseDir, readOnly: true }).ended()]
    reader.cleanup()
    const cleaned = [reader.ended(), open({ baseDir }).ended()]
    closeMany(baseDir, 2)

    assert.deepEqual(before, { ended: 0, died: 0, isExact: true, diedTold: 0 })
    for (const one of [...found, ...cleaned]) {
      assert.deepEqual(one, { ended: 4, died: 1, isExact: true, diedTold: 1 })
    }
    assert.deepEqual(reader.ended(), { ended: 6, died: 1, isExact: true, diedTold: 1 })
  })

  it('counts nobody whose slot is being claimed, which looks free under its new epoch for a moment', async () => {
    const baseDir = tempDir()
    const reader = open({ baseDir, slots: 1 })
    await (await startWorker(baseDir, 'a', 'x')).killed()
    reader.cleanup()
    const bytes = new BoardBytes(join(baseDir, 'board'))
    bytes.write(bytes.slotOffset(0) + SLOT.epoch, 8, 2)
    bytes.save()

    assert.deepEqual(reader.ended(), { ended: 1, died: 1, isExact: true, diedTold: 1 })
  })

  it('stays exact for a reader that looks, and says of one that comes late what the board has forgotten', async () => {
    const baseDir = tempDir()
    const reader = open({ baseDir, slots: 1 })
    await (await startWorker(baseDir, 'a', 'x')).killed()
    for (let look = 0; look < 3; look++) {
      closeMany(baseDir, 30)
      reader.ended()
    }
    await (await startWorker(baseDir, 'b', 'x')).killed()
    const late = open({ baseDir })
    const [known, forgotten] = [reader.ended(), late.ended()]
    await (await startWorker(baseDir, 'c', 'x')).killed()

    assert.deepEqual(known, { ended: 92, died: 2, isExact: true, diedTold: 2 })
    assert.deepEqual(forgotten, { ended: 92, died: 1, isExact: false, diedTold: 0 })
    assert.deepEqual(late.ended(), { ended: 93, died: 2, isExact: false, diedTold: 1 })
  })
})
